"""Replies under way: one task each, owned by the program and not by anything on the screen.

A turn has three parts that cannot stop one another. The receiver takes events from the provider into memory; the saver
writes what is in memory to ``live_replies``; the turn itself waits for the end, whoever brings it (the model, the
person, the close of the program, an error), and then settles the reply. A provider that does not heed its
cancellation therefore delays nothing, and a disk that is full for a while costs nothing but time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sterna.config import Settings
from sterna.providers import Catalog, ProviderError
from sterna.storage import Begun, Finish, LiveReplies, Messages, NotFound, Store, StoreError, StoreThread

from .reply import Ending, Reply
from .reply_events import failed, receive, unasked_for
from .requests import Asking, Prepared

log = logging.getLogger("sterna.chat")

T = TypeVar("T")
Listener = Callable[[Reply], None]

SAVE_SECONDS = 0.5
LONGEST_PAUSE = 8.0
"""Between two tries to keep a reply."""
CLOSE_SECONDS = 2.0
LOST = "The reply could not be kept. What was saved of it comes back at the next start; the log says what happened."


class AnsweringError(StoreError):
    """The conversation's last reply is still arriving."""

    def __init__(self) -> None:
        super().__init__("This conversation is still being answered. Wait for the reply, or stop it, and send again.")


class Turns:
    """Every turn of this process. Make it in the event loop that will use it, and :meth:`close` it before the store."""

    def __init__(
        self,
        store: StoreThread,
        catalog: Catalog,
        *,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.catalog = catalog
        self.settings = settings
        """May be replaced; the next turn follows it."""
        self._store = store
        self._monotonic = monotonic
        self._sleep = sleep
        self._live: dict[str, Reply] = {}
        self._claimed: set[str] = set()
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    async def begin(
        self,
        session_id: str | None,
        text: str,
        *,
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[Begun, Reply]:
        """Keep what was typed, then ask. It is stored when this returns; when it raises StoreError nothing is stored.

        ``session_id`` None makes a conversation, with ``settings`` as its own. ``model`` is for this turn alone.
        """
        return await self._finish(self._begin(session_id, text, model, settings))

    async def retry(self, message_id: str, *, model: str | None = None) -> tuple[Begun, Reply]:
        """Ask again for what the reply ``message_id`` should have answered. Raises StoreError: nothing changed."""
        return await self._finish(self._retry(message_id, model))

    def running(self) -> list[Reply]:
        """Replies that are not settled yet, the oldest first."""
        return list(self._live.values())

    def live(self, session_id: str) -> Reply | None:
        """The reply that is arriving in that conversation."""
        return self._live.get(session_id)

    def stop(self, session_id: str, finish: Finish = "stopped") -> bool:
        """:meth:`Reply.stop` for the reply of that conversation. False when there is none, or it has just ended."""
        reply = self._live.get(session_id)
        return reply is not None and reply.stop(finish)

    async def halt(self, session_id: str) -> None:
        """:meth:`stop`, and return once what came is kept."""
        self.stop(session_id)
        while (reply := self._live.get(session_id)) is not None:
            await reply.changed(reply.version)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` when a reply begins, settles, or its ``problem`` changes; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def end_all(self) -> None:
        """End every reply as interrupted and keep what came; what cannot be kept at once stays in ``live_replies``."""
        self._closing.set()
        for reply in self.running():
            reply.stop("interrupted")

    async def close(self) -> None:
        """:meth:`end_all`, and wait two seconds at most. What is not settled by then is found at the next start."""
        self.end_all()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()

    # One turn

    async def _begin(
        self, session_id: str | None, text: str, model: str | None, settings: Mapping[str, Any] | None
    ) -> tuple[Begun, Reply]:
        def store_turn(store: Store) -> tuple[Begun, Asking]:
            own = store.conversations.settings(session_id) if session_id is not None else {}
            asking = Asking.choose({**own, **(settings or {})}, self.settings, model or "", fallback)
            return store.live_replies.begin_turn(session_id, text, model=asking.ref, settings=settings), asking

        fallback = self.catalog.default_ref()
        with self._claim(session_id):
            return self._start(*await self._store.run(store_turn))

    async def _retry(self, message_id: str, model: str | None) -> tuple[Begun, Reply]:
        def store_turn(store: Store) -> tuple[Begun, Asking]:
            asking = Asking.choose(store.conversations.settings(session_id), self.settings, model or "", fallback)
            return store.live_replies.begin_retry(message_id, model=asking.ref), asking

        fallback = self.catalog.default_ref()
        session_id = (await self._store.run(Messages.get, message_id)).session_id
        with self._claim(session_id):
            return self._start(*await self._store.run(store_turn))

    def _start(self, begun: Begun, asking: Asking) -> tuple[Begun, Reply]:
        reply = Reply(begun.reply.id, begun.session.id, begun.user_message.id, asking.ref, self._monotonic())
        self._live[reply.session_id] = reply
        self._own(self._turn(reply, begun, asking), f"turn {reply.id}")
        if self._closing.is_set():
            reply.end(Ending("interrupted"))
        self._tell(reply)
        return begun, reply

    async def _turn(self, reply: Reply, begun: Begun, asking: Asking) -> None:
        receiver = self._own(self._receive(reply, begun, asking), f"receive {reply.id}")
        receiver.add_done_callback(lambda task: reply.end(unasked_for(task)))
        saver = self._own(self._save(reply), f"save {reply.id}")
        cancelled = False
        try:
            await asyncio.shield(reply.ending)
        except asyncio.CancelledError:
            cancelled = True
            reply.end(Ending("interrupted"))
        elapsed = round((self._monotonic() - reply.started) * 1000)
        receiver.cancel()
        saver.cancel()
        settling = self._own(self._settle(reply, elapsed, once=cancelled), f"settle {reply.id}")
        try:
            await asyncio.wait((settling,))
        finally:
            if not settling.done() or settling.cancelled() or settling.exception() is not None:
                reply.problem = LOST
            del self._live[reply.session_id]
            reply.close()
            self._tell(reply)
        if cancelled:
            raise asyncio.CancelledError

    async def _receive(self, reply: Reply, begun: Begun, asking: Asking) -> None:
        try:
            sent = await asking.prepare(self._store, self.catalog, begun.user_message)
            _note_left_out(reply, sent)
            refusal = await receive(reply, sent.provider, sent.request, self._monotonic, may_shorten=sent.count > 1)
            if refusal is None:
                return
            budget = sent.smaller(refusal)
            shorter = await asking.prepare(self._store, self.catalog, begun.user_message, budget)
            if shorter.count >= sent.count:
                reply.end(failed(refusal))
                return
            _note_left_out(reply, shorter)
            await receive(reply, shorter.provider, shorter.request, self._monotonic)
        except ProviderError as error:
            reply.end(failed(error.failure))
        except StoreError as error:
            reply.end(Ending("failed", str(error), metadata={"kind": "storage"}))

    async def _save(self, reply: Reply) -> None:
        saved, pause = 0, SAVE_SECONDS
        while True:
            await reply.changed(saved)
            await self._first(self._sleep(SAVE_SECONDS), reply.enough.wait())
            version, (content, reasoning) = reply.version, reply.taken()
            try:
                await self._store.run(LiveReplies.save, reply.id, content, reasoning)
            except NotFound:
                return  # deleted, with its conversation
            except StoreError as error:
                self._problem(reply, reply.not_saved(str(error)))
                await self._sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                saved, pause = version, SAVE_SECONDS
                reply.saved = len(content)
                self._problem(reply, None)

    async def _settle(self, reply: Reply, elapsed_ms: int, *, once: bool) -> None:
        """Make it a message. Until that succeeds its text stays in memory, and what was saved of it in its live row."""
        settled, pause = reply.settled(elapsed_ms), SAVE_SECONDS
        while True:
            try:
                message = await self._store.run(LiveReplies.settle, reply.id, settled)
            except NotFound:
                self._problem(reply, None)
                return
            except StoreError as error:
                self._problem(reply, reply.not_saved(str(error)))
            else:
                reply.message = message
                self._problem(reply, None)
                return
            if once or self._closing.is_set():
                return
            await self._first(self._sleep(pause), self._closing.wait())
            pause = min(pause * 2, LONGEST_PAUSE)

    # What all of them need

    @contextmanager
    def _claim(self, session_id: str | None) -> Iterator[None]:
        """No second turn of the conversation, from before its row is written."""
        if session_id is None:
            yield
            return
        if session_id in self._live or session_id in self._claimed:
            raise AnsweringError
        self._claimed.add(session_id)
        try:
            yield
        finally:
            self._claimed.discard(session_id)

    async def _finish(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns. It goes on when the caller is cancelled: what is stored is asked."""
        return await asyncio.shield(self._own(work, "begin", told=True))

    def _own(self, work: Coroutine[Any, Any, T], name: str, *, told: bool = False) -> asyncio.Task[T]:
        """A task that is held until it ends. Its accident goes to the log, or, when ``told``, to who awaits it."""
        task = asyncio.create_task(work, name=f"chat.{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not told:
            task.add_done_callback(_write_down)
        return task

    async def _first(self, *waits: Awaitable[object]) -> None:
        """Return when one of them is through; the others are given up."""
        tasks = [asyncio.ensure_future(one) for one in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _problem(self, reply: Reply, sentence: str | None) -> None:
        if reply.problem != sentence:
            reply.problem = sentence
            self._tell(reply)

    def _tell(self, reply: Reply) -> None:
        loop = asyncio.get_running_loop()
        for listener in tuple(self._listeners):
            loop.call_soon(listener, reply)  # its mistakes are its own, not this turn's


def _note_left_out(reply: Reply, sent: Prepared) -> None:
    if sent.left_out:
        reply.details["left_out"] = sent.left_out


def _write_down(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s broke", task.get_name(), exc_info=error)

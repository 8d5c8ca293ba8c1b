"""Turns: one task for each reply that is arriving, owned by the program and not by any screen.

A turn has three parts that cannot block one another. The receiver applies the provider's events to the reply in memory;
the saver writes the text to ``live_replies``; the turn itself waits for the end, whatever causes it (model, user, exit
of the program, error), and then settles the reply. A provider that ignores its cancellation therefore delays nothing,
and a disk that is full for a while costs only time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sterna.config import Settings
from sterna.providers import Catalog, ProviderError
from sterna.storage import (
    Attachment,
    Finish,
    LiveReplies,
    Message,
    Messages,
    NewTurn,
    NotFound,
    Store,
    StoreError,
    StoreThread,
)

from . import costs
from .reply import Ending, Reply
from .reply_events import failed, missing_ending, receive
from .requests import RequestOptions, require_inputs
from .tools import ToolAccess

log = logging.getLogger("sterna.chat")

T = TypeVar("T")
Listener = Callable[[Reply], None]

SAVE_SECONDS = 0.5
MAX_PAUSE = 8.0
"""Most seconds between two attempts to save a reply."""
CLOSE_SECONDS = 2.0
LOST = "The reply could not be saved. Its saved part returns at the next start; details are in the log."


class AnsweringError(StoreError):
    """The conversation's last reply is still arriving."""

    def __init__(self) -> None:
        super().__init__("A reply to this conversation is still arriving. Wait for it or stop it, then send again.")


class Turns:
    """All turns of this process. Create it in the event loop that uses it, and :meth:`close` it before the store."""

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
        """Settings for the next turns; may be replaced."""
        self.tools = ToolAccess()
        self._store = store
        self._monotonic = monotonic
        self._sleep = sleep
        self._live: dict[str, Reply] = {}
        self._claimed: set[str] = set()
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._titling: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    @property
    def store(self) -> StoreThread:
        """Return the thread of the history."""
        return self._store

    async def begin(
        self,
        session_id: str | None,
        text: str,
        *,
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> tuple[NewTurn, Reply]:
        """Store the message, then request a reply. If StoreError is raised, nothing is stored.

        Without ``session_id`` a conversation is created, with ``settings`` as its own. ``model``, and the JSON
        ``schema`` that the reply has to follow, are for this turn only. Raises Invalid, too, if the model does not take
        one of the ``attachments``.
        """
        return await self._complete(self._begin(session_id, text, model, settings, attachments, schema))

    async def retry(self, message_id: str, *, model: str | None = None) -> tuple[NewTurn, Reply]:
        """Request another version of a reply, or of the reply to a prompt. StoreError: nothing has changed."""
        return await self._complete(
            self._again(message_id, model, lambda s, ref: s.live_replies.begin_retry(message_id, model=ref))
        )

    async def edit(
        self, message_id: str, text: str, *, model: str | None = None, attachments: Sequence[Attachment] | None = None
    ) -> tuple[NewTurn, Reply]:
        """Send ``text`` in place of a message of the person, as a new branch. StoreError: nothing is stored.

        It has these ``attachments``, None: those of that message. Raises Invalid, too, as :meth:`begin` does.
        """

        def begin(store: Store, ref: str) -> NewTurn:
            return store.live_replies.begin_edit(message_id, text, model=ref, attachments=attachments)

        return await self._complete(self._again(message_id, model, begin, attachments or ()))

    async def continue_(self, message_id: str, *, model: str | None = None) -> tuple[NewTurn, Reply]:
        """Request the rest of a reply that was cut or stopped. StoreError: nothing has changed."""
        return await self._complete(
            self._again(message_id, model, lambda s, ref: s.live_replies.begin_continue(message_id, model=ref))
        )

    def running(self) -> list[Reply]:
        """Return the replies that are not settled yet, the oldest first."""
        return list(self._live.values())

    def live(self, session_id: str) -> Reply | None:
        """Return the reply that is arriving in a conversation, or None."""
        return self._live.get(session_id)

    def stop(self, session_id: str, finish: Finish = "stopped") -> bool:
        """Stop the reply of a conversation; return False if there is none, or it has just ended."""
        reply = self._live.get(session_id)
        return reply is not None and reply.stop(finish)

    async def halt(self, session_id: str) -> None:
        """Stop the reply of a conversation, and return once it is settled."""
        self.stop(session_id)
        while (reply := self._live.get(session_id)) is not None:
            await reply.changed(reply.version)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` when a reply begins, settles or has another ``problem``; return a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def titled(self) -> None:
        """Return once no model is being asked for a title any more."""
        if self._titling:
            await asyncio.wait(self._titling)

    def end_all(self) -> None:
        """Interrupt all replies and settle them; one that cannot be settled at once stays in ``live_replies``."""
        self._closing.set()
        for task in self._titling:
            task.cancel()
        for reply in self.running():
            reply.stop("interrupted")

    async def close(self) -> None:
        """Interrupt all replies, and wait two seconds at most. The rest is settled at the next start."""
        self.end_all()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()

    # Parts of a turn

    async def _begin(
        self,
        session_id: str | None,
        text: str,
        model: str | None,
        settings: Mapping[str, Any] | None,
        attachments: Sequence[Attachment],
        schema: Mapping[str, Any] | None,
    ) -> tuple[NewTurn, Reply]:
        def choose(store: Store) -> RequestOptions:
            own = store.conversations.settings(session_id) if session_id is not None else {}
            options = RequestOptions.choose({**own, **(settings or {})}, self.settings, model or "", fallback)
            return options._replace(schema=schema)

        def store_turn(store: Store) -> tuple[NewTurn, RequestOptions]:
            options = choose(store)
            begun = store.live_replies.begin_turn(
                session_id, text, model=options.ref, settings=settings, attachments=attachments
            )
            return begun, options

        fallback = self.catalog.default_ref()
        with self._claim(session_id):
            if attachments:
                await require_inputs(self.catalog, (await self._store.run(choose)).ref, attachments)
            return self._start(*await self._store.run(store_turn))

    async def _again(
        self,
        message_id: str,
        model: str | None,
        begin: Callable[[Store, str], NewTurn],
        attachments: Sequence[Attachment] = (),
    ) -> tuple[NewTurn, Reply]:
        """Begin a turn at a message of a conversation."""

        def choose(store: Store) -> RequestOptions:
            return RequestOptions.choose(store.conversations.settings(session_id), self.settings, model or "", fallback)

        def store_turn(store: Store) -> tuple[NewTurn, RequestOptions]:
            options = choose(store)
            return begin(store, options.ref), options

        fallback = self.catalog.default_ref()
        session_id = (await self._store.run(Messages.get, message_id)).session_id
        with self._claim(session_id):
            if attachments:
                await require_inputs(self.catalog, (await self._store.run(choose)).ref, attachments)
            return self._start(*await self._store.run(store_turn))

    def _start(self, begun: NewTurn, options: RequestOptions) -> tuple[NewTurn, Reply]:
        reply = Reply(begun.reply.id, begun.session.id, begun.user_message.id, options.ref, self._monotonic())
        self._live[reply.session_id] = reply
        self._own(self._turn(reply, begun, options), f"turn {reply.id}")
        if self._closing.is_set():
            reply.end(Ending("interrupted"))
        self._notify(reply)
        return begun, reply

    async def _turn(self, reply: Reply, begun: NewTurn, options: RequestOptions) -> None:
        receiver = self._own(self._receive(reply, begun, options), f"receive {reply.id}")
        receiver.add_done_callback(lambda task: reply.end(missing_ending(task)))
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
            self._notify(reply)
        if cancelled:
            raise asyncio.CancelledError

    async def _receive(self, reply: Reply, begun: NewTurn, options: RequestOptions) -> None:
        try:
            if (refused := await costs.refusal(self._store, self.catalog, self.settings, options.ref)) is not None:
                reply.end(refused)
                return
            prepared = await options.prepare(self._store, self.catalog, begun)
            reply.details |= prepared.details()
            rejection = await receive(
                reply, prepared.provider, prepared.request, self._monotonic, may_shorten=prepared.count > 1
            )
            if rejection is None:
                return
            budget = prepared.reduced_budget(rejection)
            shorter = await options.prepare(self._store, self.catalog, begun, budget)
            if shorter.count >= prepared.count:
                reply.end(failed(rejection))
                return
            reply.details.pop("left_out", None)
            reply.details |= shorter.details()
            await receive(reply, shorter.provider, shorter.request, self._monotonic)
        except ProviderError as error:
            reply.end(failed(error.failure))
        except StoreError as error:
            reply.end(Ending("failed", str(error), metadata={"kind": "storage"}))

    async def _save(self, reply: Reply) -> None:
        saved, pause = 0, SAVE_SECONDS
        while True:
            await reply.changed(saved)
            await self._first(self._sleep(SAVE_SECONDS), reply.save_due.wait())
            version, (content, reasoning) = reply.version, reply.take_unsaved()
            try:
                await self._store.run(LiveReplies.save, reply.id, content, reasoning)
            except NotFound:
                return  # deleted with its conversation
            except StoreError as error:
                self._set_problem(reply, reply.unsaved_problem(str(error)))
                await self._sleep(pause)
                pause = min(pause * 2, MAX_PAUSE)
            else:
                saved, pause = version, SAVE_SECONDS
                reply.saved = len(content)
                self._set_problem(reply, None)

    async def _settle(self, reply: Reply, elapsed_ms: int, *, once: bool) -> None:
        """Turn the reply into a message. Until that succeeds, its text stays in memory, the saved part in its row."""
        settled, pause = costs.priced(reply.settled(elapsed_ms), self.catalog), SAVE_SECONDS
        while True:
            try:
                message = await self._store.run(LiveReplies.settle, reply.id, settled)
            except NotFound:
                self._set_problem(reply, None)
                return
            except StoreError as error:
                self._set_problem(reply, reply.unsaved_problem(str(error)))
            else:
                reply.message = message
                reply.warning = await costs.warning(self._store, self.settings)
                self._set_problem(reply, None)
                self._title(reply, message)
                return
            if once or self._closing.is_set():
                return
            await self._first(self._sleep(pause), self._closing.wait())
            pause = min(pause * 2, MAX_PAUSE)

    def _title(self, reply: Reply, message: Message) -> None:
        """Ask a model for a title once the first reply is there, where the settings want one."""
        titles = self.settings.titles
        if titles.generate and message.finish == "done" and not self._closing.is_set():
            from .titles import title_by_model

            ref = titles.model or reply.model or ""
            work = title_by_model(self._store, self.catalog, reply.session_id, ref, monotonic=self._monotonic)
            task = self._own(work, f"title {reply.session_id}")
            self._titling.add(task)
            task.add_done_callback(self._titling.discard)

    # Helpers

    @contextmanager
    def _claim(self, session_id: str | None) -> Iterator[None]:
        """Prevent a second turn of the conversation while its row is not written yet."""
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

    async def _complete(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of ``work``. It continues if the caller is cancelled: a stored message gets its reply."""
        return await asyncio.shield(self._own(work, "begin", is_awaited=True))

    def _own(self, work: Coroutine[Any, Any, T], name: str, *, is_awaited: bool = False) -> asyncio.Task[T]:
        """Return a task that is referenced until it ends. Its error is logged, unless the task ``is_awaited``."""
        task = asyncio.create_task(work, name=f"chat.{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not is_awaited:
            task.add_done_callback(_log_error)
        return task

    async def _first(self, *waits: Awaitable[object]) -> None:
        """Return when the first of them completes; cancel the others."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _set_problem(self, reply: Reply, sentence: str | None) -> None:
        if reply.problem != sentence:
            reply.problem = sentence
            self._notify(reply)

    def _notify(self, reply: Reply) -> None:
        loop = asyncio.get_running_loop()
        for listener in tuple(self._listeners):
            loop.call_soon(listener, reply)  # its errors must not affect this turn


def _log_error(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s failed", task.get_name(), exc_info=error)

"""Turns: one task for each reply that is arriving, owned by the program and not by any screen.

A turn has three parts that cannot block one another. The receiver applies the provider's events to the reply in memory;
the saver writes the text to ``live_replies``; the turn itself waits for the end, whatever causes it (model, user, exit
of the program, error), and then settles the reply. A provider that ignores its cancellation therefore delays nothing,
and a disk that is full for a while costs only time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sterna.config import Settings
from sterna.providers import Catalog
from sterna.storage import (
    Attachment,
    Finish,
    Message,
    Messages,
    NewTurn,
    Store,
    StoreError,
    StoreThread,
    WaitingPrompts,
)

from . import costs
from .comparison import Comparison, require_models
from .passages import quotes_metadata
from .reply import Ending, Reply
from .reply_events import missing_ending
from .requests import RequestOptions, require_inputs
from .running_replies import RunningReplies
from .saving import ReplySaver
from .tasks import OwnedTasks
from .tools import ToolAccess
from .waiting import WaitingTurns

if TYPE_CHECKING:
    from sterna.storage.conversations.quotations import Passage

Listener = Callable[[Reply], None]

CLOSE_SECONDS = 2.0
LOST = "The reply could not be saved. Its saved part returns at the next start; details are in the log."


class Begun(NamedTuple):
    """What was requested at once: the reply of one turn, or a comparison."""

    turn: NewTurn
    reply: Reply
    comparison: Comparison


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
        self._running = RunningReplies()
        self._listeners: list[Listener] = []
        self._tasks = OwnedTasks()
        self._titling: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()
        self._saver = ReplySaver(store, notify=self._notify, sleep=sleep, closing=self._closing)
        self.waiting = WaitingTurns(
            store,
            catalog,
            self._running,
            settings=lambda: self.settings,
            start=self._start,
            notify=self._notify,
            monotonic=monotonic,
            sleep=sleep,
        )

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
        passages: Sequence[Passage] = (),
    ) -> tuple[NewTurn, Reply]:
        """Store the message, then request a reply. If StoreError is raised, nothing is stored.

        Without ``session_id`` a conversation is created, with ``settings`` as its own. ``model``, and the JSON
        ``schema`` that the reply has to follow, are for this turn only. Raises Invalid, too, if the model does not take
        one of the ``attachments``. ``passages`` of the history are sent with the message; with one of a private
        conversation, this one becomes private.
        """

        def begin(store: Store, refs: Sequence[str]) -> list[NewTurn]:
            begin_turn = partial(store.live_replies.begin_turn, settings=settings, attachments=attachments)
            return [begin_turn(session_id, text, model=refs[0], passages=passages)]

        work = self._begin(session_id, (model or "",), begin, settings=settings, attachments=attachments, schema=schema)
        return (await self._tasks.complete(work))[:2]

    async def compare(
        self,
        session_id: str | None,
        text: str,
        *,
        models: Sequence[str],
        settings: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> Comparison:
        """Store the message as :meth:`begin` does, then request a reply of each model.

        Raises Invalid, too, for models that cannot be compared.
        """

        def begin(store: Store, refs: Sequence[str]) -> list[NewTurn]:
            begin_comparison = store.live_replies.begin_comparison
            return begin_comparison(session_id, text, models=refs, settings=settings, attachments=attachments)

        require_models(models)
        work = self._begin(session_id, models, begin, settings=settings, attachments=attachments, schema=schema)
        return (await self._tasks.complete(work)).comparison

    async def compare_again(self, message_id: str, *, models: Sequence[str]) -> Comparison:
        """Request a version of a reply, or of the reply to a prompt, of each model. StoreError: nothing has changed."""
        require_models(models)
        work = self._again(message_id, models, lambda s, refs: s.live_replies.begin_versions(message_id, models=refs))
        return (await self._tasks.complete(work)).comparison

    async def retry(self, message_id: str, *, model: str | None = None) -> tuple[NewTurn, Reply]:
        """Request another version of a reply, or of the reply to a prompt. StoreError: nothing has changed."""
        work = self._again(
            message_id, (model or "",), lambda s, refs: [s.live_replies.begin_retry(message_id, model=refs[0])]
        )
        return (await self._tasks.complete(work))[:2]

    async def edit(
        self, message_id: str, text: str, *, model: str | None = None, attachments: Sequence[Attachment] | None = None
    ) -> tuple[NewTurn, Reply]:
        """Send ``text`` in place of a message of the person, as a new branch. StoreError: nothing is stored.

        It has these ``attachments``, None: those of that message. Raises Invalid, too, as :meth:`begin` does.
        """

        def begin(store: Store, refs: Sequence[str]) -> list[NewTurn]:
            return [store.live_replies.begin_edit(message_id, text, model=refs[0], attachments=attachments)]

        return (await self._tasks.complete(self._again(message_id, (model or "",), begin, attachments or ())))[:2]

    async def continue_(self, message_id: str, *, model: str | None = None) -> tuple[NewTurn, Reply]:
        """Request the rest of a reply that was cut or stopped. StoreError: nothing has changed."""
        work = self._again(
            message_id, (model or "",), lambda s, refs: [s.live_replies.begin_continue(message_id, model=refs[0])]
        )
        return (await self._tasks.complete(work))[:2]

    def running(self) -> list[Reply]:
        """Return the replies that are not settled yet, the oldest first."""
        return self._running.all()

    def arriving(self, session_id: str) -> list[Reply]:
        """Return the replies that are arriving in a conversation: several where models are compared."""
        return self._running.of(session_id)

    def live(self, session_id: str) -> Reply | None:
        """Return the reply that is arriving in a conversation, the first of several, or None."""
        return next(iter(self._running.of(session_id)), None)

    def comparison(self, session_id: str) -> Comparison | None:
        """Return the comparison whose replies are arriving in a conversation, or None."""
        return self._running.comparison(session_id)

    def stop(self, session_id: str, finish: Finish = "stopped") -> bool:
        """Stop the replies of a conversation; return False if there is none, or they have just ended."""
        return self._running.stop(session_id, finish)

    async def halt(self, session_id: str) -> None:
        """Stop the replies of a conversation, and return once they are settled."""
        await self._running.halt(session_id)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` when a reply begins, settles or has another ``problem``; return a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def titled(self) -> None:
        """Return once no model is being asked for a title any more."""
        if self._titling:
            await asyncio.wait(self._titling)

    def end_all(self) -> None:
        """Interrupt all replies and settle them; one that cannot be settled at once stays in ``live_replies``.

        Prompts that wait for their provider are left to the next start.
        """
        self._closing.set()
        for task in self._titling:
            task.cancel()
        for reply in self.running():
            reply.is_left = bool(reply.waits_for)
            reply.stop("interrupted")

    async def close(self) -> None:
        """Interrupt all replies, and wait two seconds at most. The rest is settled at the next start."""
        has_left = any(reply.waits_for for reply in self.running())
        self.end_all()
        await self._tasks.end(CLOSE_SECONDS)
        if has_left:
            with suppress(StoreError):  # they are found at the next start all the same
                await self._store.run(WaitingPrompts.leave)

    # Parts of a turn

    async def _begin(
        self,
        session_id: str | None,
        models: Sequence[str],
        begin: Callable[[Store, Sequence[str]], list[NewTurn]],
        *,
        settings: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> Begun:
        """Request a reply of each model once ``begin`` has stored the turn."""

        def choose(store: Store) -> list[RequestOptions]:
            own = store.conversations.settings(session_id) if session_id is not None else {}
            own = {**own, **(settings or {})}
            chosen = [RequestOptions.choose(own, self.settings, model, fallback) for model in models]
            return [options._replace(schema=schema) for options in chosen]

        def store_turn(store: Store) -> tuple[list[NewTurn], list[RequestOptions]]:
            options = choose(store)
            return begin(store, [each.ref for each in options]), options

        fallback = self.catalog.default_ref()
        with self._running.claim(session_id):
            if attachments:
                for options in await self._store.run(choose):
                    await require_inputs(self.catalog, options.ref, attachments)
            return self._start(*await self._store.run(store_turn))

    async def _again(
        self,
        message_id: str,
        models: Sequence[str],
        begin: Callable[[Store, Sequence[str]], list[NewTurn]],
        attachments: Sequence[Attachment] = (),
    ) -> Begun:
        """Begin a turn at a message of a conversation."""
        session_id = (await self._store.run(Messages.get, message_id)).session_id
        return await self._begin(session_id, models, begin, attachments=attachments)

    def _start(self, begun: Sequence[NewTurn], options: Sequence[RequestOptions], reasons: Sequence[str] = ()) -> Begun:
        replies = [
            Reply(turn.reply.id, turn.session.id, turn.user_message.id, chosen.ref, self._monotonic())
            for turn, chosen in zip(begun, options, strict=True)
        ]
        comparison = self._running.add(begun[0].user_message, replies)
        waits = reasons or [""] * len(replies)
        for reply, turn, chosen, waits_for in zip(replies, begun, options, waits, strict=True):
            self._tasks.own(self._turn(reply, turn, chosen, waits_for), f"turn {reply.id}")
            if self._closing.is_set():
                reply.end(Ending("interrupted"))
            self._notify(reply)
        return Begun(begun[0], replies[0], comparison)

    async def _turn(self, reply: Reply, begun: NewTurn, options: RequestOptions, waits_for: str) -> None:
        answering = self.waiting.answer(reply, begun, options, self.tools, waits_for)
        receiver = self._tasks.own(answering, f"receive {reply.id}")
        receiver.add_done_callback(lambda task: reply.end(missing_ending(task)))
        saver = self._tasks.own(self._saver.save(reply), f"save {reply.id}")
        cancelled = False
        try:
            await asyncio.shield(reply.ending)
        except asyncio.CancelledError:
            cancelled = True
            reply.end(Ending("interrupted"))
        elapsed = round((self._monotonic() - reply.started) * 1000)
        receiver.cancel()
        saver.cancel()
        if reply.is_left and not reply.content:
            self._running.remove(reply)
            reply.close()
            return
        settling = self._tasks.own(self._settle(reply, begun, elapsed, once=cancelled), f"settle {reply.id}")
        try:
            await asyncio.wait((settling,))
        finally:
            if not settling.done() or settling.cancelled() or settling.exception() is not None:
                reply.problem = LOST
            self._running.remove(reply)
            reply.close()
            self._notify(reply)
        if cancelled:
            raise asyncio.CancelledError
        if waits_for and not self._closing.is_set():
            await self.waiting.resume()  # another prompt of this conversation may have been left

    async def _settle(self, reply: Reply, begun: NewTurn, elapsed_ms: int, *, once: bool) -> None:
        """Turn the reply into a message, with its cost and its quotes; then ask for a title where that is wanted."""
        reply.details |= await quotes_metadata(self._store, reply.content, begun)
        settled = costs.priced(reply.settled(elapsed_ms), self.catalog)
        is_message = await self._saver.settle(reply, settled, is_behind=self._running.is_behind, once=once)
        if is_message and reply.message is not None:
            reply.warning = await costs.warning(self._store, self.settings)
            self._title(reply, reply.message)

    def _title(self, reply: Reply, message: Message) -> None:
        """Ask a model for a title once the first reply is there, where the settings want one."""
        titles = self.settings.titles
        if titles.generate and message.finish == "done" and not self._closing.is_set():
            from .titles import title_by_model

            ref = titles.model or reply.model or ""
            about = (self._store, self.catalog, reply.session_id, ref, self.settings)
            work = title_by_model(*about, monotonic=self._monotonic)
            task = self._tasks.own(work, f"title {reply.session_id}")
            self._titling.add(task)
            task.add_done_callback(self._titling.discard)

    # Helpers

    def _notify(self, reply: Reply) -> None:
        loop = asyncio.get_running_loop()
        for listener in tuple(self._listeners):
            loop.call_soon(listener, reply)  # its errors must not affect this turn

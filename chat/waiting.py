"""Turns whose provider cannot be reached: each waits, in its row of the history too, and is sent once that is over.

A prompt waits only if it cannot have arrived. Its row is no longer marked as waiting when it is sent, so that no prompt
is sent twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sterna.providers import Catalog, ProviderError
from sterna.storage import NotFound, StoreError, StoreThread, WaitingPrompts

from .outages import Outages
from .receiving import send_request
from .reply import Ending, Reply
from .reply_events import failed
from .requests import RequestOptions
from .tasks import first

if TYPE_CHECKING:
    from sterna.config import Settings
    from sterna.providers import Failed
    from sterna.storage import LiveReply, Message, NewTurn, Store

    from .running_replies import RunningReplies
    from .tools import ToolAccess

MINUTE = 60.0


class WaitingTurns:
    """Answers of turns, with the waits before them."""

    def __init__(
        self,
        store: StoreThread,
        catalog: Catalog,
        running: RunningReplies,
        *,
        settings: Callable[[], Settings],
        start: Callable[[Sequence[NewTurn], Sequence[RequestOptions], Sequence[str]], object],
        notify: Callable[[Reply], None],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """Create them. ``start`` begins turns of one prompt that were left waiting, for the reasons that it is given.

        ``notify`` tells that a wait begins or ends.
        """
        self._store = store
        self._catalog = catalog
        self._running = running
        self._settings = settings
        self._start = start
        self._notify = notify
        self._monotonic = monotonic
        self._sleep = sleep
        self._outages = Outages(monotonic, sleep)

    async def resume(self) -> None:
        """Take over the prompts that a process which has ended left waiting, and wait for their providers."""
        prompts: dict[str, list[LiveReply]] = {}
        for left in await self._store.run(WaitingPrompts.left):
            prompts.setdefault(left.user_message_id, []).append(left)
        for replies in prompts.values():
            # a reply may be arriving in the conversation: its prompt is looked at again at the next call
            with suppress(StoreError), self._running.claim(replies[0].session_id):
                await self._take_over(replies)

    async def _take_over(self, left: Sequence[LiveReply]) -> None:
        """Wait for the replies to one prompt that no other process has taken over."""
        turns = []
        for reply in left:
            with suppress(StoreError):  # another process was first, or the conversation is gone
                begun = await self._store.run(WaitingPrompts.take_over, reply.id)
                choose = partial(_choose, reply.session_id, reply.model or "", self._settings(), self._catalog)
                turns.append((begun, await self._store.run(choose), reply.waiting or ""))
        if turns:
            begun_turns, options, reasons = zip(*turns, strict=True)
            self._start(begun_turns, options, reasons)

    def hurry(self) -> None:
        """Ask providers that prompts wait for now whether they can be reached."""
        self._outages.hurry()

    async def take_back(self, session_id: str) -> Message:
        """Delete the prompt of a conversation that waits for its provider, and return it. Raises StoreError."""
        replies = self._running.of(session_id)
        if not replies or not replies[0].waits_for:
            raise NotFound("No message is waiting.")
        message = await self._store.run(WaitingPrompts.take_back, replies[0].id)
        for reply in replies:
            reply.stop()
        return message

    async def answer(
        self, reply: Reply, begun: NewTurn, options: RequestOptions, tools: ToolAccess, reason: str = ""
    ) -> None:
        """Send the request of a turn, once its provider can be reached, and apply what comes to the reply.

        ``reason`` is that for which the prompt waits already, since before this start of the program.
        """
        settings = self._settings()
        send = partial(
            send_request,
            reply,
            options=options,
            store=self._store,
            catalog=self._catalog,
            settings=settings,
            tools=tools,
            monotonic=self._monotonic,
        )
        try:
            turn: NewTurn | None = begun
            if reason:
                turn = await self._wait(reply, options.ref, settings, reason, None)
            while turn is not None:
                if (failure := await send(turn)) is None:
                    self._outages.end(self._provider(options.ref))
                    return
                turn = await self._wait(reply, options.ref, settings, self._sentence(options.ref, failure), failure)
        except StoreError as error:
            reply.end(Ending("failed", str(error), metadata={"kind": "storage"}))

    async def _wait(
        self, reply: Reply, ref: str, settings: Settings, sentence: str, failure: Failed | None
    ) -> NewTurn | None:
        """Wait until the provider can be reached, and return the turn, marked as sent; None if the reply has ended.

        ``failure`` is what was met just now; None: the prompt waits since before this start.
        """
        limit = settings.offline.wait * MINUTE
        if failure is not None and not limit:
            reply.end(failed(failure))
            return None
        left = limit - await self._store.run(WaitingPrompts.wait, reply.id, sentence)
        name = self._provider(ref)
        title = self._catalog.title(name) or name
        outage = self._outages.of(name, title, partial(self._catalog.is_reachable, ref))
        if failure is None:
            outage.hurry()
        reply.wait_for(sentence, outage)
        self._notify(reply)
        if left <= 0 or await first(outage.over(), self._sleep(left)) != 0:
            end = failed(failure) if failure is not None else Ending("failed", sentence, metadata={"kind": "network"})
            reply.end(end)
            return None
        turn = await self._store.run(WaitingPrompts.release, reply.id)
        reply.started = self._monotonic()  # the wait is no part of what the reply takes
        reply.wait_for("")
        self._notify(reply)
        return turn

    def _sentence(self, ref: str, failure: Failed) -> str:
        name = self._provider(ref)
        reason = failure.message.replace(", then retry.", ".")  # that happens by itself
        return f"Waiting for {self._catalog.title(name) or name}. {reason}"

    def _provider(self, ref: str) -> str:
        """Return the name of a model's provider, which need not be known at the moment."""
        try:
            return self._catalog.resolve(ref)[0].name
        except ProviderError:
            return ref.partition("/")[0]


def _choose(session_id: str, model: str, settings: Settings, catalog: Catalog, store: Store) -> RequestOptions:
    return RequestOptions.choose(store.conversations.settings(session_id), settings, model, catalog.default_ref())

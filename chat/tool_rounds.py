"""Rounds of a reply: the model asks for tools, the person allows each call, the results go back, until it answers.

Each call is in the reply's metadata, and on disk, before anybody is asked; so is each result before it is sent.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from sterna.providers import ChatMessage, Failed, Provider, Request, Tool, ToolRequest, ToolRequests
from sterna.storage.conversations.tool_calls import DECLINED
from sterna.storage.text import one_line, storable

from .kept_calls import KeptCalls, parsed
from .reply import Ending, Reply
from .reply_events import never, receive
from .result_messages import ResultMessages, reduced
from .tool_history import tool_name
from .tools import Approval, ToolAccess, ToolAsk, ToolResult

if TYPE_CHECKING:
    from sterna.storage import StoreThread

log = logging.getLogger("sterna.chat")

MOST_CALLS = 32
"""Calls of one round that are carried out."""
MOST_EQUAL = 3
"""Equal calls in one reply, after which it is ended: the model goes round in circles."""
MOST_TEXT = 100_000
"""Characters of a result that are sent."""
LAST = "\n\n[No further call is possible in this reply. Answer with what is known.]"


class ToolRounds:
    """Rounds of one reply."""

    def __init__(
        self,
        reply: Reply,
        access: ToolAccess,
        messages: ResultMessages,
        *,
        store: StoreThread | None,
        most: int,
        may_send: Callable[[], Awaitable[Ending | None]],
        monotonic: Callable[[], float],
    ) -> None:
        """Create the rounds. ``store``: None for a reply that is not stored; ``most``: rounds at most.

        ``may_send`` returns the end of the reply where its budget is used up.
        """
        self._reply = reply
        self._access = access
        self._messages = messages
        self._kept = KeptCalls(reply, store)
        self._most = most
        self._may_send = may_send
        self._monotonic = monotonic
        self._counts: Counter[str] = Counter()
        self._ids: set[str] = set()

    async def receive(
        self, provider: Provider, request: Request, *, returned: Callable[[Failed], bool] = never
    ) -> Failed | None:
        """Send the request, and all that follow from it, as :func:`reply_events.receive` does. Raises StoreError."""
        outcome = await receive(self._reply, provider, request, self._monotonic, returned=returned)
        number, first = 0, len(request.messages)
        while isinstance(outcome, ToolRequests):
            number += 1
            if number > self._most:
                rounds = f"The model asked for tools in {number} rounds without an end."
                self._end(f"{rounds} Continue the reply, or raise tools.rounds.")
                return None
            added = await self._round(outcome, request, is_last=number == self._most)
            if self._reply.finish is not None:
                return None
            if (refused := await self._may_send()) is not None:
                self._reply.end(refused)
                return None
            request = request._replace(messages=(*request.messages, *added))
            self._reply.begin_round()
            outcome, request = await self._next(provider, request, first)
        return outcome

    async def _next(
        self, provider: Provider, request: Request, first: int
    ) -> tuple[Failed | ToolRequests | None, Request]:
        """Send a request whose messages from ``first`` on are of this reply; again with less if it is refused."""
        before, own = request.messages[:first], request.messages[first:]
        outcome = await receive(
            self._reply, provider, request, self._monotonic, returned=lambda failure: reduced(own, failure) is not None
        )
        if isinstance(outcome, Failed) and (less := reduced(own, outcome)) is not None:
            request = request._replace(messages=(*before, *less))
            outcome = await receive(self._reply, provider, request, self._monotonic)
        return outcome, request

    async def _round(self, wanted: ToolRequests, request: Request, *, is_last: bool) -> list[ChatMessage]:
        """Carry out the calls of one round, and return the messages that it adds."""
        calls = [self._with_id(call, index) for index, call in enumerate(wanted.calls)]
        text = self._reply.round_content
        first = self._kept.add(calls)
        results: list[ChatMessage] = []
        for index, call in enumerate(calls):
            if index < MOST_CALLS:
                result = await self._call(call, request)
            else:
                result = ToolResult(f"Only {MOST_CALLS} calls are carried out at once. Ask again.", is_error=True)
            if self._reply.finish is not None:
                return []
            await self._kept.set_result(first + index, result)
            results.append(await self._messages.of(call.id, result))
        await self._kept.save()
        if is_last:
            results[-1] = results[-1]._replace(content=results[-1].content + LAST)
        sent = tuple(call._replace(name=tool_name(call.name)) for call in calls)  # vendors refuse any other
        return [ChatMessage("assistant", text, tool_requests=sent, opaque=wanted.opaque), *results]

    async def _call(self, call: ToolRequest, request: Request) -> ToolResult:
        """Return the result of one call, or say why there is none."""
        reply = self._reply
        tool = next((tool for tool in request.tools if tool.name == call.name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in request.tools)
            return ToolResult(f"There is no tool “{one_line(call.name, 80)}”. There are: {names}.", is_error=True)
        arguments = parsed(call.arguments)
        if not isinstance(arguments, Mapping):
            return ToolResult("The arguments are not a JSON object. Ask again.", is_error=True)
        equal = json.dumps([call.name, arguments], sort_keys=True)
        self._counts[equal] += 1
        if self._counts[equal] > MOST_EQUAL:
            self._end(f"The model asked for the same call of {call.name} again and again. Tell it what to do instead.")
            return ToolResult("", is_error=True)
        await self._kept.save()
        ask = ToolAsk(call.id, reply.session_id, reply.id, tool, arguments)
        try:
            answer = await self._approval(ask)
            if answer.choice == "no":
                return ToolResult(" ".join(filter(None, (DECLINED, one_line(answer.reason, 500)))), is_error=True)
            return await self._run(tool, arguments)
        except Exception:
            log.exception("a tool failed")
            return ToolResult("The tool failed for a reason inside of Sterna; the log has it.", is_error=True)

    async def _approval(self, ask: ToolAsk) -> Approval:
        if await self._access.is_allowed(ask):
            return Approval("once")
        self._reply.asking = ask
        self._reply.note()
        try:
            return await self._access.answer(ask)
        finally:
            self._reply.asking = None
            self._reply.note()

    async def _run(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolResult:
        reply = self._reply
        if self._access.toolbox is None:
            return ToolResult("The tools were switched off meanwhile.", is_error=True)

        def progress(line: str) -> None:
            if reply.call_started:  # not of an earlier call
                reply.progress = one_line(line, 200)
                reply.note()

        reply.call_started = self._monotonic()
        reply.note()
        try:
            result = await self._access.toolbox.call(tool.name, arguments, allowed=tool, progress=progress)
        finally:
            reply.call_started, reply.progress = 0.0, ""
        text = storable(result.text)
        whole = max(result.whole, len(text))
        return result._replace(text=text[:MOST_TEXT], whole=whole if whole > len(text[:MOST_TEXT]) else 0)

    def _with_id(self, call: ToolRequest, index: int) -> ToolRequest:
        """Return a call with an id that no other call of the reply has."""
        number = len(self._ids) + index
        while not call.id or call.id in self._ids:
            number += 1
            call = call._replace(id=f"call{number:05}")
        self._ids.add(call.id)
        return call

    def _end(self, sentence: str) -> None:
        self._reply.end(Ending("failed", sentence, metadata={"kind": "tools"}))

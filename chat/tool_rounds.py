"""Rounds of a reply: the model asks for tools, the person allows each call, the results go back, until it answers.

Each call is in the reply's metadata, and on disk, before anybody is asked; so is each result before it is sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sterna.providers import ChatMessage, Failed, ImagePart, Provider, Request, ToolRequest, ToolRequests
from sterna.storage import LiveReplies, StoreError
from sterna.storage.conversations.tool_calls import DECLINED, TOOL_CALLS
from sterna.storage.records import MAX_ATTACHMENTS, attachments_metadata
from sterna.storage.text import one_line, storable

from .reply import Ending, Reply
from .reply_events import receive
from .tool_history import NO_OUTPUT, tool_name
from .tools import Approval, ToolAccess, ToolAsk, ToolFile, ToolResult

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sterna.storage import Attachment, StoreThread

log = logging.getLogger("sterna.chat")

MOST_CALLS = 32
"""Calls of one round that are carried out."""
MOST_EQUAL = 3
"""Equal calls in one reply, after which it is ended: the model goes round in circles."""
MOST_TEXT = 100_000
"""Characters of a result that are sent."""
SHORT_TEXT = 2_000
"""Characters of a result that are sent again where a request has become too long."""
IN_ROW = 8_000
"""Characters of a result that stand in the message; the whole text is then an attachment."""
IN_ROW_OF_ALL = 120_000
"""Characters of all calls and results of one reply that stand in the message."""
BRIEF = 400
LAST = "\n\n[No further call is possible in this reply. Answer with what is known.]"


class Images:
    """Images of results, made to fit the model."""

    def __init__(self, side: int, *, are_taken: bool) -> None:
        self._side = side
        self._are_taken = are_taken

    async def fitted(self, file: ToolFile) -> ImagePart | None:
        """Return an image for the next request; None for another file, and where the model takes no images."""
        if not self._are_taken or not file.media_type.startswith("image/"):
            return None
        from .attachments.images import fit

        try:
            content, media_type = await asyncio.to_thread(fit, file.content, file.media_type, self._side)
        except StoreError:
            return None
        return ImagePart(media_type, content)


class ToolRounds:
    """Rounds of one reply."""

    def __init__(
        self,
        reply: Reply,
        access: ToolAccess,
        images: Images,
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
        self._images = images
        self._store = store
        self._most = most
        self._may_send = may_send
        self._monotonic = monotonic
        self._counts: Counter[str] = Counter()
        self._in_row = 0
        self._ids: set[str] = set()
        self._attached: list[Attachment] = []

    async def receive(
        self, provider: Provider, request: Request, *, may_shorten: bool = False, may_wait: bool = False
    ) -> Failed | None:
        """Send the request, and all that follow from it, as :func:`reply_events.receive` does. Raises StoreError."""
        outcome = await receive(
            self._reply, provider, request, self._monotonic, may_shorten=may_shorten, may_wait=may_wait
        )
        number, first = 0, len(request.messages)
        while isinstance(outcome, ToolRequests):
            number += 1
            if number > self._most:
                self._end(f"The model asked for tools in {number} rounds without an end. Continue the reply, or raise "
                          "tools.rounds.")  # fmt: skip
                return None
            added = await self._round(outcome, request, is_last=number == self._most)
            if self._reply.finish is not None:
                return None
            if (refused := await self._may_send()) is not None:
                self._reply.end(refused)
                return None
            request = request._replace(messages=(*request.messages, *added))
            self._reply.begin_round()
            outcome = await receive(self._reply, provider, request, self._monotonic, may_shorten=True)
            if isinstance(outcome, Failed):
                shorter = map(_shortened, request.messages[first:])
                request = request._replace(messages=(*request.messages[:first], *shorter))
                outcome = await receive(self._reply, provider, request, self._monotonic)
        return outcome

    async def _round(self, wanted: ToolRequests, request: Request, *, is_last: bool) -> list[ChatMessage]:
        """Carry out the calls of one round, and return the messages that it adds."""
        reply = self._reply
        calls = [self._with_id(call, index) for index, call in enumerate(wanted.calls)]
        text = reply.round_content
        at = len(reply.content)
        known: list[Mapping[str, Any]] = list(reply.details.get(TOOL_CALLS, ()))
        entries = [self._entry(call, at) for call in calls]
        reply.note(urgent=True, **{TOOL_CALLS: [*known, *entries]})
        results: list[ChatMessage] = []
        for index, call in enumerate(calls):
            if index < MOST_CALLS:
                result = await self._call(call, request)
            else:
                result = ToolResult(f"Only {MOST_CALLS} calls are carried out at once. Ask again.", is_error=True)
            if reply.finish is not None:
                return []
            entries[index] = {**entries[index], **await self._kept(result, entries[index])}
            reply.note(urgent=True, **{TOOL_CALLS: [*known, *entries]})
            images = [image for file in result.files if (image := await self._images.fitted(file)) is not None]
            results.append(ChatMessage("tool", _sent(result), tuple(images), tool_id=call.id))
        await self._save()
        if is_last:
            results[-1] = results[-1]._replace(content=results[-1].content + LAST)
        return [ChatMessage("assistant", text, tool_requests=tuple(calls), opaque=wanted.opaque), *results]

    async def _call(self, call: ToolRequest, request: Request) -> ToolResult:
        """Return the result of one call, or say why there is none."""
        reply = self._reply
        tool = next((tool for tool in request.tools if tool.name == call.name), None)
        if tool is None:
            names = ", ".join(tool.name for tool in request.tools)
            return ToolResult(f"There is no tool “{call.name}”. There are: {names}.", is_error=True)
        arguments = _parsed(call.arguments)
        if not isinstance(arguments, Mapping):
            return ToolResult("The arguments are not a JSON object. Ask again.", is_error=True)
        equal = json.dumps([call.name, arguments], sort_keys=True)
        self._counts[equal] += 1
        if self._counts[equal] > MOST_EQUAL:
            self._end(f"The model asked for the same call of {call.name} again and again. Tell it what to do instead.")
            return ToolResult("", is_error=True)
        await self._save()
        ask = ToolAsk(call.id, reply.session_id, reply.id, tool, arguments)
        try:
            answer = await self._approval(ask)
            if answer.choice == "no":
                return ToolResult(" ".join(filter(None, (DECLINED, one_line(answer.reason, 500)))), is_error=True)
            return await self._run(call.name, arguments)
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

    async def _run(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
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
            result = await self._access.toolbox.call(name, arguments, progress=progress)
        finally:
            reply.call_started, reply.progress = 0.0, ""
        text = storable(result.text)
        whole = max(result.whole, len(text))
        return result._replace(text=text[:MOST_TEXT], whole=whole if whole > len(text[:MOST_TEXT]) else 0)

    def _entry(self, call: ToolRequest, at: int) -> dict[str, Any]:
        """Return a call as the message has it, without a result so far; long arguments are cut."""
        parsed = _parsed(call.arguments)
        arguments = parsed if parsed is not None else storable(call.arguments)
        if len(call.arguments) > self._limit:
            arguments = storable(call.arguments[: self._limit]) + "…"
        self._in_row += min(len(call.arguments), self._limit)
        return {"id": storable(call.id)[:255], "name": one_line(call.name, 200), "arguments": arguments, "at": at}

    @property
    def _limit(self) -> int:
        """Return the characters of the next text that the message may have."""
        return IN_ROW if self._in_row < IN_ROW_OF_ALL else BRIEF

    async def _kept(self, result: ToolResult, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the message keeps of a result; its files, and the whole of a long text, are attached."""
        limit = self._limit
        kept: dict[str, Any] = {"result": result.text[:limit], "is_error": result.is_error}
        files = list(result.files)
        if len(result.text) > limit or result.whole:
            kept["cut"] = max(result.whole, len(result.text))
        if len(result.text) > limit and not result.whole:  # otherwise the toolbox has added the whole text
            name = f"{tool_name(entry['name'])}-{entry['id']}.txt"
            files.append(ToolFile(name, "text/plain", result.text.encode("utf-8", "replace")))
        self._in_row += len(kept["result"])
        if self._store is not None and files:
            lost = [sentence for file in files if (sentence := await self._attach(self._store, file))]
            kept["result"] = "\n".join((kept["result"], *lost))
            self._reply.note(**attachments_metadata(self._attached))
        return kept

    async def _attach(self, store: StoreThread, file: ToolFile) -> str:
        """Keep a file of a result with the reply; return why it was not kept, if it was not."""
        from .attachments.attach import attach_bytes

        if len(self._attached) == MAX_ATTACHMENTS:
            return f"[{one_line(file.name, 100)} was not kept: the reply has {MAX_ATTACHMENTS} files already]"
        try:
            self._attached.append(await attach_bytes(store, file.name, file.content))
        except StoreError as error:
            return f"[{one_line(file.name, 100)} was not kept: {error}]"
        return ""

    async def _save(self) -> None:
        """Write what is known of the reply; only then does anything happen. Raises StoreError."""
        if self._store is not None:
            content, reasoning = self._reply.take_unsaved()
            await self._store.run(LiveReplies.save, self._reply.id, content, reasoning, dict(self._reply.details))
            self._reply.saved = len(content)

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


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> None:
    raise ValueError(constant)


def _sent(result: ToolResult) -> str:
    """Return a result for the model."""
    text = result.text if result.text.strip() else NO_OUTPUT
    if result.whole:
        text += f"\n[The whole result has {result.whole:,} characters. This is its beginning.]"
    return f"Error: {text}" if result.is_error else text


def _shortened(message: ChatMessage) -> ChatMessage:
    """Return a result for a request that has become too long."""
    if message.role != "tool" or (len(message.content) <= SHORT_TEXT and not message.images):
        return message
    cut = f"{message.content[:SHORT_TEXT]}\n[The rest was left out: the request had become too long.]"
    return message._replace(content=cut if len(message.content) > SHORT_TEXT else message.content, images=())

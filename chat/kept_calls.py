"""Calls of tools as the message of their reply keeps them, within limits; files and long texts are attached."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sterna.storage import LiveReplies, StoreError
from sterna.storage.conversations.tool_calls import TOOL_CALLS
from sterna.storage.records import MAX_ATTACHMENTS, attachments_metadata
from sterna.storage.text import one_line, storable

from .tool_history import tool_name
from .tools import ToolFile, ToolResult

if TYPE_CHECKING:
    from sterna.providers import ToolRequest
    from sterna.storage import Attachment, StoreThread

    from .reply import Reply

IN_ROW = 8_000
"""Characters of a result that stand in the message; the whole text is then an attachment."""
IN_ROW_OF_ALL = 120_000
"""Characters of all calls and results of one reply that stand in the message."""
BRIEF = 400


class KeptCalls:
    """Calls of one reply, in its metadata."""

    def __init__(self, reply: Reply, store: StoreThread | None) -> None:
        """Create the calls; ``store`` is None for a reply that is not stored."""
        self._reply = reply
        self._store = store
        self._in_row = 0
        self._entries: list[Mapping[str, Any]] = []
        self._attached: list[Attachment] = []

    def add(self, calls: Sequence[ToolRequest]) -> int:
        """Add the calls of a round behind the text so far, without results, and return the place of the first."""
        first = len(self._entries)
        at = len(self._reply.content)
        self._entries += [self._entry(call, at) for call in calls]
        self._note()
        return first

    async def set_result(self, place: int, result: ToolResult) -> None:
        """Set the result of a call, and attach its files."""
        entry = self._entries[place]
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
        self._entries[place] = {**entry, **kept}
        self._note()

    async def save(self) -> None:
        """Write what is known of the reply; only then does anything happen. Raises StoreError."""
        if self._store is not None:
            content, reasoning = self._reply.take_unsaved()
            await self._store.run(LiveReplies.save, self._reply.id, content, reasoning, dict(self._reply.details))
            self._reply.saved = len(content)

    def _note(self) -> None:
        self._reply.note(urgent=True, **{TOOL_CALLS: list(self._entries)})

    def _entry(self, call: ToolRequest, at: int) -> dict[str, Any]:
        """Return a call without a result; long arguments are cut."""
        arguments = parsed(call.arguments)
        if arguments is None or len(call.arguments) > self._limit:
            is_long = len(call.arguments) > self._limit
            arguments = storable(call.arguments[: self._limit]) + ("…" if is_long else "")
        self._in_row += min(len(call.arguments), self._limit)
        return {"id": storable(call.id)[:255], "name": one_line(call.name, 200), "arguments": arguments, "at": at}

    @property
    def _limit(self) -> int:
        """Return the characters of the next text that the message may have."""
        return IN_ROW if self._in_row < IN_ROW_OF_ALL else BRIEF

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


def parsed(arguments: str) -> Any:
    """Return arguments as a JSON value; None for what is none."""
    try:
        return json.loads(arguments, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> None:
    raise ValueError(constant)

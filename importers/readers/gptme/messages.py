"""Messages of one log of gptme, in which tools are called in the text of a reply and answer as the system."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from ...inline import without_thinking
from ...records import ROOT, Attachment, Message, Part, Text, ToolCall
from ...roles import role
from ...times import naive_moment
from ...tree import FileTree
from ...values import amount, chosen, count, flag, identifier, mapping, text, texts

_CALL = re.compile(r"^@([\w.-]+)\(([^()\n]*)\):\s*(?=\{)", re.MULTILINE)
_FENCE = re.compile(r"^```([\w+.-]+)", re.MULTILINE)
_TOOLS = {
    *("shell", "ipython", "python", "tmux", "save", "append", "patch", "morph", "read", "gh", "browser", "vision"),
    *("screenshot", "computer", "rag", "choice", "complete", "subagent", "youtube", "todo", "todowrite", "memory"),
}
"""Languages of code blocks that are calls of tools."""
_DECODER = json.JSONDecoder(strict=False)


class Branch:
    """Messages of one log, added in its order."""

    def __init__(self, tree: FileTree, folder: str) -> None:
        self.system_prompt = ""
        self.last = ROOT
        """Id of the last message."""
        self._tree = tree
        self._folder = folder
        self._calls: dict[str, ToolCall] = {}
        self._reply: Message | None = None

    def add(self, number: str, value: dict[str, Any]) -> Message | None:
        """Return the message that a line is; None for one that only says the system prompt or a tool's result."""
        content = text(value.get("content"))
        speaker = role(value.get("role")) or "assistant"
        call_id = identifier(value.get("call_id"))
        if speaker == "system" and self.last == ROOT and not self.system_prompt:
            self.system_prompt = content
            return None
        if speaker == "system" and (call := self._calls.get(call_id)) is not None and call.result is None:
            call.result = content
            return None
        if speaker == "system" and self._reply is not None and not flag(value.get("hide")):
            self._reply.parts.append(ToolCall(_tool(self._reply), None, content, id=call_id))
            self._reply.parts += self._files(value)
            return None
        message = Message(number, speaker, parent=self.last, created_at=naive_moment(value.get("timestamp")))
        message.hidden = flag(value.get("hide"))
        if speaker == "assistant":
            self._add_reply(message, content)
        elif speaker == "system" and not message.hidden and call_id:
            message.role = "assistant"
            message.parts.append(ToolCall("tool", None, content, id=call_id))
        elif content:
            message.parts.append(Text(content))
        self._add_fields(message, value)
        if speaker != "system":
            self._reply = message if speaker == "assistant" else None
        self.last = number
        return message

    def _add_reply(self, message: Message, content: str) -> None:
        content, message.reasoning = without_thinking(content)
        at = 0
        for found in _CALL.finditer(content):
            if found.start() < at:
                continue
            try:
                arguments, end = _DECODER.raw_decode(content, found.end())
            except (ValueError, RecursionError):
                continue
            if before := content[at : found.start()].strip("\n"):
                message.parts.append(Text(before))
            call = ToolCall(found[1], arguments, id=found[2])
            message.parts.append(call)
            self._calls[call.id] = call
            at = end
        if rest := content[at:].strip("\n") if at else content:
            message.parts.append(Text(rest))

    def _add_fields(self, message: Message, value: dict[str, Any]) -> None:
        message.parts += self._files(value)
        said = mapping(value.get("metadata"))
        usage = mapping(said.get("usage"))
        message.model = text(said.get("model")) or None
        message.input_tokens = count(usage.get("input_tokens"))
        message.output_tokens = count(usage.get("output_tokens"))
        message.cost = amount(said.get("cost"))
        message.metadata = chosen(value, "pinned") | chosen(said, "timings")
        if cached := {name: number for name, number in usage.items() if name.startswith("cache") and count(number)}:
            message.metadata["usage"] = cached

    def _files(self, value: dict[str, Any]) -> list[Part]:
        hashes = mapping(value.get("file_hashes"))
        return [self._file(path, text(hashes.get(path))) for path in texts(value.get("files"))]

    def _file(self, path: str, digest: str) -> Part:
        """Return a file, with its content where the folder of the conversation has a copy."""
        name = path.replace("\\", "/").rpartition("/")[2] or path
        copies = self._tree.children(f"{self._folder}/files" if self._folder else "files")
        kept = next((each for each in copies if digest and each.rpartition("/")[2].startswith(digest)), None)
        return Attachment(name, "", partial(self._tree.open, kept) if kept else None)


def _tool(reply: Message) -> str:
    """Return the tool that a reply calls next by a block of code: each block is one call."""
    said = "\n".join(part.text for part in reply.parts if isinstance(part, Text))
    called: list[str] = [name for name in _FENCE.findall(said) if name in _TOOLS]
    answered = sum(isinstance(part, ToolCall) and part.arguments is None for part in reply.parts)
    return (called[answered:] or called[-1:] or ["tool"])[0]

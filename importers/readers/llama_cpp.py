"""The web page of llama.cpp: exports as JSON, and since 2026 as a file of JSON lines for each conversation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any

from ..chat_messages import ChatMessages
from ..inline import linked_file
from ..json_stream import BrokenJson
from ..parents import reparented
from ..reader import Reader
from ..records import ROOT, Attachment, Conversation, Skipped, Unsupported
from ..times import moment
from ..tree import FileTree
from ..values import amount, count, flag, identifier, items, mapping, parsed, text
from .generic_items import each_item, paths_with


class LlamaCpp(Reader):
    name = "llama-cpp"
    label = "llama.cpp"

    def detect(self, tree: FileTree) -> list[str]:
        return paths_with(tree, _kind, "currNode")

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        header: dict[str, Any] = {}
        lines: list[Any] = []
        for where, value in each_item(tree, path):
            data = mapping(value)
            if isinstance(value, BrokenJson):
                yield Skipped(str(value), where=where)
            elif _kind(data) == "conversation":
                yield _conversation(mapping(data["conv"]), items(data.get("messages")))
            elif _kind(data) == "header":
                if header:
                    yield _conversation(header, lines)
                header, lines = data, []
            elif header:
                lines.append(value)
            else:
                yield Skipped("It belongs to no conversation.", where=where)
        if header:
            yield _conversation(header, lines)


def _kind(data: dict[str, Any]) -> str:
    if "currNode" in mapping(data.get("conv")):
        return "conversation"
    return "header" if "currNode" in data and "role" not in data else ""


def _conversation(about: dict[str, Any], values: list[Any]) -> Conversation:
    chat = ChatMessages()
    parents: dict[str, str | None] = {}
    for value in values:
        data = mapping(value)
        number = identifier(data.get("id"))
        parents[number] = identifier(data.get("parent")) or None
        if text(data.get("type")) == "root":
            continue
        said = {name: data.get(name) for name in ("id", "role", "content", "thinking", "reasoning_content", "model")}
        calls = parsed(data.get("toolCalls"))
        said |= {"timestamp": data.get("timestamp"), "tool_calls": calls, "tool_call_id": data.get("toolCallId")}
        message = chat.add(said if data else value)
        if message is None:
            continue
        timings = mapping(data.get("timings"))
        message.reasoning = message.reasoning or text(data.get("reasoningContent"))
        message.input_tokens, message.output_tokens = count(timings.get("prompt_n")), count(timings.get("predicted_n"))
        taken = [amount(timings.get(name)) or 0 for name in ("prompt_ms", "predicted_ms")]
        message.elapsed_ms = round(sum(each for each in taken if 0 < each < 1e12))
        message.parts += [_extra(each) for each in items(data.get("extra")) if each is not None]
    above = reparented(parents, {message.id for message in chat.messages})
    for message in chat.messages:
        message.parent = above.get(message.id, ROOT)
    current = identifier(about.get("currNode"))
    times = [message.created_at for message in chat.messages if message.created_at]
    models = [message.model for message in chat.messages if message.model]
    return Conversation(
        id=identifier(about.get("id")),
        title=text(about.get("name")),
        messages=chat.messages,
        shown=(current if any(each.id == current for each in chat.messages) else above.get(current)) or None,
        created_at=min(times, default=None),
        updated_at=moment(about.get("lastModified")) or max(times, default=None),
        model=models[-1] if models else None,
        system_prompt=chat.system_prompt,
        is_pinned=flag(about.get("pinned")),
    )


def _extra(value: Any) -> Attachment | Unsupported:
    """Return a file that belongs to a message."""
    data = mapping(value)
    name = text(data.get("name"))
    if link := text(data.get("base64Url")):
        return linked_file(link, name)
    if encoded := text(data.get("base64Data")):
        media = text(data.get("mimeType")) or ("application/pdf" if "PDF" in text(data.get("type")).upper() else "")
        return linked_file(f"data:{media};base64,{encoded}", name or "file", media)
    if isinstance(data.get("content"), str):
        return Attachment(name or "text", "text/plain", partial(BytesIO, data["content"].encode("utf-8", "replace")))
    return Unsupported(text(data.get("type")) or "extra", value)

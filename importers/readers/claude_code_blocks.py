"""Blocks of messages in the logs of Claude Code."""

from __future__ import annotations

from typing import Any

from ..inline import linked_file
from ..records import Message, Part, Text, ToolCall, Unsupported
from ..thread import Thread
from ..values import at, chosen, count, identifier, mapping, mappings, text


def merged_blocks(known: list[Any], new: list[Any]) -> list[Any]:
    """Return the blocks of a reply after a further line of it: a longer snapshot of all, or more blocks."""
    if len(new) >= len(known) and all(map(_grew, known, new)):
        return list(new)
    calls = {identifier(at(block, "id")) for block in known if at(block, "type") == "tool_use"}
    return [*known, *(one for one in new if at(one, "type") != "tool_use" or identifier(at(one, "id")) not in calls)]


def _grew(old: Any, new: Any) -> bool:
    if at(old, "type") != at(new, "type"):
        return False
    if at(old, "type") in ("text", "thinking"):
        return text(at(new, at(old, "type"))).startswith(text(at(old, at(old, "type"))))
    return bool(old == new) or (at(old, "type") == "tool_use" and at(old, "id") == at(new, "id"))


def fill_reply(
    message: Message, record: dict[str, Any], reply: dict[str, Any], blocks: list[Any], thread: Thread
) -> None:
    """Say in a message what the blocks of a reply are now; results that calls have already stay."""
    thoughts: list[str] = []
    files = [part for part in message.parts if not isinstance(part, Text | ToolCall | Unsupported)]
    message.parts = []
    for block in blocks:
        kind = text(at(block, "type"))
        if kind == "text":
            message.parts.append(Text(text(block.get("text"))))
        elif kind == "thinking":
            thoughts.append(text(block.get("thinking")))
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            call = thread.calls.get(identifier(block.get("id")))
            known = call if call is not None else ToolCall("", id=identifier(block.get("id")))
            known.name, known.arguments = text(block.get("name")) or "tool", block.get("input")
            message.parts.append(known)
        elif kind != "redacted_thinking":
            message.parts.append(Unsupported(kind or "block", block))
    message.parts.extend(files)
    message.reasoning = "\n\n".join(thought for thought in thoughts if thought)
    model = text(reply.get("model"))
    message.model = model if model and model != "<synthetic>" else message.model
    if record.get("isApiErrorMessage") is True:
        message.error = "\n".join(part.text for part in message.parts if isinstance(part, Text))
        message.parts = []
    usage = mapping(reply.get("usage"))
    if usage:
        cached = count(usage.get("cache_creation_input_tokens")) + count(usage.get("cache_read_input_tokens"))
        message.input_tokens = count(usage.get("input_tokens")) + cached
        message.output_tokens = count(usage.get("output_tokens"))
        message.metadata |= {"usage": chosen(usage, "cache_creation_input_tokens", "cache_read_input_tokens")}


def user_parts(block: Any) -> list[Part]:
    """Return what a block of a prompt is, or of the result of a tool."""
    kind = text(at(block, "type"))
    if isinstance(block, str):
        return [Text(block)]
    if kind == "text":
        return [Text(text(block.get("text")))]
    if kind in ("image", "document"):
        source = mapping(block.get("source"))
        media_type, data = text(source.get("media_type")), text(source.get("data"))
        if source.get("type") == "base64":
            return [linked_file(f"data:{media_type};base64,{data}", text(block.get("title")))]
        if text(source.get("url")):
            return [linked_file(text(source.get("url")), text(block.get("title")), media_type)]
        if source.get("type") == "text":
            return [Text(data)]
    return [Unsupported(kind or "block", block)]


def result_text(content: Any) -> str:
    """Return the text of a result: a text, or blocks of which pictures are attached beside it."""
    if isinstance(content, str):
        return content
    return "\n".join(text(block.get("text")) for block in mappings(content) if block.get("type") == "text")

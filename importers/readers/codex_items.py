"""Items of rollouts of Codex."""

from __future__ import annotations

from typing import Any

from ..inline import linked_file
from ..records import Part, Text, ToolCall, Unsupported
from ..values import at, items, mappings, parsed, text


def content_parts(content: Any) -> list[Part]:
    """Return the content of a message."""
    parts: list[Part] = [Text(content)] if isinstance(content, str) else []
    for block in mappings(content):
        kind = text(block.get("type"))
        if kind in ("input_text", "output_text", "text"):
            parts.append(Text(text(block.get("text"))))
        elif kind == "input_image":
            parts.append(linked_file(text(block.get("image_url"))))
        else:
            parts.append(Unsupported(kind or "block", block))
    return parts


def called(kind: str, call: str, item: dict[str, Any]) -> Part:
    """Return what an item other than a message or a thought is: the call of a tool, or a picture."""
    if kind in ("function_call", "custom_tool_call"):
        arguments = item.get("arguments") if kind == "function_call" else item.get("input")
        return ToolCall(text(item.get("name")) or "tool", parsed(arguments), id=call)
    if kind in ("local_shell_call", "web_search_call", "tool_search_call"):
        return ToolCall(kind.removesuffix("_call"), item.get("action") or item.get("arguments"), id=call)
    if kind == "image_generation_call" and text(item.get("result")):
        return linked_file(f"data:image/png;base64,{text(item.get('result'))}")
    return Unsupported(kind, item)


def output_of(output: Any) -> tuple[str, bool]:
    """Return the text of a tool's output, and whether it is an error."""
    found = parsed(output) if isinstance(output, str) and output.startswith('{"output"') else output
    if isinstance(found, dict):
        exit_code = at(found, "metadata", "exit_code")
        is_error = found.get("success") is False or (isinstance(exit_code, int) and exit_code != 0)
        return text(found.get("output")) or text(found.get("content")) or str(found), is_error
    if isinstance(found, list):
        return "\n".join(text(at(block, "text")) for block in items(found)), False
    return text(found), False

"""Content of a message of Open WebUI: text in which reasoning and tools stand as HTML, or typed items of output."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from ...chat_messages import add_reasoning, shown
from ...inline import without_thinking
from ...records import Message, Text, ToolCall, Unsupported
from ...values import at, identifier, mapping, mappings, parsed, text

Object = dict[str, Any]

_DETAILS = re.compile(
    r'<details\b([^>]*\btype="(?:reasoning|tool_calls|code_interpreter)"[^>]*)>(.*?)(?:</details>\s*|\Z)', re.DOTALL
)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_SUMMARY = re.compile(r"\s*<summary>.*?</summary>\s*", re.DOTALL)
_CODE = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)


def add_content(message: Message, value: str) -> None:
    """Add text, and the reasoning and the tool calls that stand in it."""
    end = 0
    for found in _DETAILS.finditer(value) if "<details" in value else ():
        _add_text(message, value[end : found.start()])
        attributes = {name: html.unescape(said) for name, said in _ATTRIBUTE.findall(found[1])}
        inside = _SUMMARY.sub("", found[2], count=1)
        kind = attributes.get("type")
        if kind == "reasoning":
            quoted = html.unescape(inside).strip().splitlines()
            add_reasoning(message, "\n".join(re.sub(r"^> ?", "", line) for line in quoted))
        elif kind == "tool_calls":
            arguments = parsed(parsed(attributes.get("arguments", "")))
            result = _result(parsed(attributes["result"])) if "result" in attributes else None
            name = attributes.get("name") or "tool"
            message.parts.append(ToolCall(name, arguments, result, id=attributes.get("id", "")))
        else:
            code = _CODE.search(inside)
            output = _printed(parsed(attributes["output"])) if "output" in attributes else None
            message.parts.append(ToolCall("code_interpreter", code[1] if code else inside.strip(), output))
        end = found.end()
    _add_text(message, value[end:])


def add_output(message: Message, output: list[Any]) -> None:
    """Add the items of a reply as an API returned them."""
    calls: dict[str, ToolCall] = {}
    for item in output:
        data = mapping(item)
        kind, call_id = text(data.get("type")), identifier(data.get("call_id"))
        if kind == "message":
            for block in mappings(data.get("content")):
                _add_text(message, text(block.get("text")))
        elif kind == "reasoning":
            blocks = mappings(data.get("content")) or mappings(data.get("summary"))
            add_reasoning(message, "\n\n".join(filter(None, (text(block.get("text")) for block in blocks))))
        elif kind == "function_call":
            call = ToolCall(text(data.get("name")) or "tool", parsed(data.get("arguments")), id=call_id)
            calls[call_id] = call
            message.parts.append(call)
        elif kind == "function_call_output":
            if call_id not in calls:
                calls[call_id] = ToolCall("tool", id=call_id)
                message.parts.append(calls[call_id])
            calls[call_id].result = _result(data.get("output"))
        elif kind.endswith("code_interpreter"):
            message.parts.append(ToolCall("code_interpreter", data.get("code"), _printed(data.get("output"))))
        else:
            message.parts.append(Unsupported(kind or "output", item))


def _add_text(message: Message, value: str) -> None:
    if message.role == "assistant" and not message.parts:
        value, thoughts = without_thinking(value)
        add_reasoning(message, thoughts)
    if value.strip():
        message.parts.append(Text(value))


def _result(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _printed(value: Any) -> str | None:
    """Return what code printed, its errors and its result."""
    if not isinstance(value, dict):
        return None if value is None else _result(value)
    said = [value.get(name) for name in ("stdout", "stderr", "result")]
    lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in said if each]
    return "\n".join(lines)


def error_of(value: Object) -> str:
    """Return the sentence of the error of a reply."""
    error = value.get("error")
    if error is True:
        return "The reply failed."
    message = error if isinstance(error, str) else at(error, "content") or at(error, "message") or at(error, "detail")
    return text(message) or ("The reply failed." if mapping(error) else "")

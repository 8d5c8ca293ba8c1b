"""Reasoning and tool calls in Markdown that `sterna export` writes: quoted lines under a title."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..records import Part, Text, ToolCall

_BEGINNING = re.compile(r"> \[!(?:quote\]- (?P<reasoning>Reasoning)|example\]- Tool: (?P<tool>.+))")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_BLOCK = re.compile(r"(?P<fence>`{3,})(?P<info>json|result|error|)\n(?P<text>.*?)\n(?P=fence)(?:\n|\Z)", re.DOTALL)


def divided(lines: list[str]) -> tuple[str, list[Part]]:
    """Return the reasoning in the text of a message, and its other parts in order."""
    reasoning = ""
    parts: list[Part] = []
    text: list[str] = []
    for title, quoted in _pieces(lines):
        if title is None:
            text += quoted
            continue
        if any(text):
            parts.append(Text("\n".join(text).strip("\n")))
        text = []
        if title["tool"]:
            parts.append(_tool_call(title["tool"], "\n".join(quoted)))
        else:
            reasoning = "\n".join(quoted)
    if any(text) or not parts:
        joined = "\n".join(text)
        parts.append(Text(joined.strip("\n") if reasoning or parts else joined.removeprefix("\n")))
    return reasoning, parts


def _pieces(lines: list[str]) -> Iterator[tuple[re.Match[str] | None, list[str]]]:
    """Yield each quotation with its title, and each other line without one."""
    fence = ""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if mark := _FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        title = None if fence or (number > 1 and lines[number - 2]) else _BEGINNING.fullmatch(line)
        if title is None:
            yield None, [line]
            continue
        quoted = []
        while number < len(lines) and (lines[number] == ">" or lines[number].startswith("> ")):
            quoted.append(lines[number][2:])
            number += 1
        yield title, quoted


def _tool_call(name: str, body: str) -> ToolCall:
    call = ToolCall(name)
    for block in _BLOCK.finditer(body):
        match block["info"]:
            case "json":
                call.arguments = _json(block["text"])
            case "":
                call.arguments = block["text"]
            case info:
                call.result, call.is_error = block["text"], info == "error"
    return call


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

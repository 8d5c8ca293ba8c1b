"""Lines that say who speaks next.

A line of ordinary text must not pass for one: names are few, and a mark stands alone, or before the text of its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ...records import Role
from ...times import moment

_USER = {"user", "you", "human", "prompt", "me", "you said"}
_SYSTEM = {"system", "system prompt", "developer"}
_ASSISTANT = {
    *("assistant", "ai", "ai assistant", "bot", "response", "reply", "chatgpt", "chatgpt said", "claude"),
    *("claude said", "gemini", "gemini said", "copilot", "copilot said", "bard", "llm", "model response", "grok"),
}
TOOL = "tool"
_TOOLS = {"tool", "function", "tool result", "tool call"}
_MODEL = re.compile(
    r"(?:gpt|chatgpt|claude|gemini|llama|qwen|mistral|mixtral|deepseek|gemma|phi|o[1345])[-\w.:/ ]{0,40}"
)

_STYLES = {
    "heading": re.compile(r"(?P<level>#{1,6})[ \t]+(?P<name>[^\n]{1,120}?)[ \t]*#*[ \t]*()"),
    "bold": re.compile(
        r"(?P<level>)(?:\*\*|__)(?P<name>[^*_\n]{1,60}?)(?P<colon>:?)(?:\*\*|__)(?P<after>:?)[ \t]*(?P<rest>.*)"
    ),
    "plain": re.compile(r"(?P<level>)(?P<name>[A-Za-z][A-Za-z ]{1,16}):(?:[ \t]+(?P<rest>.*))?"),
}
"""In the order in which they are tried: a file keeps to one."""
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_SPLIT = re.compile(r"\s+(?:·|\||—|–|-)\s+|\s*[(\[]")
_DATE = re.compile(
    r"(?=[\d/.-]*\d{4})\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    r"(?:[T, ]+\d{1,2}:[\d:.]+(?:\s?[AaPp]\.?[Mm]\.?)?(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)


@dataclass(slots=True)
class Mark:
    """Line that says who speaks."""

    line: int
    role: Role | str
    notes: list[str]
    """What stands beside the name: a time, a model."""
    rest: str = ""
    """Text that begins on the same line."""


def style_of(lines: list[str]) -> str:
    """Return the kind of marks with which these lines are a conversation; empty if they are none."""
    for style in _STYLES:
        marks = marks_of(lines, style)
        if _is_conversation(lines, marks, style):
            return style
    return ""


def marks_of(lines: list[str], style: str) -> list[Mark]:
    """Return the marks of one style that are not inside of code; each speaker keeps to one level of headings."""
    found = list(_candidates(lines, style))
    if [level for _, level in found].count("#") == 1 and found[0][1] == "#":
        del found[0]  # the title is a name
    levels: dict[str, str] = {}
    return [mark for mark, level in found if levels.setdefault(mark.role, level) == level]


def _candidates(lines: list[str], style: str) -> Iterator[tuple[Mark, str]]:
    for number in _outside_fences(lines):
        found = _STYLES[style].fullmatch(lines[number])
        if found is None or (style != "heading" and number and lines[number - 1].strip()):
            continue  # in running text
        if style == "bold" and found["rest"] and not (found["colon"] or found["after"]):
            continue
        speaker, notes = named(found["name"])
        if speaker:
            rest = (found["rest"] or "") if style != "heading" else ""
            yield Mark(number, speaker, notes, rest), found["level"]


def named(value: str) -> tuple[Role | str, list[str]]:
    """Return who a name means, empty for nobody, and what stands beside it."""
    whole = re.sub(r"^[^\w(\[]+", "", value.strip())
    name, *notes = [part.strip(" )]*_`:") for part in _SPLIT.split(whole)]
    lower = name.lower()
    if lower in _USER:
        return "user", notes
    if lower in _ASSISTANT:
        return "assistant", notes
    if lower in _SYSTEM:
        return "system", notes
    if lower in _TOOLS:
        return TOOL, notes
    return ("assistant", [name, *notes]) if _MODEL.fullmatch(lower) else ("", [])


def is_time(value: str) -> bool:
    """Return whether a text is a date, perhaps with a time, and nothing else; not each can be read for sure."""
    return _DATE.fullmatch(value.strip().strip("*_")) is not None


def time_of(value: str) -> datetime | None:
    """Return the time that a text is; None where it is none, or where it can be read in two ways."""
    return moment(value.strip().strip("*_")) if is_time(value) else None


def _is_conversation(lines: list[str], marks: list[Mark], style: str) -> bool:
    speakers = [mark.role for mark in marks]
    if not {"user", "assistant"} <= set(speakers) or speakers[0] not in {"user", "system"}:
        return False
    return all(_is_about(line) for line in lines[: marks[0].line]) and (style != "plain" or speakers[0] == "user")


def _is_about(line: str) -> bool:
    """Return whether a line before the first mark may belong to an export: it is no prose."""
    line = line.strip()
    is_title = line.startswith("# ")
    is_field = len(line) < 200 and re.match(r"(?:[-*>] )?[*_]{0,2}[A-Z][\w ]{0,24}:", line) is not None
    is_rule = line.strip("-*_= ") == ""
    is_quote = line.startswith(("> ", "[", "*(", "<"))
    return is_title or is_field or is_rule or is_quote or is_time(line.partition(" · ")[0])


def _outside_fences(lines: list[str]) -> Iterator[int]:
    """Yield the numbers of the lines that are not inside of a fenced block; one that never ends is none."""
    number = 0
    never_closed: dict[str, int] = {}
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if opened is None or len(opened[1]) >= never_closed.get(opened[1][0], len(lines[number]) + 1):
            yield number
            number += 1
            continue
        closed = re.compile(rf"\s*{re.escape(opened[1][0])}{{{len(opened[1])},}}\s*")
        end = next((place for place in range(number + 1, len(lines)) if closed.fullmatch(lines[place])), None)
        if end is None:
            never_closed[opened[1][0]] = len(opened[1])
        else:
            number = end + 1

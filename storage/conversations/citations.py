"""Sources that a provider named for a reply, and the numbers in its text that refer to them.

They are kept in the metadata of the reply, which may come from another device: no type is taken on trust. The text is
kept as it came; the numbers are put into it where it is shown or exported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .tool_calls import ToolCall

CITATIONS = "citations"
PLACES = "at"
"""Positions in the text behind which a source is cited."""
MOST_MARKS = 1_000
_UNSAFE = re.compile(r"[\x00-\x20<>\\\x7f]")


class Source(NamedTuple):
    """Source of a reply."""

    url: str
    title: str = ""
    places: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what is kept of it in metadata."""
        known = {"url": self.url, "title": self.title}
        return known | ({PLACES: list(self.places)} if self.places else {})


def sources(metadata: Mapping[str, Any]) -> tuple[Source, ...]:
    """Return the sources of a reply in the order of their numbers."""
    rows = metadata.get(CITATIONS)
    result = []
    for row in rows if isinstance(rows, list) else ():
        url, title, places = (row.get(name) if isinstance(row, Mapping) else None for name in ("url", "title", PLACES))
        if isinstance(url, str) and url:
            numbers = [at for at in places if isinstance(at, int) and at > 0] if isinstance(places, list) else []
            result.append(Source(url, title if isinstance(title, str) else "", tuple(numbers)))
    return tuple(result)


def joined(known: Iterable[Source], more: Iterable[Source], shift: int = 0) -> list[dict[str, Any]]:
    """Return sources as metadata, each address once; the places of ``more`` are ``shift`` characters further on."""
    result: dict[str, Source] = {source.url: source for source in known}
    for source in more:
        before = result.get(source.url, Source(source.url))
        places = dict.fromkeys((*before.places, *(at + shift for at in source.places)))
        result[source.url] = Source(source.url, before.title or source.title, tuple(places))
    return [source.as_json() for source in result.values()]


def joined_citations(before: Mapping[str, Any], content: str, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sources of a reply with text ``content`` and of its rest, as metadata; nothing if there are none."""
    rows = joined(sources(before), sources(after), len(content))
    return {CITATIONS: rows} if rows else {}


def numbered(
    content: str, metadata: Mapping[str, Any], calls: tuple[ToolCall, ...] = (), *, is_linked: bool = True
) -> tuple[str, tuple[ToolCall, ...]]:
    """Return the text of a reply with the numbers of its sources, and its tool calls at their places in that text.

    A number is a link in Markdown if it ``is_linked``. There are none in code.
    """
    marks: dict[int, list[str]] = {}
    for number, source in enumerate(sources(metadata), 1):
        mark = f"[[{number}]]({link_address(source.url)})" if is_linked and is_web(source.url) else ""
        for at in source.places[:MOST_MARKS]:
            if at <= len(content) and not _is_code(content, at):
                marks.setdefault(at, []).append(mark or f"[{number}]")
    if not marks:
        return content, calls
    pieces, end = [], 0
    places = sorted(marks)
    for at in places:
        pieces += [content[end:at], *marks[at]]
        end = at
    added = {at: len("".join(marks[at])) for at in places}
    moved = [call._replace(at=call.at + sum(added[at] for at in places if at <= call.at)) for call in calls]
    return "".join((*pieces, content[end:])), tuple(moved)


def is_web(url: str) -> bool:
    """Return whether an address is one of the web, which may be opened."""
    return url.lower().startswith(("http://", "https://"))


def link_address(url: str) -> str:
    """Return an address as the target of a link in Markdown, which it cannot end."""
    return f"<{_UNSAFE.sub(_escaped, url)}>"


def _is_code(content: str, at: int) -> bool:
    before = content[:at]
    line = before.rpartition("\n")[2]
    return before.count("```") % 2 == 1 or before.count("~~~") % 2 == 1 or line.count("`") % 2 == 1


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())

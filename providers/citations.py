"""Sources in a reply, with the places of its text that they stand for.

They are in ``annotations`` (OpenAI, OpenRouter, and what translators make of the others), ``citations`` or
``search_results`` (Perplexity, xAI).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .events import Citation
from .usage import is_map

MAX_SOURCES = 200
MAX_PLACES = 1_000
PLACE = "place"
"""Key of an annotation with the position behind which it is cited; True: the end of the text so far."""
SUPPORTS = "supports"
"""Key of an annotation with pieces of the text that it stands for: each a text, and its end in UTF-8 bytes."""
_NUMBERED = ("citations", "search_results")
"""Lists whose sources models refer to by their numbers, as in [1]."""


class SourceCollector:
    """Sources of one reply, each address once, in their order."""

    def __init__(self) -> None:
        self._found: dict[str, Citation] = {}
        self._spans: dict[str, list[tuple[int, int]]] = {}
        """Pieces of the text, by address, whose links may stand in the text already."""
        self._supports: dict[str, list[Mapping[str, Any]]] = {}
        self._cited: dict[str, list[int]] = {}

    def add(self, chunk: Mapping[str, Any], length: int) -> None:
        """Take the sources of a chunk or a message; ``length`` is that of the text so far."""
        for name in ("annotations", *_NUMBERED):
            rows = chunk.get(name)
            for row in rows[:MAX_SOURCES] if isinstance(rows, list) else ():
                for source, url in _source(row):
                    title = source.get("title")
                    self._add(url, title[:500] if isinstance(title, str) else "")
                    self._place(url, source, length)

    def sources(self, text: str) -> tuple[Citation, ...]:
        """Return the sources of a reply with this text."""
        return tuple(source._replace(places=self._places(source.url, text)) for source in self._found.values())

    def _add(self, url: str, title: str) -> None:
        known = self._found.get(url)
        if known is None or (title and not known.title):
            self._found[url] = Citation(url, title)

    def _place(self, url: str, source: Mapping[str, Any], length: int) -> None:
        start, end = _number(source.get("start_index")), _number(source.get("end_index"))
        if (place := source.get(PLACE)) is not None:
            self._cited.setdefault(url, []).append(length if place is True else _number(place) or 0)
        elif start is not None and end is not None and end > start:
            self._spans.setdefault(url, []).append((start, end))
        if isinstance(supports := source.get(SUPPORTS), list):
            self._supports.setdefault(url, []).extend(filter(is_map, supports))

    def _places(self, url: str, text: str) -> tuple[int, ...]:
        places = [*self._cited.get(url, ())]
        for start, end in self._spans.get(url, ()):
            if end <= len(text) and not any(sign in text[start:end] for sign in ("](", "http", "【")):
                places.append(end)
        ends = (_end_of(support, text) for support in self._supports.get(url, ()))
        places += [at for at in ends if at is not None]
        return tuple(dict.fromkeys(at for at in places[:MAX_PLACES] if 0 < at <= len(text)))


def _source(row: object) -> Iterator[tuple[Mapping[str, Any], str]]:
    inner = row.get("url_citation") if is_map(row) else None
    source = inner if is_map(inner) else row
    url = source.get("url") if is_map(source) else source
    if isinstance(url, str) and url.startswith(("http://", "https://")) and len(url) < 4096:
        yield source if is_map(source) else {}, url


def _end_of(support: Mapping[str, Any], text: str) -> int | None:
    """Return the end of a piece of the text, which is known by its words and by its bytes."""
    words, end = support.get("text"), _number(support.get("end"))
    if not isinstance(words, str) or not words:
        return None
    if end is not None:
        at = len(text.encode("utf-8", "replace")[:end].decode("utf-8", "ignore"))
        if text[:at].endswith(words):
            return at
    at = text.find(words)
    return at + len(words) if at >= 0 else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None

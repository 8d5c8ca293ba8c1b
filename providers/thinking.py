"""Reasoning that a local model writes into its reply between ``<think>`` and ``</think>``."""

from __future__ import annotations

from collections.abc import Iterator

from .events import Delta, Reasoning

TAGS = (("<think>", "</think>"), ("<thinking>", "</thinking>"))


class ThinkSplitter:
    """Parts the pieces of a reply. Only a tag at its very beginning counts: later it is text about tags."""

    def __init__(self) -> None:
        self._held = ""
        """What may still become a tag."""
        self._end: str | None = None
        self._decided = False
        self._fresh = False
        """Whether the answer's first words are still to come: the blank lines before them are dropped."""

    def feed(self, text: str) -> Iterator[Delta | Reasoning]:
        """The events of the next piece."""
        self._held += text
        if not self._decided and not self._decide():
            return
        if self._end is not None:
            yield from self._inside(self._end)
        if self._end is None:
            yield from self._outside()

    def finish(self) -> Iterator[Delta | Reasoning]:
        """What is left at the end of the stream."""
        held, self._held = self._held, ""
        if held and self._end is not None:
            yield Reasoning(held)
        elif held and not (self._fresh and held.isspace()):
            yield Delta(held)

    def _decide(self) -> bool:
        start = self._held.lstrip()
        for opening, closing in TAGS:
            if start.startswith(opening):
                self._held, self._end, self._decided = start.removeprefix(opening), closing, True
                return True
        self._decided = bool(start) and not any(opening.startswith(start) for opening, _ in TAGS)
        return self._decided

    def _inside(self, end: str) -> Iterator[Reasoning]:
        reasoning, found, rest = self._held.partition(end)
        if found:
            self._held, self._end, self._fresh = rest, None, True
        else:
            keep = _overlap(self._held, end)
            reasoning, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        if reasoning:
            yield Reasoning(reasoning)

    def _outside(self) -> Iterator[Delta]:
        text, self._held = self._held, ""
        if self._fresh:
            text = text.lstrip()
            self._fresh = not text
        if text:
            yield Delta(text)


def _overlap(text: str, tag: str) -> int:
    """How many last characters of ``text`` may be the beginning of ``tag``."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0)

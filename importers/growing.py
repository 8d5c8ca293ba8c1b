"""Logs that grow, read from the beginning of their newest turn on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from .lines import Place, Record, records_from
from .records import Conversation, Mark, Skipped
from .thread import Thread
from .tree import FileTree
from .values import count, mapping, parsed, text


@dataclass(slots=True)
class Start:
    """Where the reading of a log begins, and what it has to know about the lines before."""

    place: Place = field(default_factory=Place)
    known: dict[str, str] = field(default_factory=dict)
    last: str = ""
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def is_rest(self) -> bool:
        return self.place.offset > 0

    def thread(self) -> Thread:
        """Return the thread to add the lines to."""
        return Thread(self.known, self.last) if self.is_rest else Thread()


class Log(Protocol):
    """Conversation while the lines of its log are read."""

    @property
    def thread(self) -> Thread: ...

    def take(self, number: int, record: Record) -> None:
        """Add a line."""

    def memory(self) -> dict[str, Any] | None:
        """Return, as JSON, what the lines to come need to know beside the thread; None if they need all of it."""


Kind = TypeVar("Kind", bound=Log)


def follow(
    tree: FileTree,
    path: str,
    mark: str,
    begin: Callable[[Start], Kind],
    end: Callable[[Kind], Iterable[Conversation]],
) -> Iterator[Conversation | Skipped | Mark]:
    """Yield the conversation of a log, of which only the newest turn is read where the mark tells the place."""
    start = _start(mark)
    log = begin(start)
    turn, memory = start.place, log.memory()
    skipped: list[Skipped] = []
    for place, record in records_from(tree, path, start.place):
        if isinstance(record, Skipped):
            skipped.append(record)
            continue
        turns, before = log.thread.turns, log.memory()
        log.take(place.number, record)
        if log.thread.turns > turns:
            turn, memory = place, before
    conversations = list(end(log))
    if log.thread.misses:
        yield from follow(tree, path, "", begin, end)
        return
    yield from skipped
    for conversation in conversations:
        if start.is_rest:
            conversation.is_partial, conversation.created_at, conversation.metadata = True, None, {}
        yield conversation
    if memory is not None and log.memory() is not None and turn.offset:
        known, last = log.thread.before_turn() if turn is not start.place else (start.known, start.last)
        yield Mark(json.dumps([turn.offset, turn.number, known, last, memory]))


def _start(mark: str) -> Start:
    values = parsed(mark) if mark else None
    if not isinstance(values, list) or len(values) != 5:
        return Start()
    offset, number, known, last, memory = values
    return Start(Place(count(offset), count(number)), mapping(known), text(last), mapping(memory))

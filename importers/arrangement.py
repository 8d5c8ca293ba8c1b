"""Messages of a conversation as a sound tree with times, whatever the source says.

Every message gets a parent that stands before it, and a time of its own after its parent's; hidden messages leave the
tree. Nothing here recurses: a chain may have a million messages.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import overload

from .records import ROOT, Message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST = 315_532_800_000_000
"""1980, in microseconds since 1970: before it is no time of a conversation with a model."""
LATEST = 253_370_764_800_000_000
"""The year 9999."""
TOLERANCE = 86_400_000_000
"""A clock that is a day ahead is believed."""

NONE = -1
"""Parent of a message that begins the conversation."""


@dataclass(slots=True)
class Arrangement:
    """Visible messages, in the order of time."""

    messages: Sequence[Message]
    keys: list[str]
    """Key of each, unique in the conversation, and the same in a later export."""
    parents: Sequence[int]
    """Position of the message that each of them follows, or NONE."""
    times: Sequence[int]
    """Microseconds since 1970, ascending."""
    stated: Sequence[int]
    """Times as the source states them; 0 where it does not."""
    hidden: dict[int, Sequence[Message]]
    """Position of a visible message → hidden ones before it (after it where nothing follows them)."""
    is_line: bool
    places: Mapping[str, int]
    """Id of any message → position of it, or of the visible one that it follows, or NONE."""


class _Chosen(Sequence[Message]):
    """Some messages of a conversation, in another order, each read when it is asked for."""

    def __init__(self, messages: Sequence[Message], places: Sequence[int]) -> None:
        self._messages = messages
        self._places = places

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        if isinstance(index, slice):
            return _Chosen(self._messages, self._places[index])
        return self._messages[self._places[index]]

    def __len__(self) -> int:
        return len(self._places)


class _Places(Mapping[str, int]):
    """Position in the result of each message with an id."""

    def __init__(self, index: Mapping[str, int], places: Sequence[int]) -> None:
        self._index = index
        self._places = places

    def __getitem__(self, name: str) -> int:
        return self._places[self._index[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


@dataclass(slots=True)
class _Outline:
    """What an arrangement needs to know of the messages, without those that are repeated."""

    places: array[int] = field(default_factory=lambda: array("q"))
    """Positions in the conversation."""
    keys: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)
    parents: array[int] = field(default_factory=lambda: array("q"))
    stated: array[int] = field(default_factory=lambda: array("q"))
    hidden: bytearray = field(default_factory=bytearray)


def micros(at: datetime | None, latest: int) -> int:
    """Return microseconds since 1970; 0 for a time that is unknown or cannot be true."""
    if at is None:
        return 0
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    value = (at - _EPOCH) // _MICROSECOND
    return value if EARLIEST <= value <= latest else 0


def arranged(messages: Sequence[Message], *, start: int, latest: int) -> Arrangement:
    """Arrange messages. ``start`` is the time of those whose time cannot be told otherwise, 0 if there is none."""
    outline = _outlined(messages, latest)
    parents, hidden = outline.parents, outline.hidden
    order = _parents_first(parents)
    times = _times(outline.stated, parents, order, start)
    visible, before = _without_hidden(hidden, parents, order)
    shown = sorted((place for place in range(len(hidden)) if not hidden[place]), key=times.__getitem__)
    position = array("q", [NONE]) * (len(hidden) + 1)  # the last one, for NONE, stays NONE
    for number, place in enumerate(shown):
        position[place] = number
    result = array("q", (position[visible[place]] for place in shown))
    for place, is_hidden in enumerate(hidden):
        if is_hidden:
            visible[place] = position[visible[place]]
        else:
            visible[place] = position[place]
    return Arrangement(
        _Chosen(messages, array("q", (outline.places[place] for place in shown))),
        [outline.keys[place] for place in shown],
        result,
        [times[place] for place in shown],
        array("q", (outline.stated[place] for place in shown)),
        {position[place]: _Chosen(messages, [outline.places[one] for one in some]) for place, some in before.items()},
        all(parent == number - 1 for number, parent in enumerate(result)),
        _Places(outline.index, visible),
    )


def _outlined(messages: Sequence[Message], latest: int) -> _Outline:
    """Return all but repeated messages, each with a key: its id, or its number where it has none.

    Messages whose parent is missing follow what stood before the first of them in the list.
    """
    made = _Outline()
    index, keys, parents = made.index, made.keys, made.parents
    unknown: dict[int, str] = {}
    """Messages that name a parent which does not stand before them."""
    others: set[str] = set()
    for place, message in enumerate(messages):
        key, number, parent = message.id, len(keys), message.parent
        if key and (before := index.get(key)) is not None:
            same = messages[made.places[before]]
            if same.role == message.role and same.parts == message.parts:
                made.stated[before] = made.stated[before] or micros(message.created_at, latest)
                continue
            count = 2
            while (other := f"{key}~{count}") in others or other in index:
                count += 1
            others.add(key := other)
        elif key:
            index[key] = number
        else:
            key = f"#{number}"
        if parent is None:
            parents.append(number - 1)
        elif parent == ROOT:
            parents.append(NONE)
        else:
            found = index.get(parent, number)
            parents.append(found)
            if found == number:
                unknown[number] = parent
        keys.append(key)
        made.places.append(place)
        made.stated.append(micros(message.created_at, latest))
        made.hidden.append(message.hidden)
    missing: dict[str, int] = {}
    for number, parent in unknown.items():
        found = index.get(parent, number)
        parents[number] = found if found != number else missing.setdefault(parent, number - 1)
    return made


def _parents_first(parents: array[int]) -> array[int]:
    """Return all positions, each after its parent; a circle is opened where it is entered first."""
    order = array("q")
    state = bytearray(len(parents))  # 1: on the path that is climbed, 2: done
    for start in range(len(parents)):
        path: list[int] = []
        place = start
        while place != NONE and state[place] != 2:
            if state[place] == 1:
                parents[path[-1]] = NONE
                break
            state[place] = 1
            path.append(place)
            place = parents[place]
        for passed in reversed(path):
            state[passed] = 2
            order.append(passed)
    return order


def _times(stated: Sequence[int], parents: Sequence[int], order: Sequence[int], start: int) -> array[int]:
    first = start or min((time for time in stated if time), default=0)
    times = array("q", [0]) * len(stated)
    for place in order:
        parent = parents[place]
        before = times[parent] + 1 if parent != NONE else 0
        times[place] = max(stated[place] or first if parent == NONE else stated[place], before)
    if all(earlier < later for earlier, later in pairwise(sorted(times))):
        return times
    free: dict[int, int] = {}
    """Time that is taken → the next one that may be free."""
    for place in order:
        parent = parents[place]
        before = times[parent] + 1 if parent != NONE else 0
        time = max(stated[place] or first if parent == NONE else stated[place], before)
        passed = []
        while (later := free.get(time)) is not None:
            passed.append(time)
            time = later
        for taken in passed:
            free[taken] = time + 1
        free[time] = time + 1
        times[place] = time
    return times


def _without_hidden(
    is_hidden: bytearray, parents: Sequence[int], order: Sequence[int]
) -> tuple[array[int], dict[int, list[int]]]:
    """Return the nearest visible ancestor of each message, and which hidden ones stand before a visible one."""
    visible = array("q", [NONE]) * len(parents)
    claimed = bytearray(len(parents))
    hidden: dict[int, list[int]] = {}
    any_hidden = False
    for place in order:
        parent = parents[place]
        if parent != NONE:
            visible[place] = visible[parent] if is_hidden[parent] else parent
        if is_hidden[place]:
            any_hidden = True
        elif any_hidden:
            above: list[int] = []
            while parent != NONE and is_hidden[parent] and not claimed[parent]:
                claimed[parent] = 1
                above.append(parent)
                parent = parents[parent]
            if above:
                hidden[place] = above[::-1]
    if any_hidden:
        first = next((place for place in order if not is_hidden[place]), NONE)
        for place in order:
            if is_hidden[place] and not claimed[place]:
                at = visible[place] if visible[place] != NONE else first
                if at != NONE:
                    hidden.setdefault(at, []).append(place)
    return visible, hidden

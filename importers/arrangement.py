"""Messages of a conversation as a sound tree with times, whatever the source says.

Every message gets a parent that stands before it, and a time of its own after its parent's; hidden messages leave the
tree. Nothing here recurses: a chain may have a million messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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

    messages: list[Message]
    keys: list[str]
    """Key of each, unique in the conversation, and the same in a later export."""
    parents: list[int]
    """Position of the message that each of them follows, or NONE."""
    times: list[int]
    """Microseconds since 1970, ascending."""
    stated: list[int]
    """Times as the source states them; 0 where it does not."""
    hidden: dict[int, list[Message]]
    """Position of a visible message → hidden ones before it (after it where nothing follows them)."""
    is_line: bool
    places: dict[str, int]
    """Id of any message → position of it, or of the visible one that it follows, or NONE."""


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
    kept, keys, index = _distinct(messages)
    parents = _parents(kept, index)
    order = _parents_first(parents)
    stated = [micros(message.created_at, latest) for message in kept]
    times = _times(stated, parents, order, start)
    visible, hidden = _without_hidden(kept, parents, order)
    shown = sorted((place for place in range(len(kept)) if not kept[place].hidden), key=times.__getitem__)
    position = {place: number for number, place in enumerate(shown)}
    position[NONE] = NONE
    result = [position[visible[place]] for place in shown]
    return Arrangement(
        [kept[place] for place in shown],
        [keys[place] for place in shown],
        result,
        [times[place] for place in shown],
        [stated[place] for place in shown],
        {position[place]: [kept[one] for one in some] for place, some in hidden.items()},
        all(parent == number - 1 for number, parent in enumerate(result)),
        {name: position.get(place, NONE) if not kept[place].hidden else position[visible[place]]
         for name, place in index.items()},
    )  # fmt: skip


def _distinct(messages: Sequence[Message]) -> tuple[list[Message], list[str], dict[str, int]]:
    """Leave out repeated messages, and give each a key: its id, or its number where it has none."""
    kept: list[Message] = []
    keys: list[str] = []
    index: dict[str, int] = {}
    taken: set[str] = set()
    for message in messages:
        key = message.id
        if key and (before := index.get(key)) is not None:
            same = kept[before]
            if same.role == message.role and same.parts == message.parts:
                continue
            number = 2
            while f"{key}~{number}" in taken:
                number += 1
            key = f"{key}~{number}"
        elif key:
            index[key] = len(kept)
        else:
            key = f"#{len(kept)}"
        taken.add(key)
        kept.append(message)
        keys.append(key)
    return kept, keys, index


def _parents(kept: Sequence[Message], index: dict[str, int]) -> list[int]:
    """Return the position of each parent. Messages whose parent is missing follow what stood before the first of them
    in the list.
    """
    parents: list[int] = []
    missing: dict[str, int] = {}
    for place, message in enumerate(kept):
        name = message.parent
        if name is None:
            parents.append(place - 1)
        elif name == ROOT:
            parents.append(NONE)
        elif (found := index.get(name)) is not None and found != place:
            parents.append(found)
        else:
            parents.append(missing.setdefault(name, place - 1))
    return parents


def _parents_first(parents: list[int]) -> list[int]:
    """Return all positions, each after its parent; a circle is opened where it is entered first."""
    order: list[int] = []
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


def _times(stated: list[int], parents: list[int], order: list[int], start: int) -> list[int]:
    first = start or min((time for time in stated if time), default=0)
    times = [0] * len(stated)
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
    kept: Sequence[Message], parents: list[int], order: list[int]
) -> tuple[list[int], dict[int, list[int]]]:
    """Return the nearest visible ancestor of each message, and which hidden ones stand before a visible one."""
    visible = [NONE] * len(kept)
    claimed = bytearray(len(kept))
    hidden: dict[int, list[int]] = {}
    any_hidden = False
    for place in order:
        parent = parents[place]
        if parent != NONE:
            visible[place] = visible[parent] if kept[parent].hidden else parent
        if kept[place].hidden:
            any_hidden = True
        elif any_hidden:
            above: list[int] = []
            while parent != NONE and kept[parent].hidden and not claimed[parent]:
                claimed[parent] = 1
                above.append(parent)
                parent = parents[parent]
            if above:
                hidden[place] = above[::-1]
    if any_hidden:
        first = next((place for place in order if not kept[place].hidden), NONE)
        for place in order:
            if kept[place].hidden and not claimed[place]:
                at = visible[place] if visible[place] != NONE else first
                if at != NONE:
                    hidden.setdefault(at, []).append(place)
    return visible, hidden

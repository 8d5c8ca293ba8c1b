"""Filter of the list and of the search: words, ``#tag``, ``is:pinned``, ``is:archived``, ``is:untagged``, and where a
conversation comes from: ``from:claude-code``, ``in:~/src/app``.

A minus in front of a condition turns it round: ``-#done``. What is no condition is text: ``#include`` while no tag
begins so, and everything between quotation marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..database.connection import Database, readable
from ..text import clip, storable
from .origins import Condition, Origin, known_origin
from .tags import TAG, TAG_END, tag_of

LONGEST = 200
"""Characters of a filter that count."""
STATES = ("pinned", "archived", "untagged")
"""Words that may follow ``is:``."""

_PIECE = re.compile(r'-?(?:in|from):"[^"]*"?|"[^"]*"?|\S+', re.IGNORECASE)
_STATE = re.compile(rf"(-?)is:({'|'.join(STATES)})", re.IGNORECASE)
_TAG = re.compile(r"(-?)#(\S+)")
_ORIGIN = re.compile(r'(-?)(in|from):(?:"([^"]+)"?|([^"]\S*))', re.IGNORECASE)

NOTHING_MORE = Condition("", {})
_HAS_TAG = "select session_id from session_settings where key {} and value not in ('false', 'null')"


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Parsed filter."""

    words: str
    """Text without the conditions, as it was typed."""
    states: tuple[tuple[str, bool], ...] = ()
    """States with whether they are wanted."""
    tags: tuple[tuple[str, bool, bool], ...] = ()
    """Tags with whether they are wanted, and whether the tag is only begun."""

    origins: tuple[tuple[Origin, bool], ...] = ()
    """Where conversations come from, with whether it is wanted."""

    def says(self, state: str) -> bool | None:
        """Return whether a state is wanted; None when the filter does not mention it."""
        return dict(self.states).get(state)


def parse_filter(db: Database, text: str, limit: int = LONGEST) -> ListFilter:
    """Return the filter of a text. Never raises; which tags there are decides what ``#word`` means."""
    text = storable(clip(text.strip(), limit))
    folded = text.casefold()
    if "#" not in text and not any(f"{name}:" in folded for name in ("is", "in", "from")):
        return ListFilter(text)
    words: list[str] = []
    states: list[tuple[str, bool]] = []
    tags: list[tuple[str, bool, bool]] = []
    origins: list[tuple[Origin, bool]] = []
    pieces = _PIECE.findall(text)
    for number, piece in enumerate(pieces, 1):
        if (state := _STATE.fullmatch(piece)) is not None:
            states.append((state[2].lower(), not state[1]))
        elif (tag := _TAG.fullmatch(piece)) is not None and (known := _known_tag(db, tag[2])) is not None:
            tags.append((known[0], not tag[1], known[1]))
        elif (named := _ORIGIN.fullmatch(piece)) and (
            origin := known_origin(db, named[2].lower(), named[3] or named[4])
        ) is not None:
            origins.append((origin, not named[1]))
        elif number < len(pieces) or not _is_begun(piece):
            quoted = piece[1:-1] if len(piece) > 1 and piece[0] == piece[-1] == '"' else ""
            words.append(quoted if _STATE.fullmatch(quoted) or _TAG.fullmatch(quoted) else piece)
    return ListFilter(" ".join(words), tuple(states), tuple(tags), tuple(origins))


def _is_begun(piece: str) -> bool:
    """Return whether a piece is the beginning of a condition, which says nothing yet."""
    piece = piece.removeprefix("-").lower()
    return piece in ("#", "in:", "from:") or (
        piece.startswith("is:") and any(f"is:{state}".startswith(piece) for state in STATES)
    )


def _known_tag(db: Database, text: str) -> tuple[str, bool] | None:
    """Return the tag of that name, else the beginning of a name if there is a tag that begins so, else None."""
    if (name := tag_of(text)) is None:
        return None
    if db.one("select 1 from session_settings where key = :key limit 1", key=TAG + name):
        return name, False
    first = db.one("select 1 from session_settings where key >= :key and key < :end limit 1", **_range(name))
    return (name, True) if first else None


def _range(beginning: str) -> dict[str, str]:
    return {"key": TAG + beginning, "end": TAG + beginning + "\U0010ffff"}


def conditions(wanted: ListFilter, table: str = "chat_sessions") -> Condition:
    """Return the conditions besides the words, joined by ``and``; empty where there are none."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for state, is_wanted in wanted.states:
        if state == "untagged":
            tagged = _HAS_TAG.format(f">= '{TAG}' and key < '{TAG_END}'")
            parts.append(f"{table}.id {'not in' if is_wanted else 'in'} ({tagged})")
        else:
            parts.append(f"{table}.{state} = {int(is_wanted)}")
    for number, (name, is_wanted, is_begun) in enumerate(wanted.tags):
        key, end = f"tag{number}", f"tag{number}_end"
        bounds = _range(name)
        values[key] = bounds["key"]
        if is_begun:
            values[end] = bounds["end"]
        tagged = _HAS_TAG.format(f">= :{key} and key < :{end}" if is_begun else f"= :{key}")
        parts.append(f"{table}.id {'in' if is_wanted else 'not in'} ({tagged})")
    for number, (origin, is_wanted) in enumerate(wanted.origins):
        found = origin.condition(f"{table}.id", f"origin{number}")
        parts.append(found.sql if is_wanted else f"not ({found.sql})")
        values |= found.values
    return Condition(" and ".join(parts), values)


def list_conditions(
    db: Database, wanted: ListFilter, found: Condition = NOTHING_MORE, *, has_archived: bool = False
) -> Condition:
    """Return everything that a conversation in the list fulfils; archived ones are in it only when asked for.

    ``found`` is a condition more, on ``chat_sessions``.
    """
    asks_for_archived = has_archived or wanted.says("archived") is not None
    shown = Condition("" if asks_for_archived else "chat_sessions.archived = 0", {})
    parts = [shown, found, conditions(wanted), _words(db, wanted.words)]
    values = {name: value for part in parts for name, value in part.values.items()}
    return Condition(" and ".join(part.sql for part in parts if part.sql), values)


def _words(db: Database, words: str) -> Condition:
    """Return the condition that title or preview has the words, whatever their case."""
    if not words:
        return Condition("", {})
    if words.isascii():  # like folds ASCII only; anything else asks Python, row by row
        for special in "\\%_":
            words = words.replace(special, f"\\{special}")
        sql = "(title like :text escape '\\' or last_message_preview like :text escape '\\')"
        return Condition(sql, {"text": f"%{words}%"})
    db.create_function("folded_in", 2, folded_in, deterministic=True)
    sql = "(folded_in(:text, cast(title as blob)) or folded_in(:text, cast(last_message_preview as blob)))"
    return Condition(sql, {"text": words.casefold()})


def folded_in(needle: str, text: bytes | None) -> bool:
    """Return True when ``text`` holds ``needle``, which is case-folded already.

    Bytes, because Python refuses to be called with a text that is not UTF-8.
    """
    return text is not None and needle in readable(text).casefold()

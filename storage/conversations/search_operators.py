"""Operators of the search that are about messages, or about where to look.

``role:``, ``model:``, ``before:``, ``after:``, ``has:``, ``in:title``, ``tag:``, and ``-word`` for what must not be in
a message. A minus in front turns the first five round. What is no operator, or has a value that means nothing, is text;
so is everything between quotation marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..clock import stamp
from ..database.connection import Database, readable
from .origins import Condition
from .search_snippets import folded

ROLES = {
    "user": "user", "me": "user", "you": "user", "human": "user", "prompt": "user",
    "assistant": "assistant", "reply": "assistant", "model": "assistant", "ai": "assistant",
}  # fmt: skip
CONTENTS = {
    "code": "(instr(m.content, '```') > 0 or instr(m.content, '~~~') > 0)",
    "attachment": "m.has_attachments = 1",
    "image": "exists (select 1 from message_attachments as a where a.message_id = m.id"
             " and substr(a.media_type, 1, 6) = 'image/')",
    "tool": "json_type(m.metadata, '$.tool_calls') is not null",
    "link": "(instr(m.content, 'https://') > 0 or instr(m.content, 'http://') > 0)",
    "reasoning": "coalesce(m.reasoning, '') <> ''",
}  # fmt: skip
"""What a message can have, with the condition."""
NAMES = ("role:", "model:", "before:", "after:", "has:", "in:title", "tag:")
DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
MOST = 24

_PIECE = re.compile(r'(-?)(role|model|before|after|has|in|tag):(?:"([^"]+)"?|([^"\s]\S*))|"[^"]*"?|\S+', re.IGNORECASE)
_WITHOUT = re.compile(r"-[^\W_][^\s:]*")
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_AGO = re.compile(r"(\d{1,5})([dwmy])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Operators:
    """Parsed operators."""

    rest: str
    """Text without them, as it was typed."""
    messages: Condition = Condition("", {})  # noqa: RUF009 - it is frozen
    """Condition on messages ``m``."""
    without: tuple[str, ...] = ()
    """Folded words that must not be there."""
    titles_only: bool = False

    @property
    def are_about_messages(self) -> bool:
        """Return whether a title cannot fulfil them."""
        return bool(self.messages.sql)


def parse_operators(text: str, now: datetime) -> Operators:
    """Return the operators in a search text. Never raises."""
    if ":" not in text and "-" not in text:
        return Operators(text)
    rest: list[str] = []
    parts: list[str] = []
    values: dict[str, Any] = {}
    without: list[str] = []
    titles_only = False
    pieces = list(_PIECE.finditer(text))
    for number, piece in enumerate(pieces):
        sign, name, value = piece[1], (piece[2] or "").lower(), piece[3] or piece[4] or ""
        if name == "tag":
            rest.append(f"{sign}#{value}")
        elif name == "in" and value.lower() == "title" and not sign:
            titles_only = True
        elif len(parts) < MOST and name and (condition := _condition(name, value, f"operator{number}", now)):
            parts.append(f"not coalesce({condition.sql}, 0)" if sign else condition.sql)
            values |= condition.values
        elif _WITHOUT.fullmatch(piece[0]) and len(pieces) > 1:
            without.append(folded(piece[0][1:]))
        elif number < len(pieces) - 1 or not _is_begun(piece[0]):
            rest.append(piece[0])
    if not any(each for each in rest) and not parts and not titles_only and without:
        return Operators(text)  # nothing is looked for: they are text
    return Operators(" ".join(rest), Condition(" and ".join(parts), values), tuple(without), titles_only)


def has_words(words: str, text: bytes | str | None) -> bool:
    """Return whether a text has one of some folded words, separated by spaces. Bytes from SQL may be no UTF-8."""
    if text is None:
        return False
    plain = folded(text if isinstance(text, str) else readable(text))
    pattern = "|".join(re.escape(word) for word in words.split(" "))
    return re.search(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", plain) is not None


def without_words(db: Database, words: tuple[str, ...], column: str) -> Condition:
    """Return the condition that a text has none of these words; empty where there are none."""
    if not words:
        return Condition("", {})
    db.create_function("has_words", 2, has_words, deterministic=True)
    return Condition(f"not has_words(:without, cast({column} as blob))", {"without": " ".join(words)})


def joined(*conditions: Condition) -> Condition:
    """Return the condition that all of these hold."""
    values = {name: value for each in conditions for name, value in each.values.items()}
    return Condition(" and ".join(each.sql for each in conditions if each.sql), values)


def _condition(name: str, value: str, key: str, now: datetime) -> Condition | None:
    """Return the condition of one operator; None where its value means nothing."""
    word = value.lower()
    if name == "role" and word in ROLES:
        return Condition(f"m.role = :{key}", {key: ROLES[word]})
    if name == "model":
        return Condition(f"instr(lower(m.model), :{key}) > 0", {key: word})
    if name == "has" and (content := CONTENTS.get(word) or CONTENTS.get(word.removesuffix("s"))):
        return Condition(content, {})
    if name in ("before", "after") and (moment := _moment(word, now)) is not None:
        return Condition(f"m.message_timestamp {'<' if name == 'before' else '>='} :{key}", {key: moment})
    return None


def _is_begun(piece: str) -> bool:
    """Return whether a piece is the beginning of an operator, which says nothing yet."""
    piece = piece.removeprefix("-").lower()
    return len(piece) > 2 and ":" in piece and any(name.startswith(piece) or piece == name for name in NAMES)


def _moment(text: str, now: datetime) -> str | None:
    """Return the beginning of a day, month or year, in the local zone, as messages have it; None for no date."""
    today = now.astimezone().date()
    try:
        if text in ("today", "yesterday"):
            day = today - timedelta(days=text == "yesterday")
        elif ago := _AGO.fullmatch(text):
            day = today - timedelta(days=int(ago[1]) * DAYS[ago[2]])
        elif given := _DAY.fullmatch(text):
            day = date(int(given[1]), int(given[2] or 1), int(given[3] or 1))
        else:
            return None
        return stamp(datetime(day.year, day.month, day.day).astimezone().astimezone(UTC))
    except (ValueError, OverflowError):
        return None

"""Quotations from the history: passages that were sent with a question, and what a reply quotes of them.

Both are kept in the metadata of messages, which may come from another device: no type is taken on trust.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..text import one_line

PASSAGES = "passages"
"""Name in a question's metadata of the passages that were sent with it."""
QUOTES = "quotes"
"""Name in a reply's metadata of what it quotes."""
SHOWN = 100
"""Characters of a quotation that are shown below a reply."""


class Passage(NamedTuple):
    """Piece of an earlier message."""

    session_id: str
    message_id: str
    title: str
    """Title of the conversation."""
    role: str
    at: str
    text: str
    is_private: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what is kept of it in metadata."""
        return {name: value for name, value in self._asdict().items() if name != "is_private"}


class Quote(NamedTuple):
    """Quotation in a reply, and where it is from."""

    number: int
    """Number of the passage in the reply; 0 for none."""
    text: str
    title: str = ""
    at: str = ""
    session_id: str = ""
    message_id: str = ""
    """Message that it is from; empty where it was not found."""

    @property
    def is_found(self) -> bool:
        """Return whether the words are in the history."""
        return bool(self.message_id)


def message_passages(metadata: Mapping[str, Any]) -> tuple[Passage, ...]:
    """Return the passages that were sent with a question."""
    result = []
    for row in _rows(metadata.get(PASSAGES)):
        session_id, message_id, title, role, at, text = (_text(row, name) for name in Passage._fields[:-1])
        if text:
            result.append(Passage(session_id, message_id, title, role, at, text))
    return tuple(result)


def reply_quotes(metadata: Mapping[str, Any]) -> tuple[Quote, ...]:
    """Return what a reply quotes."""
    result = []
    for row in _rows(metadata.get(QUOTES)):
        number = row.get("number")
        number = number if isinstance(number, int) and not isinstance(number, bool) else 0
        result.append(Quote(number, *(_text(row, name) for name in Quote._fields[1:])))
    return tuple(result)


def quote_line(quote: Quote) -> str:
    """Return on one line what is quoted, and from where."""
    number = f"[{quote.number}] " if quote.number else ""
    text = f"“{one_line(quote.text, SHOWN)}”" if quote.text else ""
    if not quote.is_found:
        return f"✗ Not found in your history: {text}"
    return number + " · ".join(filter(None, (text, one_line(quote.title, 60) or "Untitled", one_line(quote.at[:10]))))


def passages_subject(passages: Sequence[Passage]) -> str:
    """Return how many passages there are, of how many conversations, and how long they are together."""
    conversations = len({passage.session_id for passage in passages})
    size = sum(len(passage.text) for passage in passages)
    one = "passage" if len(passages) == 1 else "passages"
    several = "conversation" if conversations == 1 else "conversations"
    return f"{len(passages):,} {one} of {conversations:,} {several}, {size:,} characters"


def passages_text(passages: Sequence[Passage]) -> str:
    """Return the passages as text, each line of them marked as a quotation."""
    parts = []
    for number, passage in enumerate(passages, 1):
        author = "I wrote" if passage.role == "user" else "a model wrote"
        lines = "\n".join(f"> {line}" for line in passage.text.splitlines())
        parts.append(
            f"[{number}] {author} in “{one_line(passage.title, 120)}” on {one_line(passage.at[:10])}:\n{lines}"
        )
    return "\n\n".join(parts)


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)][:50] if isinstance(value, list) else []


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""

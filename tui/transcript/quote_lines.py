"""Rows below a reply about what it quotes of the history: where each quotation is from, or that it was not found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from sterna.storage import clean
from sterna.storage.conversations.quotations import (
    Quote,
    message_passages,
    passages_subject,
    passages_text,
    quote_line,
)
from sterna.storage.conversations.tool_calls import ToolCall

from ..markdown import Link, Note
from ..markdown.styles import MUTED


def passages_call(metadata: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Return the passages that were sent with a question, as a part that folds like a tool call."""
    passages = message_passages(metadata)
    if not passages:
        return ()
    return (ToolCall("Sent with", passages_subject(passages), result=passages_text(passages)),)


def quote_notes(quotes: Sequence[Quote], links_key: str) -> list[Note]:
    """Return one row for each quote, a click on which opens the message, and below them the key that does it too."""
    notes = [
        Note(
            Content.styled(clean(quote_line(quote)), "underline $text-accent" if quote.is_found else "$text-warning"),
            gap=0 if number else 1,
        )
        for number, quote in enumerate(quotes)
    ]
    if any(quote.is_found for quote in quotes):
        notes.append(Note(Content.styled(f"{links_key} opens one", MUTED), gap=0))
    return notes


def quote_links(quotes: Sequence[Quote]) -> list[Link]:
    """Return the quotes whose messages can be opened, for the picker of links."""
    return [Link(quote_line(quote), "", (quote.session_id, quote.message_id)) for quote in quotes if quote.is_found]

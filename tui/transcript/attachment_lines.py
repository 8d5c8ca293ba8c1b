"""Rows about what is attached to a message: name, size and kind, one row each."""

from __future__ import annotations

from textual.content import Content

from sterna.storage import Message
from sterna.storage.text import size_text

from ..attachment_names import short_name
from ..markdown import Note
from ..markdown.styles import MUTED

LONGEST_NAME = 60
KINDS = {"image": "image", "pdf": "PDF", "text": "text"}


def attachment_lines(message: Message) -> list[Note]:
    """Return the rows, the first after an empty one."""
    return [
        Note(
            Content.assemble(
                ("▪ ", MUTED),
                (short_name(item.name, LONGEST_NAME), "$text-accent"),
                (f"  {size_text(item.size)} · {KINDS[item.kind]}", MUTED),
            ),
            gap=0 if number else 1,
        )
        for number, item in enumerate(message.attachments)
    ]

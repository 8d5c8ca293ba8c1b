"""Rows about what is attached to a message: name, size and kind, and pictures of images."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from sterna.storage import Message
from sterna.storage.text import size_text

from ..attachment_names import short_name
from ..markdown import Block, Note
from ..markdown.styles import MUTED

LONGEST_NAME = 60
KINDS = {"image": "image", "pdf": "PDF", "text": "text"}


def attachment_blocks(message: Message, pictures: Mapping[str, Block]) -> list[tuple[Block, ...]]:
    """Return for each attachment its row, and its picture where there is one; the first follows an empty row."""
    blocks: list[tuple[Block, ...]] = []
    for number, item in enumerate(message.attachments):
        line = Note(
            Content.assemble(
                ("▪ ", MUTED),
                (short_name(item.name, LONGEST_NAME), "$text-accent"),
                (f"  {size_text(item.size)} · {KINDS[item.kind]}", MUTED),
            ),
            gap=0 if number else 1,
        )
        picture = pictures.get(item.id)
        blocks.append((line,) if picture is None else (line, picture))
    return blocks

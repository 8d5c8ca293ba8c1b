"""Names of attachments as the screen shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sterna.storage.text import clip, one_line, size_text

if TYPE_CHECKING:
    from sterna.storage import Attachment

LONGEST_NAME = 40


def short_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name that fits into a row."""
    return clip(one_line(name) or "attachment", longest)


def chip_text(attachment: Attachment) -> str:
    """Return name and size of an attachment."""
    return f"{short_name(attachment.name)} {size_text(attachment.size)}"

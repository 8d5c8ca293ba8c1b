"""Markdown and plain text as documents that one widget can show.

One widget a message: a thousand of Textual's ``Markdown`` widgets cost 47 s and 1.1 GB, a thousand of these a second
and 30 MB.
"""

from __future__ import annotations

from textual.content import Content

from sterna.storage import clean

from .blocks import Block, HugeText, Note, TextBlock
from .code import CodeBlock, Word
from .document import Document, Position
from .links import Link, links
from .rows import Match
from .stream import LIMIT, LiveDocument
from .view import DocumentView

__all__ = [
    "Block",
    "CodeBlock",
    "Document",
    "DocumentView",
    "Link",
    "LiveDocument",
    "Match",
    "Note",
    "Position",
    "Word",
    "blocks",
    "links",
    "plain",
    "plain_blocks",
    "render",
]


def render(text: str) -> Document:
    """Return Markdown as a document, to be shown by a :class:`DocumentView` (or a ``Static``)."""
    return Document(blocks(text))


def plain(text: str) -> Document:
    """Return ``text`` as it was typed."""
    return Document(plain_blocks(text))


def blocks(text: str) -> list[Block]:
    """Return the blocks of ``text``, read as Markdown. Text of absurd length is shown as it was written."""
    if len(text) > LIMIT:
        return plain_blocks(text)
    from .parse import parse

    return [block for top in parse(clean(text)) for block in top.blocks]


def plain_blocks(text: str, style: str = "") -> list[Block]:
    """Return the blocks of ``text`` as it was typed."""
    source = clean(text)
    if len(source) > LIMIT:
        return [HugeText(source)]
    return [TextBlock(Content.styled(source.expandtabs(8), style))]

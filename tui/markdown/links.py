"""Addresses that a document names, for opening them by key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from textual.content import Content
from textual.style import Style

from .blocks import Block, TextBlock
from .inline import web_addresses
from .table import TableBlock


class Link(NamedTuple):
    """Address that may be opened, and the text that stands for it."""

    address: str
    label: str
    """Empty where the address itself is shown."""
    message: tuple[str, str] | None = None
    """Conversation and message of one's own history that it leads to; ``address`` then says which, in words."""


def links(blocks: Sequence[Block]) -> list[Link]:
    """Return the web and mail addresses in ``blocks``, each once, in their order."""
    found: dict[str, Link] = {}
    for block in blocks:
        for link in _of(block):
            if link.address not in found or not found[link.address].label:
                found[link.address] = link
    return list(found.values())


def _of(block: Block) -> Iterable[Link]:
    if isinstance(block, TextBlock):
        yield from _in_content(block.content)
    elif isinstance(block, TableBlock):
        for row in block.cells:
            for cell in row:
                yield from _in_content(cell)
    else:
        for line in block.lines:
            yield from (Link(address, "") for _, address in web_addresses(line))


def _in_content(content: Content) -> Iterable[Link]:
    text = content.plain
    marked = sorted(
        (span.start, span.end, span.style.link)
        for span in content.spans
        if isinstance(span.style, Style) and span.style.link
    )
    if not marked:  # text as it was typed has no marks
        marked = [(start, start + len(address), address) for start, address in web_addresses(text)]
    for start, end, address in marked:
        label = text[start:end].strip()
        yield Link(address, "" if label in (address, address.removeprefix("mailto:")) else label)

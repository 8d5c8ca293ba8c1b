"""Import of samples, as far as a reader goes."""

from __future__ import annotations

from pathlib import Path

from altered import check

from sterna.importers import Attachment, Conversation, Message, Skipped, Text
from sterna.importers.files import open_tree
from sterna.importers.records import Mark
from sterna.importers.registry import find

SAMPLES = Path(__file__).parent / "samples"


def read(path: Path, source: str) -> list[Conversation | Skipped]:
    """Return what is read of an export, all of which must be recognized as that of this source."""
    with open_tree(path) as tree:
        found = find(tree)
        assert not found.problems
        assert {reader.name for reader, _ in found.units} == {source}
        items = [item for reader, unit in found.units for item in reader.read(tree, unit)]
    for item in items:
        check(item)
    return items


def conversations(path: Path, source: str) -> list[Conversation]:
    """Return the conversations of an export of which nothing is skipped."""
    items = read(path, source)
    assert not [item for item in items if isinstance(item, Skipped)]
    return [item for item in items if isinstance(item, Conversation)]


def since(path: Path, source: str, mark: str = "") -> tuple[list[Conversation], str]:
    """Return what changed in the only unit of an export that is followed, and the mark for the next time."""
    with open_tree(path) as tree:
        ((reader, unit),) = [each for each in find(tree).units if each[0].name == source]
        items = list(reader.read_since(tree, unit, mark))
    (new,) = [item.text for item in items if isinstance(item, Mark)]
    return [item for item in items if isinstance(item, Conversation)], new


def sources(path: Path) -> list[tuple[str, str]]:
    """Return who would read what."""
    with open_tree(path) as tree:
        return [(reader.name, unit) for reader, unit in find(tree).units]


def lines(conversation: Conversation) -> list[tuple[str, str]]:
    """Return who says what, without tools and files."""
    return [(message.role, said(message)) for message in conversation.messages]


def said(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def content(part: object) -> bytes:
    """Return the bytes of an attachment."""
    assert isinstance(part, Attachment)
    assert part.open is not None
    with part.open() as file:
        return file.read()

"""Forms of known programs that no reader takes, each with a sentence about what to export instead."""

from __future__ import annotations

from collections.abc import Iterator

from .json_stream import BrokenJson, BrokenMember, json_array
from .tree import FileTree

_MANIFEST = b"MANIFEST-"


def unread_forms(tree: FileTree) -> Iterator[str]:
    """Yield a sentence for each history in a tree that is recognized and cannot be read."""
    for path in tree.paths:
        name = path.rpartition("/")[2]
        if name == "group_chats.json" and (count := _group_chats(tree, path)):
            chats = "1 group chat" if count == 1 else f"{count:,} group chats"
            yield f"{path} lists {chats}, whose messages ChatGPT does not export. Copy them from its website."
        elif name == "CURRENT" and "indexeddb" in path.lower() and tree.head(path).startswith(_MANIFEST):
            yield (
                f"{path.rpartition('/')[0]} is the database of a browser (LevelDB), which Sterna does not read."
                " In Cherry Studio, make a slim backup, which has a data.json, or export the topics as Markdown."
            )


def _group_chats(tree: FileTree, path: str) -> int:
    """Return the group chats that a file of ChatGPT lists without their messages."""
    if b'"mapping"' in tree.head(path):
        return 0
    try:
        with tree.open(path) as file:
            return sum(not isinstance(chat, BrokenMember) for chat in json_array(file, "chats"))
    except (BrokenJson, OSError):
        return 0

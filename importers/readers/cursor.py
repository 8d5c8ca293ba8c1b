"""Cursor: chats in ``state.vscdb``, sessions of its agent in ``store.db``, and transcripts of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import ClassVar
from weakref import WeakKeyDictionary

from ..lines import first_records
from ..reader import Reader
from ..records import Conversation, Mark, Skipped
from ..sqlite import databases, open_database
from ..tree import FileTree
from ..values import at, count
from .cursor_agent import stored_session
from .cursor_chats import Composers
from .cursor_transcripts import read_transcript

_in_databases: WeakKeyDictionary[FileTree, frozenset[str]] = WeakKeyDictionary()


class Cursor(Reader):
    """Reader of all three. A session that is in a database, too, is not read from its transcript."""

    name: ClassVar[str] = "cursor"
    label: ClassVar[str] = "Cursor"

    def detect(self, tree: FileTree) -> list[str]:
        transcripts = [path for path in tree.paths if _is_transcript(tree, path)]
        return [*_chats(tree), *_agents(tree), *transcripts]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if path in _chats(tree):
            with open_database(tree, path) as database:
                composers = Composers(database)
                newest = composers.newest_row()
                for key in composers.ids_since(count(mark)) if mark else composers.ids():
                    conversation = composers.conversation(key)
                    if conversation is not None:
                        yield conversation
            if newest:
                yield Mark(str(newest))
        elif path in _agents(tree):
            with open_database(tree, path) as database:
                yield stored_session(database, PurePosixPath(path).parent.name)
        else:
            key = _transcript_id(path)
            if key not in _known(tree):
                yield from read_transcript(tree, path, key)


def _chats(tree: FileTree) -> list[str]:
    return databases(tree, cursorDiskKV="key value")


def _agents(tree: FileTree) -> list[str]:
    return databases(tree, blobs="id data", meta="key value")


def _is_transcript(tree: FileTree, path: str) -> bool:
    if "agent-transcripts" in PurePosixPath(path).parts and tree.head(path).startswith(b"user:"):
        return True
    return any(
        record.get("role") in ("user", "assistant")
        and isinstance(at(record, "message", "content"), list)
        and not {"uuid", "sessionId", "id"} & record.keys()
        for record in first_records(tree, path, 3)
    )


def _transcript_id(path: str) -> str:
    return PurePosixPath(path).stem


def _known(tree: FileTree) -> frozenset[str]:
    if tree not in _in_databases:
        found = {PurePosixPath(path).parent.name for path in _agents(tree)}
        for path in _chats(tree):
            with suppress(sqlite3.Error, OSError), open_database(tree, path) as database:
                found.update(Composers(database).ids())
        _in_databases[tree] = frozenset(found)
    return _in_databases[tree]

"""opencode: ``~/.local/share/opencode/opencode.db``, and the JSON files below ``storage`` of versions before 2026."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from ..documents import document
from ..json_stream import BrokenJson
from ..lines import Record
from ..reader import Reader
from ..records import Conversation, Mark, Skipped
from ..sqlite import cell, databases, each_row, open_database, rows
from ..tree import FileTree
from ..values import count, identifier, mapping, parsed, text
from .opencode_messages import conversation

if TYPE_CHECKING:
    from sqlite_utils import Database

_TABLES = ("session", "message", "part")
_CHANGED = """id in (
    select id from session where time_updated >= {since} union select session_id from message
    where time_updated >= {since} union select session_id from part where time_updated >= {since}
)"""
_migrated: WeakKeyDictionary[FileTree, frozenset[str]] = WeakKeyDictionary()


class Opencode(Reader):
    """Reader of the database, and of the files that a session was in before it was migrated to the database."""

    name: ClassVar[str] = "opencode"
    label: ClassVar[str] = "opencode"

    def detect(self, tree: FileTree) -> list[str]:
        return [*_databases(tree), *(path for path in tree.paths if _is_session(tree, path))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return (item for item in self.read_since(tree, path, "") if not isinstance(item, Mark))

    def read_since(self, tree: FileTree, path: str, mark: str) -> Iterator[Conversation | Skipped | Mark]:
        if path not in _databases(tree):
            yield from _read_files(tree, path)
            return
        with open_database(tree, path) as database:
            newest = _newest(database)  # before their messages are read: they may change meanwhile
            worktrees = {identifier(row.get("id")): text(row.get("worktree")) for row in _rows(database, "project")}
            since = count(mark)
            changed = _CHANGED.format(since=since) if since else ""
            yield from each_row(
                database, "session", lambda row: _read_session(database, row, worktrees), "time_created", changed
            )
        if newest:
            yield Mark(str(newest))


def _newest(database: Database) -> int:
    """Return when a session, message or part changed last, in milliseconds since 1970; 0 where nothing says so."""
    try:
        sql = " union all ".join(f"select max(time_updated) as at from {table}" for table in _TABLES)
        return max(count(row["at"]) for row in list(database.query(sql)))
    except sqlite3.Error:
        return 0


def _databases(tree: FileTree) -> list[str]:
    return databases(tree, session="id directory title", message="id session_id data", part="message_id data")


def _rows(database: Database, table: str) -> list[Record]:
    return rows(database, table) if database[table].exists() else []


def _read_session(database: Database, row: Record, worktrees: dict[str, str]) -> Conversation | Skipped | None:
    row = {name: cell(value) if isinstance(value, bytes) else value for name, value in row.items()}
    key = text(row.get("id"))
    if not key:
        return Skipped("A session has no id.", where="session")
    messages = rows(database, "message", "session_id = ?", [key], "time_created, id")
    parts = rows(database, "part", "session_id = ?", [key], "time_created, id")
    row = row | {"revert": parsed(row.get("revert")), "model": parsed(row.get("model"))}
    row["directory"] = text(row.get("directory")) or worktrees.get(identifier(row.get("project_id")), "")
    return conversation(row, [_unpacked(message) for message in messages], [_unpacked(part) for part in parts])


def _unpacked(row: Record) -> Record:
    return {"time_created": cell(row.get("time_created")), **mapping(parsed(cell(row.get("data")))), **_ids(row)}


def _ids(row: Record) -> Record:
    return {name: cell(row.get(name)) for name in ("id", "message_id") if name in row}


def _is_session(tree: FileTree, path: str) -> bool:
    """Return whether a file is a session of its own: the JSON files are small, so the head holds all of it."""
    if not path.endswith(".json") or b'"projectID"' not in tree.head(path):
        return False
    session = _document(tree, path)
    return {"id", "projectID", "title", "time"} <= session.keys()


def _document(tree: FileTree, path: str) -> Record:
    try:
        return mapping(document(tree, path))
    except (OSError, BrokenJson):
        return {}


def _read_files(tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
    session = _document(tree, path)
    key = text(session.get("id"))
    if not key or key in _in_databases(tree):
        return
    base = path.rpartition("/session/")[0] if "/session/" in path else path.rpartition("session/")[0].rstrip("/")
    prefix = f"{base}/" if base else ""
    messages = []
    parts: list[Record] = []
    for file in _below(tree, f"{prefix}message/{key}/"):
        if message := _document(tree, file):
            messages.append(message)
            found = (_document(tree, part) for part in _below(tree, f"{prefix}part/{text(message.get('id'))}/"))
            parts.extend(part | {"message_id": text(message.get("id"))} for part in found if part)
        else:
            yield Skipped("The message is not valid JSON.", key, file)
    messages.sort(key=lambda message: text(message.get("id")))
    parts.sort(key=lambda part: text(part.get("id")))
    yield conversation(session, messages, parts)


def _below(tree: FileTree, prefix: str) -> list[str]:
    paths = tree.paths
    start = bisect_left(paths, prefix)
    end = bisect_left(paths, prefix[:-1] + chr(ord("/") + 1))
    return list(paths[start:end])


def _in_databases(tree: FileTree) -> frozenset[str]:
    """Return the sessions in the databases of the tree: their old files stay after they were migrated."""
    if tree not in _migrated:
        found: set[str] = set()
        for path in _databases(tree):
            with suppress(sqlite3.Error, OSError), open_database(tree, path) as database:
                found.update(text(row.get("id")) for row in rows(database, "session"))
        _migrated[tree] = frozenset(found)
    return _migrated[tree]

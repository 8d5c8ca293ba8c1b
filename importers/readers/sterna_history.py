"""Files of Sterna's own histories: copies that `sterna export --format sqlite` makes, and those in a data folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..records import Conversation, Skipped
from ..sqlite import Owned, cell, databases, each_row, open_database, rows
from ..tree import FileTree
from ..values import parsed

if TYPE_CHECKING:
    from sqlite_utils import Database

_JSON = ("metadata", "raw_message", "reasoning_details", "annotations")


def histories(tree: FileTree) -> list[str]:
    """Return the paths of the histories in a tree."""
    return databases(
        tree,
        chat_sessions="id title created_at updated_at last_activity",
        chat_messages="id session_id role content message_timestamp metadata",
        session_settings="session_id key value",
    )


def conversations(
    tree: FileTree, path: str, convert: Callable[[dict[str, Any], str], Conversation | Skipped]
) -> Iterator[Conversation | Skipped]:
    """Yield what ``convert`` makes of each conversation, in the form of the export of all data."""
    with open_database(tree, path) as database:
        messages = Owned(database, "chat_messages", "session_id")

        def stored(row: dict[str, Any]) -> Conversation | Skipped:
            value = {
                "session": {name: cell(row[name]) for name in row},
                "messages": [_message(each) for each in messages.of(row["id"])],
                "settings": _settings(database, row["id"]),
            }
            return convert(value, f"{path}, {cell(row['id'])}")

        yield from each_row(database, "chat_sessions", stored, "created_at, id")
        yield from messages.skipped()


def _settings(database: Database, session_id: object) -> dict[str, Any]:
    try:
        found = rows(database, "session_settings", "session_id = ?", [session_id])
    except sqlite3.Error:  # damaged
        return {}
    return {cell(row["key"]): parsed(row["value"]) for row in found}


def _message(row: dict[str, Any]) -> dict[str, Any]:
    return {name: parsed(value) if name in _JSON else value for name, value in row.items()}

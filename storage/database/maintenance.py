"""Export and measurements of the file.

See docs/specification/functions.md#export-user-data and docs/specification/functions.md#analyze-database-health.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ..errors import NotFound
from ..json_text import from_json, is_json, to_json
from .connection import Database, readable
from .sqlite_errors import in_sentences

_JSON = frozenset({
    "filters", "results",
    "usage_stats", "allowed_models", "ui_preferences", "session_preferences", "details", "last_message", "metadata",
    "similar_qa_matches", "similarity_scores", "device_info", "event_data",
    "raw_message", "reasoning_details", "annotations", "models_used", "row_data", "attachments",
})  # fmt: skip
"""Columns that are exported as what they say, not as text."""

_HIDDEN = frozenset({"local_id", "standing", "pinned", "archived"})
"""Columns that mean something only inside this file, or repeat what the settings say."""

_BOOLEAN = frozenset({"is_active", "is_streaming", "has_attachments", "has_websearch"})

_LOGGED = """
id, session_id, message_type, content, similar_qa_matches, similarity_scores, processing_time_ms, error_message,
    sequence_order, message_id, created_at
"""

# Every column, those of a later schema too: leaving with one's data means all of it.
_LISTS = (
    ("activity_log", "select * from user_activity_log where user_id = :id order by timestamp desc, rowid desc"),
    ("usage_stats", "select * from user_usage_daily where user_id = :id order by usage_date desc"),
    ("searches", "select * from search_sessions where user_id = :id order by created_at desc, rowid desc"),
    ("visits", "select * from user_sessions where user_id = :id order by started_at desc, id"),
    ("visit_messages", f"select {_LOGGED} from visit_messages order by created_at, sequence_order, id"),
    ("interactions", "select * from user_interactions where user_id = :id order by created_at desc, id"),
    # what only this device has of the person's words and choices
    ("deleted_items", "select * from deleted_items where user_id = :id order by deleted_at, kind, id"),
    ("interactions_waiting", "select * from interactions_waiting order by place"),
    ("drafts", "select session_id, content, attachments, updated_at from drafts order by session_id"),
    ("attachments", "select id, media_type, size, created_at from attachments order by created_at, id"),
    ("live_replies", "select id, session_id, content, reasoning from live_replies order by id"),
    ("private_conversations", "select conv_id as session_id from sync_private order by conv_id"),
    ("conflicts", "select at, what, ref, value from sync_conflict order by id"),
    (
        "trash",
        "select t.at, r.place, r.thing, r.content as row_data"
        " from trash_rows as r join trash as t using (token) order by r.row_id",
    ),
)

_OF_SERVER = ("sync_account", "sync_inflight", "interactions_waiting", "user_interactions", "user_sessions")
"""Tables that a copy of the file has without rows."""

EXPORT_VERSION = 1
"""Version of the JSON that is exported: docs/export.md. It grows when a program that reads it would have to change."""

_CHUNK = 500


SHOWN = 10
"""Lines of damage that are shown."""


@in_sentences
class Maintenance:
    """Check, export and measurements of the file."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def damage(self) -> list[str]:
        """Return SQLite's findings about a damaged file, the first few lines; empty when it is sound."""
        result = [str(row[0]) for row in self.db.rows(f"pragma integrity_check({SHOWN})")]
        damaged = [] if result == ["ok"] else result
        orphans = self.db.rows("pragma foreign_key_check")
        if orphans:
            tables = ", ".join(sorted({str(row[0]) for row in orphans}))
            damaged.append(f"rows without the row they belong to: {len(orphans):,}, in {tables}")
        return damaged

    def export_user_data(self, user_id: str) -> dict[str, Any]:
        """Return everything the file holds of this person as one object. For large ones see :meth:`export_json`."""
        with self.db.snapshot():
            profile = self._profile(user_id)
            return {
                "export_date": self.db.stamp(),
                "schema_version": EXPORT_VERSION,
                "user_id": user_id,
                "profile": profile,
                "conversations": list(self._conversations(user_id)),
                **{name: list(self._list(sql, user_id)) for name, sql in _LISTS},
            }

    def export_json(self, user_id: str, write: Callable[[str], object]) -> int:
        """Write :meth:`export_user_data` as JSON, piece by piece, with ``write``; return the number of conversations.

        Holds no more than a few messages in memory, whatever the size of the history.
        """
        with self.db.snapshot():
            head = {"export_date": self.db.stamp(), "schema_version": EXPORT_VERSION, "user_id": user_id}
            head |= {"profile": self._profile(user_id)}
            write(to_json(head)[:-1] + ',"conversations":[')
            count = 0
            for place, session in self._sessions(user_id):
                write(("," if count else "") + "\n" + '{"session":' + to_json(session) + ',"messages":[')
                for at, message in enumerate(self._messages(place)):
                    write((",\n" if at else "\n") + to_json(message))
                write('],"settings":' + to_json(self._settings(place)) + "}")
                count += 1
            write("]")
            for name, sql in _LISTS:
                write(f',\n"{name}":[')
                for at, row in enumerate(self._list(sql, user_id)):
                    write((",\n" if at else "\n") + to_json(row))
                write("]")
            write("}\n")
        return count

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of the file to ``path``, an empty file, without what connects it to a server.

        Sign-ins are kept elsewhere; the copy has no account of a server and no identity for usage analytics either.
        Raises StoreError.
        """
        self.db.execute("vacuum into :path", {"path": str(path)})
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute("pragma secure_delete = on")
            for table in _OF_SERVER:
                copy.execute(f"delete from {table}")
            copy.execute("update auth_users set raw_user_meta_data = '{}'")

    def analyze_database_health(self) -> dict[str, Any]:
        """Return sizes, in words, and totals.

        SQLite does not count how often an index is used, so ``index_usage`` gives what each serves and weighs.
        """
        now = self.db.stamp()
        with self.db.snapshot():
            sizes = self._sizes()
            names = self.db.rows(
                "select type, name, tbl_name from sqlite_master where type in ('table', 'index') order by name"
            )
            totals = self.db.execute(
                "select (select count(*) from profiles) as total_users,"
                " (select count(*) from chat_sessions) as total_conversations,"
                " (select count(*) from chat_messages) as total_messages,"
                " (select count(distinct user_id) from user_activity_log where timestamp >="
                "  strftime('%Y-%m-%dT%H:%M:%f', :now, '-7 days') || '000Z') as active_users_last_7_days",
                {"now": now},
            ).fetchone()
        return {
            "timestamp": now,
            "database_size": size_pretty(self.database_size()),
            "table_sizes": {
                f"main.{row['name']}": size_pretty(sizes[row["name"]])
                for row in names
                if row["type"] == "table" and row["name"] in sizes
            },
            "index_usage": {
                row["name"]: {
                    "table": row["tbl_name"],
                    "columns": self._index_columns(row["name"]),
                    "size": size_pretty(sizes[row["name"]]) if row["name"] in sizes else None,
                }
                for row in names
                if row["type"] == "index"
            },
            **dict(totals),
        }

    def database_size(self) -> int:
        """Return the bytes of the file, without a write-ahead log."""
        pages: int = self.db.execute("pragma page_count").fetchone()[0]
        size: int = self.db.execute("pragma page_size").fetchone()[0]
        return pages * size

    def _profile(self, user_id: str) -> dict[str, Any]:
        for row in self._list("select * from profiles where id = :id", user_id):
            return row
        raise NotFound(f"No account has the id {user_id}.")

    def _conversations(self, user_id: str) -> Iterator[dict[str, Any]]:
        for place, session in self._sessions(user_id):
            yield {"session": session, "messages": list(self._messages(place)), "settings": self._settings(place)}

    def _sessions(self, user_id: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each conversation with its row number: an id may be damaged, and then nothing is found by it."""
        places = self.db.rows(
            "select local_id from chat_sessions where user_id = :id order by created_at, id", id=user_id
        )
        for (place,) in places:
            for session in self._list("select * from chat_sessions where local_id = :id", place):
                yield place, session

    def _messages(self, place: int) -> Iterator[dict[str, Any]]:
        return self._list(
            """select * from chat_messages where session_id = (select id from chat_sessions where local_id = :id)
            order by message_timestamp, id""",
            place,
        )

    def _settings(self, place: int) -> dict[str, Any]:
        result = self.db.rows(
            """select key, value from session_settings
            where session_id = (select id from chat_sessions where local_id = :id) order by key""",
            id=place,
        )
        return {row["key"]: from_json(row["value"]) for row in result}

    def _list(self, sql: str, identity: str | int) -> Iterator[dict[str, Any]]:
        """Yield the rows of a query in the form of the export, a few at a time."""
        cursor = self.db.execute(sql, {"id": identity})
        while rows := cursor.fetchmany(_CHUNK):
            for row in rows:
                yield {key: _shown(key, row[key]) for key in row.keys() if key not in _HIDDEN}  # noqa: SIM118

    def _sizes(self) -> dict[str, int]:
        """Return bytes by table and index; empty where SQLite was built without dbstat."""
        try:
            return dict(self.db.execute("select name, pgsize from dbstat where aggregate = true").fetchall())
        except sqlite3.OperationalError as error:
            if "dbstat" not in str(error):
                raise
            return {}

    def _index_columns(self, index: str) -> list[str | None]:
        return [row["name"] for row in self.db.rows("select name from pragma_index_info(:index)", index=index)]


def size_pretty(size: int) -> str:
    """Return ``size`` bytes as PostgreSQL's pg_size_pretty writes them."""
    units = iter(("bytes", "kB", "MB", "GB"))
    unit = next(units)
    value = float(size)
    for larger in units:
        if abs(value) < 10 * 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}"


def _shown(column: str, value: Any) -> Any:
    if isinstance(value, bytes):  # in a column of text: damaged
        value = readable(value)
    if column in _JSON and isinstance(value, str):
        return from_json(value) if is_json(value) else value
    if column in _BOOLEAN and value is not None:
        return bool(value)
    return value

"""Rows of a server, put where they belong: many at once, while capture and use stand still.

Whether a row is taken is decided by :class:`.merge.Merge`. All of it runs inside a write, with ``applying`` on:
the times that came are kept, and the statistics of the conversations follow by what was added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ..conversations.search_index import SearchIndex
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .columns import MESSAGE_COLUMNS, SUMMARY, filled
from .records import RemoteRow

A_STATEMENT = 60
INDEX_ROOM = 300
"""Up to so many new messages of a page are searchable at once; more are left to :meth:`SearchIndex.catch_up`."""

_ALL = ("id", "session_id", *MESSAGE_COLUMNS, "elapsed_time")
_ELAPSED = 2 + MESSAGE_COLUMNS.index("elapsed_ms")
_ERROR = 2 + MESSAGE_COLUMNS.index("error_message")
_TOKENS = 2 + MESSAGE_COLUMNS.index("total_tokens")
# A server or a device that knows no parents takes none away.
_SET = ", ".join(f"{name} = coalesce(?, {name})" if name == "parent_id" else f"{name} = ?" for name in MESSAGE_COLUMNS)
_UPDATE = f"update chat_messages set session_id = ?, {_SET} where id = ?"
_SESSION_STATE = """
insert into sync_session_state
    (session_id, server_seq, created_seq, title_class, acked_class, title_time, title_tiebreak)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (session_id) do update set server_seq = excluded.server_seq, created_seq = excluded.created_seq,
    title_class = excluded.title_class, acked_class = excluded.acked_class, title_time = excluded.title_time,
    title_tiebreak = excluded.title_tiebreak
"""
_MESSAGE_STATE = """
insert into sync_message_state (message_id, server_seq, body_time, body_tiebreak) values {places}
on conflict (message_id) do update set
    server_seq = excluded.server_seq, body_time = excluded.body_time, body_tiebreak = excluded.body_tiebreak
"""
_SETTING_STATE = """
insert into sync_setting_state (id, server_seq, time, tiebreak) values (?, ?, ?, ?)
on conflict (id) do update set server_seq = excluded.server_seq, time = excluded.time, tiebreak = excluded.tiebreak
"""


@in_sentences
class RowWriter:
    """Rows written as they came."""

    def __init__(self, db: Database, search_index: SearchIndex) -> None:
        self.db = db
        self._search_index = search_index

    def insert_conversations(self, rows: Sequence[RemoteRow]) -> None:
        """Insert conversations that are not here."""
        if not rows:
            return
        known = [(row, row.value or {}) for row in rows]
        with self.db.in_bulk():
            self._insert_rows(
                "chat_sessions",
                ("id", "user_id", "title", "created_at", "updated_at", "last_activity"),
                (
                    (
                        row.id,
                        self.db.user_id,
                        value["title"],
                        value["created_at"],
                        value["created_at"],
                        value["created_at"],
                    )
                    for row, value in known
                ),
            )
            self.db.execute(
                """insert into title_search (rowid, title)
                select local_id, title from chat_sessions where id in (select value from json_each(:ids))""",
                {"ids": to_json([row.id for row in rows])},
            )
        for row in rows:
            self.record_conversation(row)
        self.db.touch(*(row.id for row in rows))

    def insert_messages(self, rows: Sequence[RemoteRow]) -> None:
        """Insert messages that are not here, of conversations that are."""
        if not rows:
            return
        made = [_message(row) for row in rows]
        before = self._search_index.newest_local_id()
        with self.db.in_bulk():
            self._insert_rows("chat_messages", _ALL, made)
            if len(made) <= INDEX_ROOM:
                self.db.execute(
                    """insert into message_search (rowid, content)
                    select local_id, content from searchable_messages where local_id > :before""",
                    {"before": before},
                )
            else:
                self._search_index.defer_after(before)
        self.record_messages(rows)
        added: dict[str, list[int]] = {}
        for item in made:
            counted = added.setdefault(item[1], [0, 0])
            if not item[_ERROR]:
                counted[0] += 1
                counted[1] += item[_TOKENS] or 0
        self.db.executemany(
            "insert into update_session_stats (session_id, messages, tokens) values (?, ?, ?)",
            [(session_id, count, tokens) for session_id, (count, tokens) in added.items()],
        )
        self._freshen(added)

    def update_message(self, row: RemoteRow) -> None:
        """Update a message that is here."""
        self.db.execute(_UPDATE, (row.session_id, *filled(row.value or {}), row.id))
        self._freshen([row.session_id])

    def delete_message(self, message_id: str, session_id: str) -> None:
        self.db.execute("delete from chat_messages where id = :id", {"id": message_id})
        self._freshen([session_id])

    def set_title(self, row: RemoteRow) -> None:
        """Update the title of a conversation that is here."""
        value = row.value or {}
        self.db.execute(
            """update chat_sessions set title = :title, created_at = :created_at
            where id = :id and (title, created_at) is not (:title, :created_at)""",
            {"id": row.id, "title": value["title"], "created_at": value["created_at"]},
        )
        self.db.touch(row.id)

    def set_setting(self, row: RemoteRow) -> None:
        key = row.id[len(row.session_id) + 1 :]
        if row.is_deleted or row.value is None:
            self.db.execute(
                "delete from session_settings where session_id = :id and key = :key", {"id": row.session_id, "key": key}
            )
        else:
            self.db.execute(
                """insert into session_settings (session_id, key, value) values (:id, :key, :value)
                on conflict (session_id, key) do update set value = excluded.value where value <> excluded.value""",
                {"id": row.session_id, "key": key, "value": row.value["value"]},
            )
        self.db.touch(row.session_id)

    def drop_conversation(self, session_id: str) -> None:
        """Take a conversation away with all it has; its drafts stay."""
        values = {"id": session_id}
        # whatever comes of them after this is new
        self.db.execute(
            """delete from sync_message_state
            where message_id in (select id from chat_messages where session_id = :id)""",
            values,
        )
        self.db.execute("delete from sync_setting_state where id >= :id || '/' and id < :id || '0'", values)
        self._search_index.remove_conversation(session_id)
        with self.db.in_bulk():
            self.db.execute("delete from chat_messages where session_id = :id", {"id": session_id})
        self.db.execute("delete from chat_sessions where id = :id", {"id": session_id})
        self.db.execute("delete from sync_outbox where conv_id = :id", {"id": session_id})
        self.db.execute("delete from sync_partial_conversations where session_id = :id", {"id": session_id})
        self.db.touch(session_id)

    def record_conversation(self, row: RemoteRow) -> None:
        """Remember a conversation as the server's, title and all."""
        self.db.execute(_SESSION_STATE, (row.id, row.seq, row.created_seq, row.cls, row.cls, row.time, row.tie))

    def record_messages(self, rows: Iterable[RemoteRow]) -> None:
        """Remember messages as the server's."""
        rest = iter(rows)
        while some := list(islice(rest, 100)):
            places = ", ".join(["(?, ?, ?, ?)"] * len(some))
            values = [value for row in some for value in (row.id, row.seq, row.time, row.tie)]
            self.db.execute(_MESSAGE_STATE.format(places=places), values)

    def record_setting(self, row: RemoteRow) -> None:
        self.db.execute(_SETTING_STATE, (row.id, row.seq, row.time, row.tie))

    def store_summaries(self, rows: Iterable[RemoteRow]) -> None:
        """Keep what a list of the newest said of conversations whose messages are still to come."""
        for row in rows:
            result = {name: row.value.get(name) for name in SUMMARY} if row.value else {}
            if result.get("message_count"):
                result["total_tokens"] = result["total_tokens"] or 0
                self.db.execute(
                    """insert into sync_partial_conversations (session_id, summary) values (:id, :summary)
                    on conflict (session_id) do update set summary = excluded.summary""",
                    {"id": row.id, "summary": to_json(result)},
                )
                self._freshen([row.id])

    def _freshen(self, session_ids: Iterable[str]) -> None:
        """Update the time of the last change, and the summary of conversations that are not complete yet."""
        ids = list(session_ids)
        self.db.touch(*ids)
        values = {"ids": to_json(ids)}
        for row in self.db.rows(
            """select b.session_id as id, b.summary, s.last_message_timestamp as at, s.message_count as count
            from json_each(:ids) as j
            join sync_partial_conversations as b on b.session_id = j.value
            join chat_sessions as s on s.id = b.session_id""",
            **values,
        ):
            summary: dict[str, Any] = json.loads(row["summary"])
            if (summary["last_message_timestamp"] or "") >= (row["at"] or ""):
                self.db.execute(
                    """update chat_sessions set last_message_timestamp = :last_message_timestamp,
                        last_message_preview = :last_message_preview, message_count = :message_count,
                        total_tokens = :total_tokens, last_model = :last_model
                    where id = :id""",
                    {**summary, "id": row["id"]},
                )
        self.db.execute(
            """update chat_sessions
            set updated_at = last_message_timestamp, last_activity = max(last_activity, last_message_timestamp)
            where id in (select value from json_each(:ids)) and last_message_timestamp > updated_at""",
            values,
        )

    def mark_complete(self, session_ids: Iterable[str]) -> None:
        """Count these conversations by their messages, which are all here now, instead of by the server's summary."""
        for session_id in session_ids:
            if self.db.execute(
                "delete from sync_partial_conversations where session_id = :id", {"id": session_id}
            ).rowcount:
                self.db.execute(
                    "insert into update_session_stats (session_id, messages, tokens) values (:id, 0, 0)",
                    {"id": session_id},
                )
                self.db.touch(session_id)

    def _insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        rest: Iterator[Sequence[Any]] = iter(rows)
        item = "(" + ", ".join("?" * len(columns)) + ")"
        while some := list(islice(rest, A_STATEMENT)):
            places = ", ".join([item] * len(some))
            self.db.execute(
                f"insert into {table} ({', '.join(columns)}) values {places}",
                [value for row in some for value in row],
            )


def _message(row: RemoteRow) -> tuple[Any, ...]:
    value = filled(row.value or {})
    return (row.id, row.session_id, *value, ((value[_ELAPSED - 2] or 0) + 500) // 1000)

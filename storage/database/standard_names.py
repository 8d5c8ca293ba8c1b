"""Standard names for the tables and columns of sync in a file that was made when they had others.

The steps of the schema use the standard names from the first one on. So an older file is renamed before the steps that
it lacks are applied. SQLite renames in triggers and views too.
"""

from __future__ import annotations

import sqlite3

FIRST = "sync_ctx"
"""A table that every file with the earlier names has."""

TABLES = {
    FIRST: "write_context",
    "sync_optout": "sync_private",
    "sync_grave": "sync_tombstones",
    "sync_aside": "sync_deferred",
    "sync_bodiless": "sync_partial_conversations",
    "sync_private_gone": "sync_private_deletions",
    "sync_rescued": "sync_recovered_messages",
}

COLUMNS = (
    ("sync_tombstones", "srv_seq", "server_seq"),
    ("sync_session_state", "srv_seq", "server_seq"),
    ("sync_session_state", "title_cls", "title_class"),
    ("sync_session_state", "title_tie", "title_tiebreak"),
    ("sync_session_state", "acked_cls", "acked_class"),
    ("sync_message_state", "srv_seq", "server_seq"),
    ("sync_message_state", "body_tie", "body_tiebreak"),
    ("sync_setting_state", "srv_seq", "server_seq"),
    ("sync_setting_state", "tie", "tiebreak"),
    ("sync_state", "cur", "cursor"),
    ("sync_state", "full_cur", "full_cursor"),
    ("sync_remote", "fp", "fingerprint"),
)


def use_standard_names(db: sqlite3.Connection) -> None:
    """Rename what has an earlier name, in the current transaction."""
    tables = {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}
    if FIRST not in tables:
        return
    for old, new in TABLES.items():
        if old in tables:
            db.execute(f"alter table {old} rename to {new}")
    for table, old, new in COLUMNS:
        if old in _columns(db, table):
            db.execute(f"alter table {table} rename column {old} to {new}")
    if "title_ver" in _columns(db, "sync_session_state"):
        db.execute("alter table sync_session_state drop column title_ver")
    if "sync_aside" in tables:
        db.execute("drop index sync_aside_session")
        db.execute("create index sync_deferred_session on sync_deferred (session_id)")


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in db.execute("select name from pragma_table_info(?)", (table,))}

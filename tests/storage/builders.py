"""Conversations for tests: what was said, in a word."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ticking import Ticking

from sterna.storage import Database, Message, Settled, Store
from sterna.storage.database.connection import connect
from tests import schema_template
from tests.databases import closed_at_the_end

FOLDER = TemporaryDirectory()
"""Where stores without a file of their own keep their locks; gone when the tests end."""

CONTENT = ("chat_sessions", "session_counts", "chat_messages", "session_settings", "session_marks", "drafts")
SYNC = ("sync_session_state", "sync_message_state", "sync_outbox", "sync_tombstones")


def exchange(store: Store, prompt: str, answer: str = "Yes.", *, session_id: str | None = None) -> Message:
    """A prompt and its settled reply; gives the reply."""
    begun = store.live_replies.begin_turn(session_id, prompt, model="acme/small")
    return store.live_replies.settle(
        begun.reply.id, Settled("done", answer, input_tokens=3, output_tokens=5, elapsed_ms=1200)
    )


def table(store: Store, name: str) -> list[dict[str, Any]]:
    """All rows of a table."""
    return sorted((dict(row) for row in store.db.rows(f"select * from {name}")), key=repr)


def tables(store: Store, *names: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of these tables."""
    return {name: table(store, name) for name in names}


def outbox(store: Store) -> set[tuple[str, str, str]]:
    """Return the outbox: kind, id, op."""
    return {(row["kind"], row["id"], row["op"]) for row in store.db.rows("select kind, id, op from sync_outbox")}


def acknowledge(store: Store) -> None:
    """As if a server had taken everything that waits."""
    with store.db.write(), store.db.applying():
        store.db.execute(
            """insert into sync_session_state (session_id, server_seq, created_seq)
            select id, seq, seq from sync_outbox where kind = 'c' and op = 'put'
            on conflict (session_id) do update
            set server_seq = excluded.server_seq, created_seq = excluded.created_seq"""
        )
        store.db.execute(
            """insert into sync_message_state (message_id, server_seq) select id, seq from sync_outbox
            where kind = 'm' and op = 'put' on conflict do nothing"""
        )
        store.db.execute(
            """update sync_tombstones set server_seq = o.seq from sync_outbox as o
            where o.op = 'clear' and sync_tombstones.kind = 'c'
                or o.op = 'del' and o.kind = sync_tombstones.kind and o.id = sync_tombstones.id"""
        )
        store.db.execute(
            "update sync_state set full_cursor = coalesce((select max(seq) from sync_outbox), full_cursor)"
        )
        store.db.execute("delete from sync_outbox")


def in_memory() -> Store:
    """A store without a file, for properties that need many."""
    db = closed_at_the_end(connect(Path(":memory:")))
    schema_template.fill(db)
    store = Store(Database(db, Path(FOLDER.name) / "memory.db", clock=Ticking()))
    store.db.user_id = store.profiles.ensure_profile("u", "")
    return store

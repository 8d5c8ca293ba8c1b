"""A second opinion on every counter: the tables as plain Python values, and the specified rules applied to them.

Written from docs/specification/triggers.md#message-statistics and docs/specification/triggers.md#usage-contribution,
not from the triggers. The tests write to SQLite and to this, and compare.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sterna.storage import Database, Store
from sterna.storage.clock import stamp
from sterna.storage.database.migrations import statements, steps
from tests.databases import closed_at_the_end

USER = "11111111-1111-4111-8111-111111111111"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Hand:
    """A clock that stands until a test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class Mirror(Store):
    """A store in memory, whose time a test moves."""

    clock: Hand


@cache
def _template(whole: bool) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for file in steps() if whole else [file for file in steps() if file.name < "05"]:
        for statement in statements(file.read_text("utf-8")):
            db.execute(statement)
    return db


def mirror(*, recursive: bool = False, whole: bool = True, user: str = USER) -> Mirror:
    """An empty mirror with one account, its time standing at :data:`START`; if not ``whole``, files 01 to 04 only."""
    db = closed_at_the_end(sqlite3.connect(":memory:", isolation_level=None))
    db.row_factory = sqlite3.Row
    _template(whole).backup(db)
    db.execute("pragma foreign_keys = on")
    db.execute(f"pragma recursive_triggers = {int(recursive)}")
    clock = Hand()
    made = Mirror(Database(db, Path("mirror.db"), clock=clock))
    made.clock = clock
    made.db.user_id = user
    if not whole:
        made.db.before_commit.clear()  # of tables that these files do not make
    made.profiles.ensure_profile(user, "ada@example.org", {"name": "Ada"})
    return made


def run(store: Mirror, sql: str, /, **values: Any) -> int:
    """Run one statement as a write at the mirror's time; gives the number of rows it changed."""
    with store.db.write():
        return store.db.execute(sql, values).rowcount


def say(store: Mirror, message_id: str, session_id: str = "s", **columns: Any) -> None:
    """Insert a message, by default a person's at noon; on a known id all given columns are written over."""
    row = {
        "id": message_id,
        "session_id": session_id,
        "role": "user",
        "content": "",
        "message_timestamp": stamp(START),
        **columns,
    }
    names = ", ".join(row)
    changes = ", ".join(f"{name} = excluded.{name}" for name in row if name != "id")
    run(
        store,
        f"insert into chat_messages ({names}) values ({', '.join(':' + name for name in row)})"
        f" on conflict (id) do update set {changes}",
        **row,
    )


def session(store: Mirror, session_id: str = "s") -> dict[str, Any]:
    row = store.db.one("select * from chat_sessions where id = :id", id=session_id)
    assert row is not None
    return dict(row)


def day(store: Mirror, date: str | None = None) -> dict[str, Any]:
    row = store.db.one("select * from user_usage_daily where usage_date = :day", day=date or stamp(store.clock())[:10])
    assert row is not None
    return {**dict(row), "models_used": json.loads(row["models_used"])}


def profile(store: Mirror) -> dict[str, Any]:
    row = store.db.one("select * from profiles")
    assert row is not None
    return {**dict(row), "usage_stats": json.loads(row["usage_stats"])}


@dataclass(frozen=True)
class Row:
    """Contribution of a message to the counters."""

    id: str
    session_id: str
    role: str
    content: str
    at: str
    model: str | None = None
    total: int | None = 0
    input: int | None = 0
    output: int | None = 0
    ms: int | None = 0
    seconds: int | None = 0
    error: str | None = None

    @property
    def counts(self) -> bool:
        return not self.error

    @property
    def talks(self) -> bool:
        return self.counts and self.role != "system"


@dataclass
class Conversation:
    """Facts of a conversation beside its messages."""

    updated: str
    shown_count: int | None = None
    """A number that somebody wrote over the counted one; the next message ends it."""


@dataclass
class Day:
    sent: int = 0
    received: int = 0
    input: int = 0
    output: int = 0
    total: int = 0
    sessions: int = 0
    ms: int = 0
    models: Counter[str] = field(default_factory=Counter)


def seconds(ms: int | None) -> int | None:
    return None if ms is None else math.floor(ms / 1000 + 0.5)


@dataclass
class Ledger:
    """The whole mirror in Python. Each method is one thing that happens to it at :attr:`now`."""

    now: str
    whole: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    days: dict[str, Day] = field(default_factory=dict)
    messages: int = 0
    tokens: int = 0
    token_usage: int = 0
    sessions: int = 0
    message_count: int = 0
    conversation_count: int = 0
    last_session: str | None = None

    def put_session(self, session_id: str, count: int, *, quiet: bool = False) -> None:
        known = self.conversations.get(session_id)
        if known is not None:
            known.shown_count = count
            if not quiet:
                known.updated = self.now
            return
        self.conversations[session_id] = Conversation(self.now, count)
        if quiet:
            return
        self.last_session = session_id
        if session_id not in self.deleted:
            self.day.sessions += 1
            self.sessions += 1
            self.conversation_count += 1

    def put(self, *rows: Row, quiet: bool = False) -> None:
        """Write messages, their use counted as one change: a counter stops at zero only at the end."""
        changes: list[tuple[Row | None, Row]] = []
        for row in rows:
            old = self.rows.get(row.id)
            new = replace(row, **dict(zip(("ms", "seconds"), _elapsed(old, row), strict=True)))
            self.rows[row.id] = new
            for session_id in {new.session_id, old.session_id if old else new.session_id}:
                self._spoken_in(session_id, quiet=quiet)
            changes.append((old, new))
        if not quiet:
            self._use(changes)

    def take(self, message_id: str, taken: int | None) -> None:
        """Write the seconds that a reply took. In the whole mirror that is activity, also where they are the same."""
        old = self.rows[message_id]
        ms, shown = _elapsed(old, replace(old, seconds=taken))
        self.rows[message_id] = replace(old, seconds=shown)
        if self.whole or ms != old.ms:
            self.put(replace(old, ms=ms, seconds=shown))

    def delete(self, message_id: str) -> None:
        old = self.rows.pop(message_id, None)
        if old is not None:
            self._spoken_in(old.session_id)

    def drop(self, session_id: str) -> None:
        if self.conversations.pop(session_id, None) is None:
            return
        self.rows = {key: row for key, row in self.rows.items() if row.session_id != session_id}
        self.deleted.add(session_id)
        if self.last_session == session_id:
            self.last_session = None

    @property
    def day(self) -> Day:
        return self.days.setdefault(self.now[:10], Day())

    def _spoken_in(self, session_id: str, *, quiet: bool = False) -> None:
        conversation = self.conversations[session_id]
        conversation.shown_count = None
        if not quiet:
            conversation.updated = self.now

    def _use(self, changes: list[tuple[Row | None, Row]]) -> None:
        change: Counter[str] = Counter()
        models: Counter[str] = Counter()
        for old, new in changes:
            change.update(_contribution(new))
            change.subtract(_contribution(old))
            models.update(_models(new))
            models.subtract(_models(old))
            self.message_count += int(new.counts) - int(old is not None and old.counts)
        if not any(change.values()) and not any(models.values()):
            return
        today = self.day
        for key, by in change.items():
            setattr(today, key, max(0, getattr(today, key) + by))
        today.total = max(0, today.total + change["input"] + change["output"])
        for model, by in models.items():
            today.models[model] = max(0, today.models[model] + by)
        self.messages = max(0, self.messages + change["sent"] + change["received"])
        self.tokens = max(0, self.tokens + change["input"] + change["output"])
        self.token_usage = max(0, self.token_usage + change["input"] + change["output"])

    def statistics(self, session_id: str) -> dict[str, Any]:
        """Return the expected row of the conversation, from its messages alone."""
        rows = sorted((row for row in self.rows.values() if row.session_id == session_id), key=lambda r: (r.at, r.id))
        counted = [row for row in rows if row.counts]
        talk = [row for row in counted if row.talks]
        models = [row.model for row in talk if row.model is not None]
        newest = talk[-1] if talk else None
        known = self.conversations[session_id]
        return {
            "message_count": len(counted) if known.shown_count is None else known.shown_count,
            "total_tokens": sum(row.total or 0 for row in counted) if known.shown_count is None else known.shown_count,
            "last_model": models[-1] if models else None,
            "last_message_preview": newest.content[:200] if newest else None,
            "last_message_timestamp": max((row.at for row in counted), default=None),
            "last_message": newest
            and {
                "id": newest.id,
                "role": newest.role,
                "content": newest.content,
                "model": newest.model,
                "created_at": newest.at,
            },
            "updated_at": known.updated,
            "last_activity": known.updated,
        }


def _contribution(row: Row | None) -> dict[str, int]:
    person = row is not None and row.counts and row.role == "user"
    model = row is not None and row.counts and row.role == "assistant"
    return {
        "sent": int(person),
        "received": int(model),
        "input": (row.input or 0) if person and row else 0,
        "output": (row.output or 0) if model and row else 0,
        "ms": (row.ms or 0) if model and row else 0,
    }


def _models(row: Row | None) -> list[str]:
    return [row.model] if row is not None and row.counts and row.role == "assistant" and row.model is not None else []


def _elapsed(old: Row | None, new: Row) -> tuple[int | None, int | None]:
    """Milliseconds and seconds after a write: what was written decides, milliseconds before seconds."""
    if old is None:
        if not new.ms and new.seconds:
            return new.seconds * 1000, new.seconds
        if not new.ms and new.ms is None and new.seconds is None:
            return None, None
        if not new.ms:
            return (new.seconds * 1000 if new.seconds is not None else new.ms), (
                new.seconds if new.seconds is not None else new.ms
            )
        return new.ms, seconds(new.ms)
    if new.ms != old.ms:
        return new.ms, seconds(new.ms)
    if new.seconds != old.seconds and new.seconds != seconds(new.ms):
        return (None if new.seconds is None else new.seconds * 1000), new.seconds
    return new.ms, new.seconds


def differences(store: Mirror, ledger: Ledger) -> list[str]:
    """Describe the differences between the mirror and the ledger; empty when there are none."""
    found: list[str] = []

    def same(what: str, mine: Any, theirs: Any) -> None:
        if mine != theirs:
            found.append(f"{what}: counted again {mine!r}, kept {theirs!r}")

    kept = {row["id"]: dict(row) for row in store.db.rows("select * from chat_sessions")}
    same("conversations", sorted(ledger.conversations), sorted(kept))
    for session_id in sorted(ledger.conversations.keys() & kept.keys()):
        row = kept[session_id]
        row["last_message"] = None if row["last_message"] is None else json.loads(row["last_message"])
        for key, value in ledger.statistics(session_id).items():
            same(f"{session_id}.{key}", value, row[key])
    elapsed = {
        row["id"]: (row["elapsed_ms"], row["elapsed_time"]) for row in store.db.rows("select * from chat_messages")
    }
    same("elapsed", {key: (row.ms, row.seconds) for key, row in ledger.rows.items()}, elapsed)
    same(
        "days", sorted(ledger.days), [r[0] for r in store.db.rows("select usage_date from user_usage_daily order by 1")]
    )
    for date, mine in ledger.days.items():
        row = day(store, date)
        theirs = Day(
            row["messages_sent"],
            row["messages_received"],
            row["input_tokens"],
            row["output_tokens"],
            row["total_tokens"],
            row["sessions_created"],
            row["generation_ms"],
            Counter(row["models_used"]),
        )
        same(date, replace(mine, models=+mine.models), theirs)
        same(f"{date}.active_minutes", math.ceil(mine.ms / 60000), row["active_minutes"])
    account = profile(store)
    stats = account["usage_stats"]
    totals = (stats["total_messages"], stats["total_tokens"], stats["sessions_created"])
    same("usage_stats", (ledger.messages, ledger.tokens, ledger.sessions), totals)
    same("token_usage", ledger.token_usage, account["token_usage"])
    same("message_count", ledger.message_count, account["message_count"])
    same("total_conversations", ledger.conversation_count, account["total_conversations"])
    same("last_session_id", ledger.last_session, account["last_session_id"])
    return found

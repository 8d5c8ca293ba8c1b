"""Whatever happens to conversations and messages, every counter is what counting again would give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recount import USER, Hand, Ledger, Mirror, Row, differences, mirror, run, say

from sterna.storage.clock import stamp
from tests.generated import examples

SESSIONS = st.sampled_from(["a", "b", "c\"'é"])
MESSAGES = st.sampled_from([f"m{n}" for n in range(6)])
MODELS = st.sampled_from([None, "g/m", 'quo"ted', "a.b/c:free", "é", ""])
SMALL = st.sampled_from([None, 0, 1, 7])
ELAPSED = st.sampled_from([None, 0, 3, 400, 1500, 61_000])
SECONDS = st.sampled_from([None, 0, 2, 90])

ROWS = st.builds(
    Row,
    id=MESSAGES,
    session_id=SESSIONS,
    role=st.sampled_from(["user", "user", "assistant", "assistant", "system"]),
    content=st.sampled_from(["", "x", 'say "hi"\n', "é" * 250, "🦜" * 210]),
    at=st.sampled_from([f"2026-03-01T10:00:0{n}.000000Z" for n in range(4)]),
    model=MODELS,
    total=SMALL,
    input=SMALL,
    output=SMALL,
    ms=ELAPSED,
    seconds=SECONDS,
    error=st.sampled_from([None, None, None, "", "boom"]),
)

ONE_BY_ONE = st.one_of(
    st.tuples(st.just("put"), ROWS),
    st.tuples(st.just("put"), ROWS),
    st.tuples(st.just("put elsewhere"), ROWS),
    st.tuples(st.just("ignore"), ROWS),
    st.tuples(st.just("again"), MESSAGES),
    st.tuples(st.just("fail"), MESSAGES),
    st.tuples(st.just("repair"), MESSAGES),
    st.tuples(st.just("correct"), MESSAGES, SMALL, ELAPSED),
    st.tuples(st.just("take"), MESSAGES, SECONDS),
    st.tuples(st.just("move"), MESSAGES, SESSIONS),
    st.tuples(st.just("move all"), SESSIONS, SESSIONS),
    st.tuples(st.just("delete"), MESSAGES),
    st.tuples(st.just("session"), SESSIONS, st.sampled_from([0, 99])),
    st.tuples(st.just("session elsewhere"), SESSIONS, st.sampled_from([0, 99])),
    st.tuples(st.just("drop"), SESSIONS),
    st.tuples(st.just("clear")),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 13])),
    st.tuples(st.just("undone"), ROWS),
)
EVENTS = ONE_BY_ONE | st.tuples(st.just("import"), st.lists(ROWS, max_size=6))


class Both:
    """One history, written to the mirror and to the ledger."""

    def __init__(self, store: Mirror, *, whole: bool) -> None:
        self.store = store
        self.clock: Hand = store.clock
        self.ledger = Ledger(stamp(self.clock()), whole)

    def session(self, session_id: str, count: int = 0, *, elsewhere: bool = False) -> None:
        with self.store.db.write():
            if elsewhere:
                self.store.db.execute("update write_context set applying = 1")
            now = self.ledger.now
            self.store.db.execute(
                "insert into chat_sessions"
                " (id, user_id, message_count, total_tokens, created_at, updated_at, last_activity)"
                " values (:id, :user, :count, :count, :now, :now, :now)"
                " on conflict (id) do update set message_count = excluded.message_count, total_tokens = :count",
                {"id": session_id, "user": USER, "count": count, "now": now},
            )
            self.store.db.execute("update write_context set applying = 0")
        self.ledger.put_session(session_id, count, quiet=elsewhere)

    def put(self, row: Row, *, elsewhere: bool = False) -> None:
        if row.session_id not in self.ledger.conversations:
            self.session(row.session_id)
        with self.store.db.write():
            self.store.db.execute("update write_context set applying = :on", {"on": int(elsewhere)})
            say(self.store, row.id, row.session_id, **columns(row))
            self.store.db.execute("update write_context set applying = 0")
        self.ledger.put(row, quiet=elsewhere)

    def change(self, message_id: str, /, **changes: Any) -> None:
        """Update only these columns of one message, if it is there."""
        if (old := self.ledger.rows.get(message_id)) is None:
            return
        new = replace(old, **changes)
        names = {"session_id": "session_id", **NAMES}
        sets = ", ".join(f"{names[key]} = :{key}" for key in changes)
        run(self.store, f"update chat_messages set {sets} where id = :which", which=message_id, **changes)
        self.ledger.put(new)

    def give_up(self, row: Row) -> None:
        """Write a message, and fail before the transaction ends."""
        with self.store.db.write():
            say(self.store, row.id, row.session_id, **columns(row))
            raise KeyError

    def bulk(self, rows: list[Row]) -> None:
        """Write many rows with the triggers aside, then count once, as an import does."""
        ids = {row.session_id for row in rows} | {
            old.session_id for row in rows if (old := self.ledger.rows.get(row.id)) is not None
        }
        fresh = {row.session_id: row for row in rows if row.session_id not in self.ledger.conversations}
        with self.store.db.write():
            before = self.store.usage.counted_usage(ids)
            self.store.db.execute("update write_context set bulk = 1")
            for session_id in fresh:
                self.store.db.execute("insert into chat_sessions (id, user_id) values (?, ?)", (session_id, USER))
            for row in rows:
                say(self.store, row.id, row.session_id, **columns(row))
            self.store.db.execute("update write_context set bulk = 0")
            self.store.usage.recompute_sessions(ids)
            self.store.usage.recompute_usage(ids, before)
        for session_id in fresh:
            self.ledger.put_session(session_id, 0)
        self.ledger.put(*rows)
        for session_id in ids:
            self.ledger.conversations[session_id].updated = self.ledger.now

    def happen(self, event: tuple[Any, ...]) -> None:
        match event:
            case ("put", row):
                self.put(row)
            case ("put elsewhere", row):
                self.put(row, elsewhere=True)
            case ("ignore", row) if row.session_id in self.ledger.conversations:
                known = row.id in self.ledger.rows
                values = {"id": row.id, "session_id": row.session_id, **columns(row)}
                run(
                    self.store,
                    f"insert or ignore into chat_messages ({', '.join(values)})"
                    f" values ({', '.join(':' + name for name in values)})",
                    **values,
                )
                if not known:
                    self.ledger.put(row)
            case ("again", message_id):
                if (old := self.ledger.rows.get(message_id)) is not None:
                    self.put(old)
            case ("fail", message_id):
                self.change(message_id, error="No answer.")
            case ("repair", message_id):
                self.change(message_id, error=None, role="assistant", model="g/m", output=5)
            case ("correct", message_id, tokens, ms):
                self.change(message_id, input=tokens, output=tokens, total=tokens, ms=ms)
            case ("take", message_id, taken) if message_id in self.ledger.rows:
                run(self.store, "update chat_messages set elapsed_time = :t where id = :id", t=taken, id=message_id)
                self.ledger.take(message_id, taken)
            case ("move", message_id, session_id) if session_id in self.ledger.conversations:
                self.change(message_id, session_id=session_id)
            case ("move all", one, other) if other in self.ledger.conversations:
                run(self.store, "update chat_messages set session_id = :o where session_id = :s", o=other, s=one)
                for row in [row for row in self.ledger.rows.values() if row.session_id == one]:
                    self.ledger.put(replace(row, session_id=other))
            case ("delete", message_id):
                run(self.store, "delete from chat_messages where id = :id", id=message_id)
                self.ledger.delete(message_id)
            case ("session", session_id, count):
                self.session(session_id, count)
            case ("session elsewhere", session_id, count):
                self.session(session_id, count, elsewhere=True)
            case ("drop", session_id):
                run(self.store, "delete from chat_sessions where id = :id", id=session_id)
                self.ledger.drop(session_id)
            case ("clear",):
                run(self.store, "delete from chat_sessions")
                for session_id in list(self.ledger.conversations):
                    self.ledger.drop(session_id)
            case ("wait", hours):
                self.clock.move(hours=hours, seconds=1)
                self.ledger.now = stamp(self.clock())
            case ("import", rows):
                self.bulk(list({row.id: row for row in rows}.values()))
            case ("undone", row) if row.session_id in self.ledger.conversations:
                with pytest.raises(KeyError):
                    self.give_up(row)


NAMES = {
    "role": "role",
    "content": "content",
    "at": "message_timestamp",
    "model": "model",
    "total": "total_tokens",
    "input": "input_tokens",
    "output": "output_tokens",
    "ms": "elapsed_ms",
    "seconds": "elapsed_time",
    "error": "error_message",
}


def columns(row: Row) -> dict[str, Any]:
    return {column: getattr(row, name) for name, column in NAMES.items()}


def check(events: list[tuple[Any, ...]], *, recursive: bool = False, whole: bool = False) -> None:
    both = Both(mirror(recursive=recursive, whole=whole), whole=whole)
    try:
        for event in events:
            both.happen(event)
            assert differences(both.store, both.ledger) == [], event
    finally:
        both.store.db.close()


@examples(60)
@given(st.lists(EVENTS, min_size=3, max_size=30))
def test_any_history_leaves_every_counter_as_counting_again_would(events: list[tuple[Any, ...]]) -> None:
    check(events)


@examples(20)
@given(st.lists(EVENTS, min_size=3, max_size=30))
def test_counters_are_the_same_where_triggers_may_call_themselves(events: list[tuple[Any, ...]]) -> None:
    check(events, recursive=True)


@examples(20)
@given(st.lists(ONE_BY_ONE, min_size=3, max_size=30))
@example([("put", Row("m0", "a", "user", "", "2026-01-01T00:00:00.000000Z")), ("wait", 1), ("take", "m0", 0)])
def test_capture_and_search_do_not_disturb_the_counters(events: list[tuple[Any, ...]]) -> None:
    check(events, whole=True)

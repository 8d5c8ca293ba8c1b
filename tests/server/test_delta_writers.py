"""A reader that follows the numbers misses nothing during concurrent writes."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, takewhile

import httpx
import pytest
from accounts import Db, Person, acting_as, connect
from devices import Device, conversation_op, message_op

from sterna.server.database.embedded import Embedded
from sterna.sync.wire import Op, Row

SECONDS, TURNS = float(os.environ.get("DURATION", "2")), 20
"""Duration of each writer (`make strict` lets them write for longer), and its minimum number of writes."""
SESSIONS = ("c0", "c1", "c2", "c3")
Key = tuple[str, str]
State = dict[Key, tuple[int, object]]


@contextmanager
def signed_in(who: Person) -> Iterator[httpx.Client]:
    """Return a client with a connection of its own, because clients are not shared between threads."""
    with httpx.Client(base_url=who.http.base_url, headers=dict(who.http.headers), timeout=60) as client:
        yield client


def turns() -> Iterator[int]:
    """Return consecutive names for one writer."""
    end = time.monotonic() + SECONDS
    return takewhile(lambda turn: turn < TURNS or time.monotonic() < end, count())


def by_ops(who: Person, name: str) -> None:
    """Push new messages, edits, titles and deletions in small batches."""
    rng = random.Random(name)
    with signed_in(who) as client:
        device = Device(client, replica=name)
        for turn in turns():
            session = rng.choice(SESSIONS)
            ops = [message_op(f"{name}-{turn}", session), message_op(f"{name}-{turn}b", session)]
            if turn:
                ops += [message_op(f"{name}-{turn - 1}", session, content=f"edit {turn}")]
            if rng.random() < 0.3:
                ops.append(conversation_op(session, f"{name} {turn}", cls=1))
            if rng.random() < 0.2:
                ops.append(Op("m", f"{name}-{rng.randrange(turn + 1)}b", "del", session))
            if rng.random() < 0.1:
                ops.append(Op("s", f"{session}/model", "put", value={"value": name}))
            device.push(*{(op.kind, op.id): op for op in ops}.values())


def by_upstream(who: Person, name: str) -> None:
    """Push several conversations per request, like upstream's clients."""
    with signed_in(who) as client:
        for turn in turns():
            values = [
                {
                    "id": session,
                    "messages": [{"id": f"{name}-{turn}-{session}", "role": "user", "content": f"{turn}"}],
                }
                for session in SESSIONS[turn % 2 :: 2]
            ]
            answer = client.post("/api/chat/sync", json={"conversations": values})
            assert answer.json()["results"]["errors"] == 0, answer.text


def by_sql(postgres: Embedded, who: Person, name: str) -> None:
    """In transactions that last."""
    with connect(postgres.admin_url) as db:
        for turn in turns():
            with acting_as(db, who.identity):
                db.execute(
                    "insert into chat_messages (user_id, session_id, id, role, content)"
                    " select %s, %s, id, 'user', 'x' from unnest(%s::text []) as id",
                    (who.id, SESSIONS[turn % 4], [f"{name}-{turn}-{n}" for n in range(3)]),
                )
                db.execute("update chat_sessions set title = %s where id = %s", (f"{name} {turn}", SESSIONS[0]))
                db.execute("delete from chat_messages where id = %s", (f"{name}-{turn}-0",))


def took(state: State, rows: list[Row]) -> None:
    """Apply a page like a device: conversations first, ignoring older rows."""
    for row in sorted(rows, key=lambda row: row.kind != "c"):
        if row.seq > state.get((row.kind, row.id), (0, None))[0]:
            assert row.kind == "c" or ("c", row.session_id) in state
            state[(row.kind, row.id)] = (row.seq, row.value)


@pytest.mark.slow
def test_a_reader_among_six_writers_has_everything_at_the_end(postgres: Embedded, db: Db, ada: Person) -> None:
    Device(ada, "first").push(*(conversation_op(item) for item in SESSIONS))
    finished = threading.Event()
    pages = 0

    def read() -> State:
        nonlocal pages
        state: State = {}
        with signed_in(ada) as client:
            device = Device(client, replica="reader")
            last = False
            while True:
                last = finished.is_set()
                answer = device.pull(16_000)
                pages += 1
                took(state, list(answer.rows))
                if last and not answer.more:
                    return state

    jobs: list[Callable[[], None]] = [
        *(lambda name=name: by_ops(ada, name) for name in ("d1", "d2", "d3")),  # type: ignore[misc]
        *(lambda name=name: by_upstream(ada, name) for name in ("u1", "u2")),  # type: ignore[misc]
        lambda: by_sql(postgres, ada, "q1"),
    ]
    with ThreadPoolExecutor(7) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(job) for job in jobs]
        try:
            for writer in writers:
                writer.result(timeout=120)
        finally:
            finished.set()
        followed = reader.result(timeout=60)

    at_once: State = {}
    fresh = Device(ada, "late")
    while True:
        answer = fresh.pull(8 << 20)
        took(at_once, list(answer.rows))
        if not answer.more:
            break
    assert followed == at_once
    there = db.execute("select kind, id, seq from sync_rows where user_id = %s", (ada.id,)).fetchall()
    assert {(row["kind"], row["id"]): row["seq"] for row in there} == {key: seq for key, (seq, _) in followed.items()}
    assert len({seq for seq, _ in followed.values()}) == len(followed)
    live = db.execute("select id from chat_messages where user_id = %s", (ada.id,)).fetchall()
    assert {row["id"] for row in live} == {key for (kind, key), (_, value) in followed.items() if kind == "m" and value}
    assert len(followed) > 6 * TURNS
    assert pages > 20

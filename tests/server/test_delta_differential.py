"""The same pushes to PostgreSQL and to a history in memory give the same responses and rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from accounts import Db, make_user, token_for
from devices import Device
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from sterna.server.settings import ServerSettings
from sterna.sync.wire import Ack, Commit, DeltaPush, DeltaResponse, Op, Row, Stamp
from tests.generated import examples
from tests.sim.history import Forked, History

Key = tuple[str, str]
SESSIONS = ("c1", "c2")
MESSAGES = ("m1", "m2", "m3")
AT = "2026-03-01T12:00:00.000Z"


@dataclass
class Time:
    """Clock of both servers."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    @property
    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)


TIME = Time()


@pytest.fixture
def address(served: Callable[..., str]) -> str:
    """Return the address of a server with the test's clock."""
    return served(clock=TIME)


@dataclass
class Twin:
    """One device as each of the two servers knows it: numbers differ, all else is the same."""

    real: Device
    model: History
    known: dict[Key, int] = field(default_factory=dict)
    modelled: dict[Key, int] = field(default_factory=dict)
    seen: Commit | None = None
    cur: int = 0
    full: tuple[int, int] = (0, 0)
    """Heads of both servers at the last complete pull."""

    def push(self, ops: Sequence[Op], *, sent_at: int | None, again: bool, size: int | None) -> None:
        """Push to both, twice with ``again``, and compare the responses."""
        ours = [self._based(op, self.known, self.full[0]) for op in ops]
        theirs = [self._based(op, self.modelled, self.full[1]) for op in ops]
        self.real.push_seq += 1
        for _ in range(2 if again else 1):
            headers = {} if sent_at is None else {"sync_sent_at": str(sent_at)}
            if size is not None:
                headers["sync_pull"] = f"cur={self.real.cur};max={size}"
            answer = self.real.decode(self.real.send(*ours, push_seq=self.real.push_seq, **headers))
            meant = self.model.push(
                DeltaPush(self.real.replica, self.real.push_seq, theirs),
                "".join(map(repr, theirs)),
                seen=self.seen,
                now=TIME.ms,
                sent_at=sent_at,
                pull=None if size is None else (self.cur, 10**9),
            )
            self.seen = meant.seen
            assert [plain(ack) for ack in answer.acks] == [plain(ack) for ack in meant.acks]
            has_parents(answer)
            assert answer.push_seq == meant.push_seq == self.real.push_seq
        for ack, modelled in zip(answer.acks, meant.acks, strict=True):
            if ack.row is not None and modelled.row is not None and ack.result != "lost":
                self.known[(ack.row.kind, ack.row.id)] = ack.row.seq
                self.modelled[(ack.row.kind, ack.row.id)] = modelled.row.seq

    def forks(self, op: Op) -> None:
        """Another push under the number of the last one is refused by both."""
        if not self.real.push_seq:
            return
        answer = self.real.send(replace(op, edited_at=77), push_seq=self.real.push_seq)
        assert (answer.status_code, answer.json()["code"]) == (409, "replica_forked")
        with pytest.raises(Forked):
            self.model.push(
                DeltaPush(self.real.replica, self.real.push_seq, [op]), "x", seen=self.seen, now=TIME.ms, sent_at=None
            )

    def pull(self, size: int) -> None:
        """Both say the same, whatever the size of the pages."""
        result: list[Row] = []
        for _ in range(200):
            page = self.real.pull(size)
            has_parents(page)
            result += page.rows
            if not page.more:
                break
        assert not page.more
        meant = self.model.pull(self.cur, 10**9, seen=self.seen)
        self.cur, self.seen = meant.cur, meant.seen
        assert state(result) == state(meant.rows)
        self.known |= {(row.kind, row.id): row.seq for row in result}
        self.modelled |= {(row.kind, row.id): row.seq for row in meant.rows}
        self.full = (self.real.cur, self.cur)

    def _based(self, op: Op, known: dict[Key, int], full: int) -> Op:
        if op.verb == "clear":
            return replace(op, upto=full)
        return replace(op, base=known.get((op.kind, op.id), 0)) if op.base else op


def has_parents(page: DeltaResponse) -> None:
    """Numbers rise, but for conversations that came along because something in them did."""
    numbers = [row.seq for row in page.rows if row.seq <= page.cur]
    assert numbers == sorted(set(numbers))
    assert all(row.kind == "c" for row in page.rows if row.seq > page.cur)


def plain(ack: Ack) -> Any:
    return ack.result, ack.code, ack.row and (shown(ack.row), ack.row.value)


def shown(row: Row) -> Any:
    """Return the parts of a row that must agree; stamps of tombstones count only for settings."""
    stamp = row.stamp if not row.is_deleted or row.kind == "s" else None
    return row.kind, row.id, row.session_id, row.is_deleted, stamp, row.created_seq == row.seq


def state(rows: Sequence[Row]) -> Any:
    """Return the last row of each key."""
    last = {(row.kind, row.id): row for row in sorted(rows, key=lambda row: row.seq)}
    return {key: (shown(row), row.value) for key, row in last.items()}


# What is done


def message(text: str, n: int) -> dict[str, Any]:
    """Messages that differ in everything that a message can differ in."""
    value: dict[str, Any] = {"role": "user", "content": text, "timestamp": AT}
    more: list[dict[str, Any]] = [
        {},
        {"role": "assistant", "model": "acme/small", "output_tokens": 7, "total_tokens": 9, "elapsed_ms": 1499},
        {"reasoning": "", "annotations": [], "metadata": {"a": [None, {"b": 1.5}]}, "raw_message": {"x": ["é", 1e5]}},
        {"error": True, "was_streaming": True, "attachment_ids": ["q"], "timestamp": "2026-03-01T12:00:00.123456Z"},
        {"role": "system", "contentType": "markdown", "unknown": 1, "user_message_id": "m1", "completion_id": "g"},
        {"role": "nobody"},
        {"timestamp": None},
    ]
    return value | more[n]


texts = st.sampled_from(["a", "b", "naïve \u202e text"])
edits = st.fixed_dictionaries(
    {
        "base": st.sampled_from([0, 1, 1]),
        "edited_at": st.integers(0, 5000).map(lambda age: TIME.ms - age),
        "after": st.sampled_from([0, 0, 0, 1, 2**48]),
        "stamp": st.sampled_from([None, None, None, None, Stamp(0, 1, "old"), Stamp(1, 2**50, "new")]),
    }
)
conversations = st.builds(
    lambda key, verb, cls, text, more: Op("c", key, verb, cls=cls, value={"title": text, "createdAt": AT}, **more),
    st.sampled_from(SESSIONS),
    st.sampled_from(["put", "put", "put", "del", "restore"]),
    st.integers(0, 1),
    texts,
    edits,
)
messages = st.builds(
    lambda key, verb, session, text, n, has_value, more: Op(
        "m", key, verb, session, value=message(text, n) if has_value or verb == "put" else None, **more
    ),
    st.sampled_from(MESSAGES),
    st.sampled_from(["put", "put", "put", "put", "del", "restore"]),
    st.sampled_from(["c1", "c1", "c1", "c2"]),
    texts,
    st.integers(0, 6),
    st.booleans(),
    edits,
)
values = st.builds(
    lambda session, key, verb, value, more: Op("s", f"{session}/{key}", verb, value={"value": value}, **more),
    st.sampled_from(SESSIONS),
    st.sampled_from(["model", "pinned", "x" * 101]),
    st.sampled_from(["put", "put", "del", "restore"]),
    st.sampled_from([True, "acme", ["a", None], None, {}]),
    edits,
)
ops = st.one_of(conversations, messages, messages, values)
pushes = st.tuples(
    st.just("push"),
    st.lists(ops, min_size=1, max_size=6) | st.just([Op("x", "", "clear")]),
    st.sampled_from([None, 0, 0, 10_000]),
    st.booleans(),
    st.sampled_from([None, 1, 10**6]),
)
steps = st.one_of(
    pushes,
    pushes,
    pushes,
    st.tuples(st.just("pull"), st.sampled_from([1, 700, 10**6])),
    st.tuples(st.just("fork"), ops),
)


def play(http: Callable[[], httpx.Client], script: Sequence[tuple[int, int, tuple[Any, ...]]]) -> None:
    """Everything once, then a look from the start."""
    model = History(random.Random(1))
    twins = [Twin(Device(http(), replica=f"r{n}"), model) for n in range(2)]
    for n, later, step in script:
        TIME.now += timedelta(milliseconds=later)
        if step[0] == "push":
            _, result, ahead, again, size = step
            sent_at = None if ahead is None else TIME.ms + ahead
            twins[n].push(result, sent_at=sent_at, again=again, size=size)
        elif step[0] == "pull":
            twins[n].pull(step[1])
        else:
            twins[n].forks(step[1])
    for twin in twins:
        twin.pull(500)
    Twin(Device(twins[0].real.http, replica="new"), model).pull(300)


@examples(12, suppress_health_check=list(HealthCheck))
@given(script=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2000), steps), min_size=10, max_size=40))
def test_postgresql_and_memory_answer_the_same(
    db: Db, address: str, script: list[tuple[int, int, tuple[Any, ...]]]
) -> None:
    user_id, email = make_user(db)
    token = token_for(user_id, email, ServerSettings(access_seconds=10**6))
    with httpx.Client(base_url=address, timeout=30, headers={"authorization": f"Bearer {token}"}) as client:
        play(lambda: client, script)

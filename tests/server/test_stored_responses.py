"""Stored responses of pushes: owners can write them with SQL, so reading them is limited."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
import zlib
from collections.abc import Callable

import psycopg
import pytest
from accounts import Db, Person, acting_as
from devices import Device, conversation_op, message_op

from sterna.server.errors import ApiError
from sterna.server.sync import stored_responses
from sterna.server.sync.stored_responses import MAX_BYTES, compress_acks, decompress_acks
from sterna.sync.wire import Ack, Row, Stamp

FORGE = "select sync_answered(%s, %s, (select req_hash from sync_replica where replica = %s), %s)"

OK = json.dumps([{"result": "ok"}])
BOMB = 16 * MAX_BYTES
FORGED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "not compressed": lambda: b"[]",
    "not JSON": lambda: zlib.compress(b"["),
    "not a list": lambda: zlib.compress(b'{"result": "ok"}'),
    "not acks": lambda: zlib.compress(b'[1, null, [], {"result": "fine"}]'),
    "a number": lambda: zlib.compress(b"1"),
    "too many digits": lambda: zlib.compress(b"[" + b"9" * 5000 + b"]"),
    "deep": lambda: zlib.compress(b"[" * 100_000 + b"]" * 100_000),
    "cut": lambda: zlib.compress(OK.encode())[:-5],
    "followed by a bomb": lambda: zlib.compress(OK.encode() + b" " * BOMB),
    "a bomb": lambda: zlib.compress(b"0" * BOMB),
    "bombs of lists": lambda: zlib.compress(b"[" + b"[]," * MAX_BYTES + b"[]]"),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_stored_answer_that_is_forged_costs_little_and_is_a_fork(
    ada: Person, db: Db, forged: Callable[[], bytes]
) -> None:
    stored = forged()
    device = Device(ada)
    device.push(conversation_op())
    with acting_as(db, ada.identity):
        db.execute(FORGE, ("r1", 1, "r1", stored))
    again = device.send(conversation_op(), push_seq=1)
    assert (again.status_code, again.json()["code"]) == (409, "replica_forked")
    tracemalloc.start()
    try:
        assert asyncio.run(decompress_acks(stored)) is None
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_BYTES
    finally:
        tracemalloc.stop()
    assert Device(ada, "r2").push(message_op()).acks[0].result == "ok"


def test_what_may_be_stored_is_bounded_in_the_table(ada: Person, db: Db) -> None:
    Device(ada).push(conversation_op())
    for replica, answer in (("r1", b"x" * 5_000_000), ("r" * 300, b"")):
        with pytest.raises(psycopg.errors.CheckViolation), acting_as(db, ada.identity):
            db.execute(FORGE, (replica, 1, "r1", answer))


def acks(size: int, count: int) -> list[Ack]:
    return [
        Ack("lost", Row("m", f"m{n}", "c", 1, 1, 1, False, Stamp(), {"content": "x" * size}), "") for n in range(count)
    ]


@pytest.mark.parametrize(("size", "count"), [(0, 0), (1, 1), (1, 5000), (1000, 1000), (1_000_000, 7)])
def test_an_answer_comes_back_as_it_was_stored(size: int, count: int) -> None:
    result = acks(size, count)
    assert asyncio.run(decompress_acks(asyncio.run(compress_acks(result)))) == result


def test_an_answer_that_could_not_be_read_back_is_not_stored(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApiError) as refused:
        asyncio.run(compress_acks(acks(1_000_000, 9)))
    assert refused.value.status == 413
    monkeypatch.setattr(stored_responses, "MAX_BYTES", 400)
    device = Device(ada)
    answer = device.send(conversation_op(), *(message_op(f"m{n}") for n in range(10)))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert not device.pull().rows
    device.push_seq = 0
    device.push(conversation_op())

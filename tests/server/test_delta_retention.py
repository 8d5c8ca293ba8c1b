"""Limits of devices, and retention of the trash, commits and replicas."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from accounts import Db, Person, acting_as, make_user, token_for
from devices import CLIENT, Device, conversation_op, message_op
from error_bodies import assert_error_body
from polling import wait_until
from psycopg.errors import InsufficientPrivilege

from sterna.server.identity import SERVER
from sterna.server.settings import ServerSettings
from sterna.sync.wire import Op

SYNC = "/api/chat/sync"
Serve = Callable[..., str]
STAMPS = """
select kind, id, deleted_at is not null as is_deleted, cls, time, tie from sync_rows where user_id = %s order by id
"""


def rows(db: Db, who: Person, table: str) -> list[dict[str, Any]]:
    return db.execute(f"select * from {table} where user_id = %s order by 3, 2", (who.id,)).fetchall()


# How much


@contextmanager
def client(db: Db, address: str) -> Iterator[httpx.Client]:
    """Somebody new at a server that counts."""
    headers = {"authorization": f"Bearer {token_for(*make_user(db))}"}
    with httpx.Client(base_url=address, headers=headers, timeout=20) as opened:
        yield opened


def limit(answer: httpx.Response) -> tuple[int, int]:
    return int(answer.headers["x-ratelimit-limit"]), int(answer.headers["x-ratelimit-remaining"])


def test_devices_are_counted_by_themselves(db: Db, served: Serve) -> None:
    with client(db, served(rate_limits=True, sync_requests=3)) as http:
        device = Device(http)
        assert limit(device.send(conversation_op())) == (3, 2)
        assert limit(http.get(SYNC, params={"since": 0}, headers=CLIENT)) == (3, 1)
        assert limit(http.get(SYNC)) == (200, 199)
        assert limit(http.get("/api/chat/sessions", headers=CLIENT)) == (200, 198)
        assert limit(http.get(SYNC, params={"newest": 5}, headers=CLIENT)) == (3, 0)
        refused = device.send(message_op())
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert_error_body(refused.json(), "rate_limit_exceeded")
        assert http.get("/api/chat/sync/head", headers=CLIENT).status_code == 429
        assert limit(http.get(SYNC)) == (200, 197)


def test_upstreams_form_is_counted_as_such_whatever_it_calls_itself(db: Db, served: Serve) -> None:
    with client(db, served(rate_limits=True)) as http:
        assert limit(http.get(SYNC, headers=CLIENT)) == (200, 199)
        assert limit(http.post(SYNC, json={"conversations": []}, headers=CLIENT)) == (200, 198)
        assert limit(http.get(SYNC, params={"since": 0}, headers=CLIENT)) == (3600, 3597)


def test_bytes_are_counted_as_they_arrive(db: Db, served: Serve) -> None:
    text = os.urandom(250_000).hex()
    with client(db, served(rate_limits=True, sync_megabytes=1)) as http:
        device = Device(http)
        assert limit(device.send(conversation_op(), message_op(content=text))) == (3600, 3599)
        assert device.send(message_op("m2", content=text)).status_code == 200
        refused = device.send(message_op("m3", content=text))
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        assert "64 blocks of 16 KiB" in refused.json()["details"]
        # what is small is not counted, and neither is what is read
        assert device.send(message_op("m4")).status_code == 200
        assert http.get(SYNC, params={"since": 0}, headers=CLIENT).status_code == 200


def test_an_account_is_bounded_by_all_that_it_pushed_and_not_by_the_hour(db: Db, served: Serve) -> None:
    text = os.urandom(250_000).hex()
    with client(db, served(rate_limits=True, account_megabytes=2)) as http:
        device = Device(http)
        first = (conversation_op(), message_op(content=text))
        assert device.send(*first).status_code == 200
        assert device.send(*first, push_seq=1).status_code == 200  # told again, not counted again
        assert [device.send(message_op(f"m{n}", content=text)).status_code for n in range(2, 5)] == [200, 200, 200]
        refused = device.send(message_op("m5", content=text))
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) == 24 * 3600
        assert "storage limit on this server (2 MB)" in refused.json()["error"]
        device.push_seq -= 1
        assert device.send(Op("m", "m4", "del", "c1")).status_code == 200
        assert device.pull().rows


def test_by_default_a_first_sync_of_much_more_than_an_hour_s_share_goes_through(db: Db, served: Serve) -> None:
    """Far more bytes than any hourly limit would be tried with here: there is none to count."""
    with client(db, served(rate_limits=True)) as http:
        device = Device(http)
        answers = [
            device.send(conversation_op(), message_op(f"m{n}", content=os.urandom(400_000).hex())) for n in range(3)
        ]
        assert {answer.status_code for answer in answers} == {200}
    assert ServerSettings().sync_megabytes == 0


# The trash


def test_whatever_way_it_was_deleted_it_comes_back_as_it_was(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(
        conversation_op(cls=1, edited_at=5),
        message_op("m1", edited_at=7),
        message_op("m2", role="assistant"),
        Op("s", "c1/model", "put", value={"value": "g"}),
        sync_sent_at="1000",
    )
    before = (rows(db, ada, "chat_messages"), rows(db, ada, "chat_sessions"), rows(db, ada, "session_settings"))
    use = rows(db, ada, "user_usage_daily"), db.execute("select * from profiles where id = %s", (ada.id,)).fetchone()
    stamps = db.execute(STAMPS, (ada.id,)).fetchall()

    def by_sql() -> None:
        with acting_as(db, ada.identity):
            db.execute("delete from chat_sessions")

    ways: list[Callable[[], Any]] = [
        lambda: device.push(Op("c", "c1", "del")),
        lambda: device.push(Op("x", "", "clear", upto=2**50)),
        lambda: ada.http.delete("/api/chat/sessions", params={"id": "c1"}),
        lambda: ada.http.delete("/api/chat/clear-all"),
        by_sql,
    ]
    for delete in ways:
        delete()
        assert rows(db, ada, "chat_messages") == rows(db, ada, "session_settings") == []
        answer = device.push(Op("c", "c1", "restore"))
        assert answer.acks[0].row is not None
        assert answer.acks[0].row.value["title"] == "Terns"
        result = (rows(db, ada, "chat_messages"), rows(db, ada, "chat_sessions"), rows(db, ada, "session_settings"))
        assert result == before
        assert rows(db, ada, "sync_trash") == []
        assert db.execute(STAMPS, (ada.id,)).fetchall() == stamps
    after = rows(db, ada, "user_usage_daily"), db.execute("select * from profiles where id = %s", (ada.id,)).fetchone()
    for first, other in zip(use[0], after[0], strict=True):
        assert first | {"updated_at": 0} == other | {"updated_at": 0}
    assert use[1] is not None
    assert after[1] is not None
    moves = {"updated_at": 0, "last_active": 0, "last_session_id": 0}
    assert use[1] | moves == after[1] | moves


def test_what_had_died_in_a_conversation_is_dead_when_it_is_back(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op("m1"), message_op("m2"))
    device.push(Op("m", "m1", "del", "c1"))
    device.push(Op("c", "c1", "del"))
    device.push(Op("c", "c1", "restore"))
    assert {row.id: row.is_deleted for row in device.pull().rows} == {"c1": False, "m1": True, "m2": False}
    assert device.push(message_op("m1")).acks[0].result == "deleted"
    assert device.push(Op("m", "m1", "restore", "c1")).acks[0].row is not None
    assert not device.pull().rows[-1].is_deleted


def test_an_old_copy_says_nothing_new_to_what_came_back(ada: Person) -> None:
    first, other = Device(ada, "one"), Device(ada, "other")
    answer = first.push(conversation_op(), message_op(content="first", edited_at=1000), sync_sent_at="1000")
    other.pull()
    base = answer.acks[1].row.seq if answer.acks[1].row else 0
    edit = other.push(message_op(content="second", base=base, edited_at=1000), sync_sent_at="1000")
    assert edit.acks[0].result == "ok"
    first.push(Op("c", "c1", "del"))
    back = first.push(
        Op("c", "c1", "restore"), message_op(content="first", base=base, edited_at=1), sync_sent_at="90000"
    )
    assert [ack.result for ack in back.acks] == ["ok", "lost"]
    assert back.acks[1].row is not None
    assert back.acks[1].row.value["content"] == "second"


def test_nobody_reads_or_forges_somebody_elses_trash(ada: Person, bob: Person, db: Db) -> None:
    Device(ada).push(conversation_op(), message_op())
    Device(ada, "other").push(Op("c", "c1", "del"), message_op())
    with acting_as(db, bob.identity):
        for table in ("sync_trash", "message_history"):
            assert db.execute(f"select * from {table}").fetchall() == []
        assert db.execute("select sync_restore('c', 'c1') as is_back").fetchone() == {"is_back": False}
    for statement in ("insert into sync_trash select * from sync_trash", "delete from sync_trash"):
        with pytest.raises(InsufficientPrivilege), acting_as(db, ada.identity):
            db.execute(statement)


# For how long


def test_what_is_over_goes_and_tombstones_stay(ada: Person, db: Db, served: Serve) -> None:
    first, other = Device(ada, "one"), Device(ada, "other")
    first.push(
        conversation_op("old"),
        message_op("m1", "old", edited_at=0),
        conversation_op("new"),
        message_op("m2", "new"),
        sync_sent_at="5000",
    )
    first.pull()
    other.push(message_op("m1", "old", content="unseen", edited_at=5000), sync_sent_at="5000")
    other.push(Op("c", "old", "del"), Op("m", "m2", "del", "new"))
    assert [row["kind"] for row in rows(db, ada, "message_history")] == ["m"]
    db.execute(
        "update sync_trash set binned_at = now() - interval '31 days' where user_id = %s and session_id = 'old'",
        (ada.id,),
    )
    db.execute("update sync_trash set binned_at = now() - interval '29 days' where session_id = 'new'")
    db.execute("update sync_commit set committed_at = now() - interval '401 days' where user_id = %s", (ada.id,))
    db.execute(
        "update sync_replica set last_seen = now() - interval '401 days' where user_id = %s and replica = 'one'",
        (ada.id,),
    )
    names = len(rows(db, ada, "sync_commit"))
    assert names > 1
    served(retention_delay_seconds=0.0)
    wait_until(lambda: [row["id"] for row in rows(db, ada, "sync_trash")] == ["m2"], "the trash is emptied")
    wait_until(lambda: [row["replica"] for row in rows(db, ada, "sync_replica")] == ["other"], "devices are forgotten")
    (left,) = rows(db, ada, "sync_commit")
    assert other.seen == f"{left['seq_hi']}.{left['nonce']}"
    assert rows(db, ada, "message_history") == []
    dead = {row.id for row in Device(ada, "three").pull().rows if row.is_deleted}
    assert dead == {"old", "m2"}
    assert not other.pull().resync
    # whoever was told of a state that has no name any more starts over, which is safe
    assert first.pull().resync
    assert (
        first.decode(first.send(Op("c", "old", "restore", value={"title": "T"}), push_seq=9)).acks[0].code
        == "not_in_trash"
    )


def test_cleaning_up_leaves_what_sync_needs(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op())
    device.push(Op("c", "c1", "del"))
    before = [rows(db, ada, table) for table in ("sync_rows", "sync_trash", "sync_commit", "sync_replica")]
    with acting_as(db, SERVER):
        db.execute("select cleanup_old_data(1)")
    assert [rows(db, ada, table) for table in ("sync_rows", "sync_trash", "sync_commit", "sync_replica")] == before


def test_an_account_that_is_erased_takes_all_of_it_along(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op(), conversation_op("c2"))
    Device(ada, "other").push(message_op(content="unseen", edited_at=2**40))
    device.push(Op("c", "c1", "del"))
    tables = ("sync_rows", "sync_trash", "sync_commit", "sync_replica", "sync_head", "message_history", "chat_sessions")
    assert all(rows(db, ada, table) for table in tables)
    db.execute("delete from auth.users where id = %s", (ada.id,))
    db.execute("delete from profiles where id = %s", (ada.id,))
    assert not any(rows(db, ada, table) for table in tables)

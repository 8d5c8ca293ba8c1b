"""Pushes are applied exactly once: repeated pushes, reused numbers, other histories and partial failures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from accounts import Db, Person
from devices import CLIENT, Device, conversation_op, message_op
from error_bodies import assert_error_body

from sterna.sync.wire import Op

SYNC = "/api/chat/sync"


def numbers(db: Db, who: Person) -> list[Any]:
    """Everything that a second doing would move."""
    rows = db.execute("select kind, id, seq, ver from sync_rows where user_id = %s order by seq", (who.id,)).fetchall()
    return [rows, db.execute("select * from user_usage_daily where user_id = %s", (who.id,)).fetchall()]


def test_a_push_that_comes_again_is_answered_again_and_not_done(ada: Person, db: Db) -> None:
    device = Device(ada)
    first = device.push(conversation_op(), message_op(), Op("m", "no", "del", "nowhere"))
    before = numbers(db, ada)
    again = device.decode(device.send(conversation_op(), message_op(), Op("m", "no", "del", "nowhere"), push_seq=1))
    assert again.acks == first.acks
    assert numbers(db, ada) == before


def test_an_answer_that_comes_late_still_tells_what_others_did(ada: Person) -> None:
    first, other = Device(ada, "one"), Device(ada, "other")
    first.push(conversation_op(), message_op())
    other.push(message_op("m2", content="from elsewhere"))
    again = first.decode(first.send(conversation_op(), message_op(), push_seq=1, sync_pull="cur=0;max=100000"))
    assert [(row.kind, row.id) for row in again.rows] == [("m", "m2")]
    assert again.cur == 3


def test_a_device_is_not_told_what_it_has_just_said(ada: Person) -> None:
    device = Device(ada)
    answer = device.push(conversation_op(), message_op(), sync_pull="cur=0;max=100000")
    assert (answer.rows, answer.cur, answer.more) == ((), 2, False)
    assert [ack.row.seq for ack in answer.acks if ack.row] == [1, 2]


def test_every_answer_names_whose_history_it_is(ada: Person, bob: Person) -> None:
    for who in (ada, bob):
        device = Device(who)
        assert {device.push(conversation_op()).user, device.pull().user, device.pull(newest=5).user} == {str(who.id)}
        device.seen = "99.abc"
        assert (device.pull().resync, device.pull().user) == (True, str(who.id))


def test_a_value_that_lost_comes_with_its_ack(ada: Person) -> None:
    first, other = Device(ada, "one"), Device(ada, "other")
    first.push(conversation_op(), message_op(content="first", edited_at=5000), sync_sent_at="5000")
    answer = other.push(message_op(content="older", edited_at=1000), sync_sent_at="9000", sync_pull="cur=0;max=100000")
    assert answer.acks[0].result == "lost"
    assert answer.acks[0].row is not None
    assert answer.acks[0].row.value["content"] == "first"
    assert [row.kind for row in answer.rows] == ["c"]


@pytest.mark.parametrize("push_seq", [1, 2])
def test_other_bytes_under_a_number_that_is_taken_are_of_a_copy(ada: Person, db: Db, push_seq: int) -> None:
    device = Device(ada)
    device.push(conversation_op())
    device.push(message_op())
    before = numbers(db, ada)
    answer = device.send(message_op("m9"), push_seq=push_seq)
    assert answer.status_code == 409
    assert_error_body(answer.json(), "replica_forked")
    assert numbers(db, ada) == before
    assert device.push(message_op("m9")).acks[0].result == "ok"


@pytest.mark.parametrize("seen", ["1.feedbeef", "99.0000"])
def test_a_device_of_another_history_is_told_to_start_over_and_nothing_is_done(ada: Person, db: Db, seen: str) -> None:
    device = Device(ada)
    device.push(conversation_op())
    before = numbers(db, ada)
    device.seen = seen
    answer = device.decode(device.send(message_op()))
    assert (answer.resync, answer.acks, answer.rows) == (True, (), ())
    device.seen = seen
    answer = device.pull()
    assert (answer.resync, answer.rows) == (True, ())
    assert numbers(db, ada) == before
    assert not device.pull().resync


def test_a_device_that_never_heard_of_a_commit_is_of_any_history(ada: Person) -> None:
    device = Device(ada)
    assert not device.pull().resync
    device.seen = "0.abc"
    assert not device.push(conversation_op()).resync


def test_a_restored_server_is_noticed(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(conversation_op())
    device.push(message_op())
    # the commit is gone with what came after the backup, and the numbers are used again by others
    db.execute("delete from chat_messages where user_id = %s", (ada.id,))
    db.execute("delete from sync_rows where user_id = %s and kind = 'm'", (ada.id,))
    db.execute("update sync_head set seq = 1 where user_id = %s", (ada.id,))
    db.execute("delete from sync_commit where user_id = %s and seq_hi > 1", (ada.id,))
    Device(ada, "other").push(message_op("m2"))
    assert device.decode(device.send(message_op("m3"))).resync


def test_names_are_made_for_plain_writers_too_and_stay(ada: Person) -> None:
    ada.http.post("/api/chat/sessions", json={"id": "c1"})
    first, other = Device(ada, "one"), Device(ada, "other")
    first.pull()
    other.pull()
    assert first.seen == other.seen
    assert first.seen.startswith("1.")


def test_one_persons_device_is_nothing_to_another(ada: Person, bob: Person, db: Db) -> None:
    hers = Device(ada)
    hers.push(conversation_op(), message_op(content="hers"), Op("s", "c1/model", "put", value={"value": "x"}))
    his = Device(bob)
    assert his.pull().rows == ()
    his.seen = hers.seen
    assert his.pull().resync
    his.seen = ""
    assert his.push(message_op(content="his")).acks[0].result == "conv_missing"
    answer = his.push(Op("c", "c1", "restore"), Op("m", "m1", "del", "c1"), Op("s", "c1/model", "del"))
    assert [ack.result for ack in answer.acks] == ["rejected", "conv_missing", "ok"]
    his.push(Op("c", "c1", "del"))
    his.push(Op("x", "", "clear", upto=2**50))
    assert his.decode(bob.http.get(SYNC, params={"session": "c1"}, headers=CLIENT)).rows == ()
    assert {row.id: row.is_deleted for row in hers.pull().rows} == {"c1": False, "m1": False, "c1/model": False}
    for table in ("sync_trash", "message_history", "sync_replica"):
        result = db.execute(f"select count(*) as n from {table} where user_id = %s", (bob.id,)).fetchone()
        assert result is not None
        assert result["n"] == (table == "sync_replica")


def test_what_the_database_will_not_have_stops_no_other(ada: Person, db: Db) -> None:
    db.execute("alter table chat_messages add constraint no_poison check (content <> 'poison') not valid")
    try:
        device = Device(ada)
        answer = device.push(conversation_op(), message_op("m1"), message_op("m2", content="poison"), message_op("m3"))
        assert [(ack.result, ack.code) for ack in answer.acks] == [
            ("ok", ""),
            ("ok", ""),
            ("rejected", "not_storable"),
            ("ok", ""),
        ]
        again = device.decode(
            device.send(
                conversation_op(),
                message_op("m1"),
                message_op("m2", content="poison"),
                message_op("m3"),
                push_seq=device.push_seq,
            )
        )
        assert again.acks == answer.acks
    finally:
        db.execute("alter table chat_messages drop constraint no_poison")


# What is no push


NONE = [
    1,
    "x",
    [],
    {},
    {"replica": "", "push_seq": 1, "ops": []},
    {"replica": 5, "push_seq": 1, "ops": []},
    {"replica": "r", "push_seq": -1, "ops": []},
    {"replica": "r", "push_seq": 2**60, "ops": []},
    {"replica": "r", "push_seq": True, "ops": {}},
    {"replica": "r", "push_seq": 1, "ops": [None]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "q", "op": "put"}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "m", "op": "clear", "id": "m"}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "x", "op": "put"}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "m", "op": "put", "id": "x" * 256}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "m", "op": "put", "id": "m", "at": "now"}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "m", "op": "put", "id": "m", "stamp": {"cls": 7}}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "m", "op": "put", "id": "m", "stamp": {"tie": "x" * 256}}]},
    {"replica": "r", "push_seq": 1, "ops": [{"kind": "s", "op": "put", "id": "nothing"}]},
]


@pytest.mark.parametrize("sync", NONE, ids=[json.dumps(item)[:60] for item in NONE])
def test_what_is_no_push_is_refused_whole(ada: Person, sync: Any) -> None:
    answer = ada.http.post(SYNC, json={"conversations": [], "sync": sync}, headers=CLIENT)
    assert answer.status_code == 400, answer.text
    assert_error_body(answer.json(), "bad_request")


VALUES = [
    ({"kind": "m", "op": "put", "id": "m", "value": {"role": "user", "content": "x"}}, "missing_id"),
    ({"kind": "m", "op": "put", "id": "m", "session": "c", "value": 7}, "bad_value"),
    ({"kind": "m", "op": "put", "id": "m", "session": "c"}, "bad_value"),
    ({"kind": "m", "op": "put", "id": "m", "session": "c", "value": {"role": "user", "content": "x"}}, "bad_timestamp"),
    (
        {
            "kind": "m",
            "op": "put",
            "id": "m",
            "session": "c",
            "value": {"role": "user", "content": "x" * (2**20 + 1), "timestamp": "2026-01-01T00:00:00Z"},
        },
        "too_large",
    ),
    ({"kind": "c", "op": "put", "id": "d", "value": {"title": 5}}, "bad_title"),
    ({"kind": "c", "op": "put", "id": "d", "value": {"title": "x" * 256}}, "title_too_long"),
    ({"kind": "c", "op": "put", "id": "d", "value": {"title": "x", "createdAt": "soon"}}, "bad_timestamp"),
    ({"kind": "c", "op": "restore", "id": "d"}, "bad_value"),
    ({"kind": "s", "op": "put", "id": "c/k", "value": {"value": None}}, "bad_value"),
    ({"kind": "s", "op": "put", "id": "c/" + "k" * 101, "value": {"value": 1}}, "bad_id"),
    ({"kind": "s", "op": "restore", "id": "c/k"}, "bad_op"),
    ({"kind": "m", "op": "restore", "id": "m", "session": "c"}, "gone"),
]


@pytest.mark.parametrize(("op", "word"), VALUES, ids=[f"{op['kind']} {op['op']} {word}" for op, word in VALUES])
def test_a_value_that_is_none_is_rejected_and_the_rest_is_done(ada: Person, op: dict[str, Any], word: str) -> None:
    device = Device(ada)
    body = {"replica": "r", "push_seq": 1, "ops": [{"kind": "c", "op": "put", "id": "c", "value": {"title": "T"}}, op]}
    answer = device.decode(ada.http.post(SYNC, json={"conversations": [], "sync": body}, headers=CLIENT))
    assert [(ack.result, ack.code) for ack in answer.acks] == [("ok", ""), ("rejected", word)]


def test_five_thousand_ops_are_enough(ada: Person) -> None:
    answer = Device(ada).send(*(Op("m", f"m{n}", "del", "c") for n in range(5001)))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


def test_ops_and_conversations_do_not_go_together(ada: Person) -> None:
    values = {"conversations": [{"id": "c"}], "sync": {"replica": "r", "push_seq": 1, "ops": []}}
    assert ada.http.post(SYNC, json=values, headers=CLIENT).status_code == 400


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("sync-client", "test/1; proto=2-3", 426),
        ("sync-client", "test/1; proto=0-0", 426),
        ("sync-client", "test/1; proto=1-9", 200),
        ("sync-client", "nonsense", 400),
        ("sync-client", "", 400),
        ("sync-seen", "nonsense", 400),
        ("sync-seen", "-1.x", 400),
        ("sync-sent-at", "yesterday", 400),
        ("sync-sent-at", "9" * 16, 400),
        ("sync-pull", "everything", 400),
    ],
)
def test_headers_say_who_speaks_and_what(ada: Person, name: str, value: str, status: int) -> None:
    headers = CLIENT | {name: value}
    body = {"conversations": [], "sync": {"replica": "r", "push_seq": 1, "ops": []}}
    answers = [
        ada.http.post(SYNC, json=body, headers=headers),
        ada.http.get(SYNC, params={"since": 0}, headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == status, answer.text
        if status == 426:
            assert_error_body(answer.json(), "update_required")
            assert answer.json()["supported"] == "1-1"
    # in upstream's form they are nothing
    assert ada.http.get(SYNC, headers=headers).status_code == 200
    assert ada.http.post(SYNC, json={"conversations": []}, headers=headers).status_code == 200


def test_every_answer_says_what_this_server_can(ada: Person) -> None:
    headers = ada.http.get("/api/chat/sessions").headers["sync-server"]
    assert headers == "1; caps=delta,files,gzip,seen,sse,tomb,zstd; batch=1048576; msg=1048576"

"""Parents of messages on the server: kept, told to other devices, and not taken away by clients that know none."""

from __future__ import annotations

import pytest
from accounts import Db, Person
from devices import Device, conversation_op

from sterna.sync.wire import Op


def put(key: str, content: str = "hello", **more: object) -> Op:
    value = {"role": "user", "content": content, "timestamp": "2026-03-01T12:00:00.000Z"} | more
    return Op("m", key, "put", "c1", value=value)


def parents(who: Person) -> dict[str, str | None]:
    rows = Device(who, "reader").pull().rows
    return {row.id: row.value.get("parent_id") for row in rows if row.kind == "m"}


def test_a_parent_is_kept_and_told_to_other_devices(ada: Person) -> None:
    acks = (
        Device(ada)
        .push(
            conversation_op(),
            put("m1"),
            put("m2", parent_id="m1"),
            put("m3", parent_id=""),
            put("m4", parent_id="none"),
        )
        .acks
    )
    assert [ack.result for ack in acks] == ["ok"] * 5
    assert parents(ada) == {"m1": None, "m2": "m1", "m3": "", "m4": "none"}


def test_a_client_that_knows_no_parents_takes_none_away(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), put("m1"), put("m2", parent_id="m1"))
    device.push(put("m2", "edited"))
    assert parents(ada)["m2"] == "m1"
    body = {"conversations": [{"id": "c1", "title": "T", "messages": [{"id": "m2", "role": "user", "content": "z"}]}]}
    assert ada.http.post("/api/chat/sync", json=body).json()["success"]
    assert parents(ada)["m2"] == "m1"
    shown = ada.http.get("/api/chat/sync", params={"summary_only": "false"}).json()["conversations"][0]["messages"]
    assert {one["id"]: one.get("parent_id") for one in shown} == {"m1": None, "m2": "m1"}


def test_a_changed_parent_is_a_change(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), put("m1"), put("m2", parent_id="m1"))
    before = device.pull().cur
    device.push(put("m2", parent_id=""))
    assert device.pull().cur > before
    assert parents(ada)["m2"] == ""


@pytest.mark.parametrize("parent", ["p" * 256, 7, ["m1"]])
def test_a_parent_that_is_no_id_is_refused(ada: Person, parent: object) -> None:
    _, ack = Device(ada).push(conversation_op(), put("m1", parent_id=parent)).acks
    assert (ack.result, ack.code) == ("rejected", "bad_id")


def test_a_message_that_was_deleted_before_messages_had_parents_comes_back(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(conversation_op(), put("m1"), put("m2", parent_id="m1"))
    device.push(Op("m", "m2", "del", "c1"))
    db.execute("update sync_trash set payload = payload - 'parent_id' where user_id = %s", (ada.id,))
    (ack,) = device.push(Op("m", "m2", "restore", "c1")).acks
    assert ack.result == "ok"
    assert parents(ada) == {"m1": None, "m2": None}

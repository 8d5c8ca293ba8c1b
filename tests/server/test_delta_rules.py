"""Results of each op of a device, over HTTP and in PostgreSQL.

See docs/specification/sync-protocol.md#conflict-rules.
"""

from __future__ import annotations

from accounts import Db, Person
from conversations_by_sql import profile, usage_figures
from devices import Device, conversation_op, message_op

from sterna.sync.wire import DeltaResponse, Op, Stamp


def results(answer: DeltaResponse) -> list[str]:
    return [ack.result for ack in answer.acks]


def test_a_conversation_and_its_messages_are_stored_and_pulled(ada: Person) -> None:
    device, other = Device(ada), Device(ada, "r2")
    answer = device.push(conversation_op(), message_op(), message_op("m2", content="hi", role="assistant"))
    assert results(answer) == ["ok"] * 3
    assert [ack.row.value for ack in answer.acks if ack.row] == [None] * 3  # exactly what was sent
    rows = other.pull().rows
    assert [(row.kind, row.id) for row in rows] == [("c", "c1"), ("m", "m1"), ("m", "m2")]
    assert {row.session_id for row in rows} == {"c1"}
    assert rows[0].value["title"] == "Terns"
    assert rows[2].value["content"] == "hi"
    assert [row.seq for row in rows] == sorted({row.seq for row in rows})


def test_the_order_of_ops_in_a_push_does_not_matter(ada: Person) -> None:
    assert results(Device(ada).push(message_op(), conversation_op())) == ["ok", "ok"]


def test_a_message_without_its_conversation_asks_for_it(ada: Person) -> None:
    assert results(Device(ada).push(message_op())) == ["conv_missing"]


def test_an_edit_of_what_was_seen_wins_whatever_the_clocks_say(ada: Person) -> None:
    device = Device(ada)
    row = device.push(conversation_op(), sync_sent_at="1000").acks[0].row
    assert row
    late = conversation_op(title="Birds", base=row.seq, edited_at=1)
    assert results(device.push(late, sync_sent_at="900000000000")) == ["ok"]
    assert Device(ada, "r2").pull().rows[0].value["title"] == "Birds"


def test_a_device_has_seen_what_it_wrote_itself_though_no_answer_told_it_so(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op())
    # this answer was lost, and the device's clock jumped: its next edit looks older
    device.push(conversation_op(title="First", cls=1), message_op(content="first"), sync_sent_at="0")
    answer = device.push(
        conversation_op(title="Next", cls=1, edited_at=1),
        message_op(content="next", edited_at=1),
        sync_sent_at="900000000000",
    )
    assert results(answer) == ["ok", "ok"]
    rows = Device(ada, "r2").pull().rows
    assert rows[0].value["title"] == "Next"
    assert rows[1].value["content"] == "next"


def test_of_two_that_did_not_know_of_each_other_the_younger_edit_wins(ada: Person) -> None:
    first, two, three = Device(ada), Device(ada, "r2"), Device(ada, "r3")
    first.push(conversation_op())
    base = two.pull().rows[0].seq
    assert results(first.push(conversation_op(title="Young", base=base, edited_at=9_000), sync_sent_at="10000")) == [
        "ok"
    ]
    answer = two.push(conversation_op(title="Old", base=base, edited_at=1_000), sync_sent_at="100000")
    assert results(answer) == ["lost"]
    assert answer.acks[0].row
    assert answer.acks[0].row.value["title"] == "Young"
    assert three.pull().rows[0].value["title"] == "Young"


def test_a_title_by_hand_is_not_overtaken_by_an_automatic_one(ada: Person) -> None:
    first, two = Device(ada), Device(ada, "r2")
    first.push(conversation_op(cls=1), sync_sent_at="10")
    assert results(two.push(conversation_op(title="Automatic"), sync_sent_at="10")) == ["lost"]


def test_a_text_that_is_overtaken_unseen_is_kept_in_the_history_of_texts(ada: Person, db: Db) -> None:
    first, two = Device(ada), Device(ada, "r2")
    first.push(conversation_op(), message_op(), sync_sent_at="0")
    base = two.pull().rows[1].seq
    first.push(message_op(content="first edit", base=base, edited_at=0), sync_sent_at="50000")
    assert results(two.push(message_op(content="second edit", base=base, edited_at=0), sync_sent_at="0")) == ["ok"]
    rows = db.execute(
        "select value ->> 'content' as content from message_history where user_id = %s", (ada.id,)
    ).fetchall()
    assert [row["content"] for row in rows] == ["first edit"]


def test_the_same_value_again_is_no_change(ada: Person) -> None:
    device = Device(ada)
    first = device.push(conversation_op(), message_op())
    again = device.push(conversation_op(), message_op())
    assert results(again) == ["ok", "ok"]
    assert again.seen == first.seen


def test_a_delete_wins_over_an_edit_and_comes_to_everybody(ada: Person) -> None:
    first, two = Device(ada), Device(ada, "r2")
    first.push(conversation_op(), message_op())
    two.pull()
    assert results(first.push(Op("c", "c1", "del"))) == ["ok"]
    assert results(two.push(conversation_op(title="Edited"), message_op("m9"))) == ["deleted", "deleted"]
    rows = two.pull().rows
    assert [(row.kind, row.id, row.is_deleted) for row in rows] == [("c", "c1", True)]


def test_deleting_what_was_never_there_keeps_it_from_coming(ada: Person) -> None:
    first, two = Device(ada), Device(ada, "r2")
    answer = first.push(Op("c", "c9", "del"))
    assert results(answer) == ["ok"]
    assert answer.acks[0].row
    assert answer.acks[0].row.is_deleted
    assert results(two.push(conversation_op("c9"))) == ["deleted"]


def test_a_message_is_deleted_and_stays_so(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op(), message_op("m2"))
    assert results(device.push(Op("m", "m1", "del", "c1"), Op("m", "m7", "del", "c1"))) == ["ok", "ok"]
    assert results(device.push(message_op())) == ["deleted"]
    rows = {row.id: row.is_deleted for row in Device(ada, "r2").pull().rows}
    assert rows == {"c1": False, "m1": True, "m2": False, "m7": True}


def test_an_upstream_push_never_revives_what_a_device_deleted(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op())
    device.push(Op("c", "c1", "del"))
    body = ada.http.post(
        "/api/chat/sync", json={"conversations": [{"id": "c1", "title": "Back", "messages": []}]}
    ).json()
    assert body["results"]["errors"] == 1
    assert ada.http.get("/api/chat/sessions").json()["count"] == 0


def test_settings_are_values_that_can_be_taken_away_and_come_back(ada: Person) -> None:
    device = Device(ada)
    answer = device.push(conversation_op(), Op("s", "c1/model", "put", "c1", value={"value": "a/b"}))
    assert results(answer) == ["ok", "ok"]
    base = answer.acks[1].row.seq if answer.acks[1].row else 0
    assert results(device.push(Op("s", "c1/model", "del", "c1", base=base))) == ["ok"]
    assert Device(ada, "r2").pull().rows[-1].is_deleted
    base = Device(ada, "r3").pull().rows[-1].seq
    assert results(device.push(Op("s", "c1/model", "put", "c1", base=base, value={"value": "c/d"}))) == ["ok"]
    assert Device(ada, "r2").pull().rows[-1].value == {"value": "c/d"}


def test_a_clear_takes_what_could_be_seen_and_nothing_newer(ada: Person) -> None:
    first, two = Device(ada), Device(ada, "r2")
    first.push(conversation_op("a"), conversation_op("b"))
    seen = first.pull().cur
    two.push(conversation_op("new"))
    assert results(first.push(Op("x", "", "clear", upto=seen))) == ["ok"]
    live = {row.id for row in Device(ada, "r3").pull().rows if not row.is_deleted}
    assert live == {"new"}


def test_a_clear_goes_alone(ada: Person) -> None:
    answer = Device(ada).push(conversation_op("a"), Op("x", "", "clear", upto=10**6))
    assert [(ack.result, ack.code) for ack in answer.acks] == [("ok", ""), ("rejected", "not_alone")]


def test_a_restore_brings_everything_back_and_counts_nothing_twice(ada: Person, db: Db) -> None:
    device = Device(ada)
    device.push(
        conversation_op(cls=1),
        message_op(),
        message_op("m2", role="assistant", content="x"),
        Op("s", "c1/model", "put", "c1", value={"value": "a/b"}),
    )
    before, used = profile(db, ada.id), usage_figures(db, ada.id)
    device.push(Op("c", "c1", "del"))
    answer = device.push(Op("c", "c1", "restore", value={"title": "Terns"}))
    assert [(ack.result, ack.code) for ack in answer.acks] == [("ok", "")]
    rows = {(row.kind, row.id): row for row in Device(ada, "r2").pull().rows}
    assert not any(row.is_deleted for row in rows.values())
    assert rows.keys() == {("c", "c1"), ("m", "m1"), ("m", "m2"), ("s", "c1/model")}
    assert rows[("c", "c1")].stamp.cls == 1
    assert usage_figures(db, ada.id) == used
    after = profile(db, ada.id)
    assert {k: after[k] for k in ("message_count", "total_conversations", "token_usage")} == {
        k: before[k] for k in ("message_count", "total_conversations", "token_usage")
    }
    count = db.execute("select message_count from chat_sessions where user_id = %s", (ada.id,)).fetchone()
    assert count == {"message_count": 2}


def test_a_message_comes_back_from_the_trash(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op(content="keep me"))
    device.push(Op("m", "m1", "del", "c1"))
    assert results(device.push(Op("m", "m1", "restore", "c1"))) == ["ok"]
    assert Device(ada, "r2").pull().rows[-1].value["content"] == "keep me"


def test_what_was_deleted_by_rest_can_be_restored_too(ada: Person) -> None:
    device = Device(ada)
    device.push(conversation_op(), message_op())
    ada.http.delete("/api/chat/sessions", params={"id": "c1"})
    assert results(device.push(Op("c", "c1", "restore", value={"title": "Terns"}))) == ["ok"]
    assert len(Device(ada, "r2").pull().rows) == 2


def test_a_conversation_that_no_trash_has_is_made_of_what_is_said_of_it(ada: Person) -> None:
    device = Device(ada)
    device.push(Op("c", "c9", "del"))
    answer = device.push(Op("c", "c9", "restore", value={"title": "Again"}))
    assert [(ack.result, ack.code) for ack in answer.acks] == [("ok", "not_in_trash")]
    assert results(device.push(message_op("m1", "c9"))) == ["ok"]


def test_an_old_value_said_again_wins_only_with_a_greater_stamp(ada: Person) -> None:
    device = Device(ada)
    row = device.push(conversation_op()).acks[0].row
    assert row
    older = Stamp(0, row.stamp.time - 5, "z")
    newer = Stamp(0, row.stamp.time + 5, "a")
    assert results(device.push(conversation_op(title="Older", stamp=older))) == ["lost"]
    assert results(device.push(conversation_op(title="Newer", stamp=newer))) == ["ok"]
    assert Device(ada, "r2").pull().rows[0].stamp == newer


def test_one_op_that_cannot_be_taken_stops_no_other(ada: Person) -> None:
    long = conversation_op("c2", "x" * 300)
    big = message_op("m2", content="y" * 1_100_000)
    answer = Device(ada).push(conversation_op(), long, message_op(), big, message_op())
    assert [(ack.result, ack.code) for ack in answer.acks] == [
        ("ok", ""),
        ("rejected", "title_too_long"),
        ("ok", ""),
        ("rejected", "too_large"),
        ("rejected", "twice"),
    ]


def test_no_time_that_a_device_tells_makes_a_row_that_no_device_takes(ada: Person, db: Db) -> None:
    """A row with a number beyond those of the protocol would end the sync of every device of the account."""
    device, largest = Device(ada), 2**53
    device.push(conversation_op(), message_op(), Op("s", "c1/model", "put", value={"value": "x"}))
    for title, more in (
        ("after", {"after": largest}),
        ("again", {"after": largest}),
        ("stamped", {"stamp": Stamp(1, largest, "z")}),
    ):
        device.push(
            conversation_op(title=title, **more),
            message_op(content=title, **more),
            Op("s", "c1/model", "put", value={"value": title}, **more),
        )
    assert ada.http.patch("/api/chat/sessions", json={"id": "c1", "title": "patched"}).status_code == 200
    db.execute("update chat_messages set content = 'rewritten' where user_id = %s", (ada.id,))
    device.push(conversation_op(title="last", base=device.pull(since=0).rows[0].seq))
    rows = Device(ada, "r2").pull(since=0).rows
    assert {row.kind for row in rows} == {"c", "m", "s"}
    assert max(row.stamp.time for row in rows) == largest
    db.execute("update sync_rows set time = %s where user_id = %s", (largest + 5, ada.id))
    assert Device(ada, "r3").pull(since=0).rows

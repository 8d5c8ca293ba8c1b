"""Pulls in pages, newest conversations, single conversations, and compression."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from uuid import uuid4

import pytest
import zstandard
from accounts import Db, Person, acting_as
from devices import CLIENT, Device, conversation_op, message_op

from sterna.sync.wire import DeltaPush, Op, Row

SYNC = "/api/chat/sync"


def full(who: Person, most: int) -> list[list[Row]]:
    """Every page from the start."""
    device = Device(who, "reader")
    pages = []
    for _ in range(500):
        result = device.pull(most)
        pages.append(list(result.rows))
        if not result.more:
            return pages
    raise AssertionError("it never ends")


def applied(pages: list[list[Row]]) -> dict[tuple[str, str], Row]:
    """Apply rows like a device and check that every row has its conversation."""
    state: dict[tuple[str, str], Row] = {}
    for page in pages:
        for row in sorted(page, key=lambda row: row.kind != "c"):
            assert row.kind == "c" or ("c", row.session_id) in state
            if row.seq >= (state[(row.kind, row.id)].seq if (row.kind, row.id) in state else 0):
                state[(row.kind, row.id)] = row
    return state


@pytest.fixture
def lived(ada: Person) -> Person:
    """Conversations that were renamed after what is in them, deletes, settings; one large text."""
    device = Device(ada, "writer")
    device.push(*(conversation_op(f"c{n}") for n in range(4)))
    for turn in range(5):
        device.push(*(message_op(f"m{turn}-{n}", f"c{n}", content="x" * 50 * turn) for n in range(4)))
    device.push(message_op("large", "c1", content="y" * 20_000), Op("s", "c0/model", "put", value={"value": "g"}))
    device.push(Op("m", "m1-0", "del", "c0"), Op("c", "c3", "del"))
    device.push(conversation_op("c0", "Renamed", cls=1, edited_at=1), conversation_op("c1", "Too", cls=1, edited_at=1))
    return ada


@pytest.mark.parametrize("most", [1, 900, 2_500, 30_000])
def test_pages_of_any_size_come_to_the_same_as_all_at_once(lived: Person, most: int) -> None:
    pages = full(lived, most)
    at_once = full(lived, 4 << 20)
    assert len(at_once) == 1
    assert applied(pages) == applied(at_once)
    if most == 1:
        alone = [[row for row in page if row.kind != "c" or len(page) == 1] for page in pages]
        assert all(len(page) == 1 for page in alone)


def test_a_conversation_that_moved_on_comes_along_with_what_is_in_it(lived: Person) -> None:
    first = full(lived, 1)[0]
    assert [(row.kind, row.session_id) for row in first] == [
        ("c", "c2")
    ]  # its own row comes first of those that stayed
    early = next(page for page in full(lived, 1) if page[-1].id == "m0-0")
    assert [(row.kind, row.id) for row in early] == [("c", "c0"), ("m", "m0-0")]
    assert early[0].value["title"] == "Renamed"


def test_a_device_at_the_end_is_told_nothing_and_stays_there(lived: Person) -> None:
    device = Device(lived, "reader")
    cur = device.pull().cur
    result = device.pull()
    assert (result.rows, result.cur, result.more) == ((), cur, False)


def test_a_new_device_needs_no_tombstones(lived: Person) -> None:
    with_dead = {(row.kind, row.id) for row in Device(lived, "a").pull().rows if row.is_deleted}
    assert with_dead == {("c", "c3"), ("m", "m1-0")}
    result = Device(lived, "b").pull(dead=0)
    assert not any(row.is_deleted for row in result.rows)
    assert not result.more
    device = Device(lived, "c")
    device.cur = 1
    assert any(row.is_deleted for row in device.pull(dead=0).rows)


def test_the_newest_conversations_come_first_with_what_a_list_shows(lived: Person) -> None:
    answer = lived.http.get(SYNC, params={"newest": 2}, headers=CLIENT)
    result = Device(lived).decode(answer)
    assert (result.cur, result.more) == (0, False)
    assert len(result.rows) == 2
    every = Device(lived).decode(lived.http.get(SYNC, params={"newest": 200}, headers=CLIENT)).rows
    assert {row.id for row in every} == {"c0", "c1", "c2"}
    assert {row.id: row.value["messageCount"] for row in every} == {"c0": 4, "c1": 6, "c2": 5}
    row = next(row for row in every if row.id == "c1")
    assert row.value["title"] == "Too"
    assert row.value["lastMessageTimestamp"] == "2026-03-01T12:00:00.000Z"
    assert row.value["lastModel"] is None
    assert row.value["totalTokens"] == 0
    assert len(row.value["lastMessagePreview"]) == 200


def test_one_conversation_is_read_by_itself(lived: Person) -> None:
    rows: list[Row] = []
    cur = 0
    for _ in range(50):
        answer = lived.http.get(SYNC, params={"session": "c1", "since": cur, "max_bytes": 900}, headers=CLIENT)
        result = Device(lived).decode(answer)
        rows += result.rows
        cur = result.cur
        if not result.more:
            break
    assert sorted(row.seq for row in rows) == [row.seq for row in rows]
    assert {row.id for row in rows} == {"c1", "large", *(f"m{turn}-1" for turn in range(5))}
    assert cur == rows[-1].seq
    none = Device(lived).decode(lived.http.get(SYNC, params={"session": "nowhere"}, headers=CLIENT))
    assert (none.rows, none.cur, none.more) == ((), 0, False)


def test_everything_of_a_message_comes_back_as_it_was_said(ada: Person) -> None:
    value = {
        "role": "assistant",
        "content": "naïve \u202e \U0001f426",
        "timestamp": "2026-03-01T12:00:00.123456Z",
        "model": "acme/small",
        "total_tokens": 12,
        "input_tokens": 5,
        "output_tokens": 7,
        "elapsed_ms": 1499,
        "user_message_id": "m0",
        "completion_id": "gen-1",
        "reasoning": "",
        "reasoning_details": [{"a": None}],
        "annotations": [],
        "has_websearch": True,
        "websearch_result_count": 3,
        "output_image_tokens": 4,
        "was_streaming": True,
        "error_message": "cut off",
        "metadata": {"requested_web_search": False, "deep": {"x": [1.5, None]}},
        "contentType": "markdown",
        "attachment_ids": ["one", "two"],
        "raw_message": {"anything": ["é"]},
    }
    device = Device(ada)
    device.push(conversation_op(), Op("m", "m1", "put", "c1", value=value))
    (row,) = (row for row in device.pull().rows if row.kind == "m")
    assert row.value == value | {"id": "m1", "elapsed_time": 1, "error": True, "has_attachments": True}
    again = device.push(Op("m", "m1", "put", "c1", value=value))
    assert again.acks[0].row is not None
    assert again.acks[0].row.seq == row.seq


def test_what_plain_sql_did_to_ones_own_rows_breaks_no_page(ada: Person, db: Db) -> None:
    Device(ada).push(conversation_op(), message_op())
    with acting_as(db, ada.identity):
        db.execute(
            "insert into chat_messages (user_id, session_id, id, role, content, message_timestamp, metadata)"
            " values (%s, 'c1', 'odd', 'user', 'x', 'infinity', '[1]')",
            (ada.id,),
        )
        db.execute("insert into session_settings values (%s, 'c1', 'odd', 'null')", (ada.id,))
        db.execute("update chat_messages set content_type = null, total_tokens = null where id = 'm1'")
    rows = {row.id: row for row in Device(ada).pull().rows}
    assert rows["odd"].value["timestamp"].startswith("9999-")
    assert "metadata" not in rows["odd"].value
    assert rows["c1/odd"].is_deleted
    assert rows["m1"].value["contentType"] == "text"


# Compression


def test_an_answer_is_packed_as_the_client_can_take_it(lived: Person) -> None:
    plain = lived.http.get(SYNC, params={"since": 0}, headers=CLIENT | {"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for accepted, coding, unpack in (
        ("gzip", "gzip", gzip.decompress),
        ("gzip, zstd", "zstd", zstandard.ZstdDecompressor().decompressobj().decompress),
        ("gzip;q=0, br", "", lambda raw: raw),
    ):
        with lived.http.stream(
            "GET", SYNC, params={"since": 0}, headers=CLIENT | {"accept-encoding": accepted}
        ) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers.get("content-encoding", "") == coding
        assert json.loads(unpack(raw))["sync"] == plain.json()["sync"]
        if coding:
            assert len(raw) < len(plain.content) / 4


def test_a_short_answer_is_not_packed(ada: Person) -> None:
    answer = ada.http.get(SYNC, params={"since": 0}, headers=CLIENT)
    assert "content-encoding" not in answer.headers


def body_of(*ops: Op) -> bytes:
    return json.dumps({"conversations": [], "sync": DeltaPush("r", 1, ops).encode()}).encode()


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor(level=3).compress)]
)
def test_a_push_may_come_packed(ada: Person, coding: str, pack: Callable[[bytes], bytes]) -> None:
    headers = CLIENT | {"content-encoding": coding, "content-type": "application/json"}
    answer = ada.http.post(
        SYNC, content=pack(body_of(conversation_op(), message_op(content="x" * 5000))), headers=headers
    )
    assert [ack.result for ack in Device(ada).decode(answer).acks] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda raw: raw[:-3], 400),
        (lambda raw: raw + b"more", 400),
        (lambda raw: raw + raw, 400),
        (lambda raw: b"no " + raw, 400),
        (lambda raw: zstandard.ZstdCompressor().compress(bytes(9 << 20)), 413),
        (lambda raw: zstandard.ZstdCompressor().compress(bytes(1 << 20)), 413),
        (lambda raw: wide(raw), 400),
    ],
    ids=["cut", "more", "twice", "no zstd", "bomb", "suspect", "wide window"],
)
def test_a_body_that_is_no_good_zstd_is_refused(ada: Person, change: Callable[[bytes], bytes], status: int) -> None:
    raw = zstandard.ZstdCompressor().compress(body_of(conversation_op(), message_op(content=uuid4().hex * 40)))
    headers = CLIENT | {"content-encoding": "zstd", "content-type": "application/json"}
    assert ada.http.post(SYNC, content=change(raw), headers=headers).status_code == status


def wide(raw: bytes) -> bytes:
    """Return a zstd frame that needs a window of 128 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(raw) + packer.flush()


WIDE = "jsonb_build_object('k', repeat('v', 100000))"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("content", "repeat('v', 100000)"),
        ("reasoning", "repeat('v', 100000)"),
        ("error_message", "repeat('v', 100000)"),
        ("metadata", WIDE),
        ("annotations", f"jsonb_build_array({WIDE})"),
        ("reasoning_details", f"jsonb_build_array({WIDE})"),
        ("raw_message", WIDE),
    ],
)
def test_a_page_is_bounded_whatever_of_a_message_is_large(ada: Person, db: Db, column: str, value: str) -> None:
    Device(ada).push(conversation_op(), *(message_op(f"m{n}") for n in range(12)))
    db.execute(f"update chat_messages set {column} = {value} where user_id = %s", (ada.id,))
    pages = full(ada, 250_000)
    assert [sum(row.kind == "m" for row in page) for page in pages] == [3, 3, 3, 3]


def test_a_page_is_bounded_when_settings_are_large(ada: Person) -> None:
    Device(ada).push(
        conversation_op(), *(Op("s", f"c1/k{n}", "put", "c1", value={"value": "v" * 100_000}) for n in range(6))
    )
    assert [sum(row.kind == "s" for row in page) for page in full(ada, 250_000)] == [3, 3]


def test_a_push_that_concerns_too_much_is_refused_until_it_is_smaller(
    ada: Person, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a push changes is in memory at once, with what the trash has of it."""
    monkeypatch.setattr("sterna.server.sync.push.MAX_VALUES", 1_000_000)
    device, ids = Device(ada), [f"m{n}" for n in range(12)]
    device.push(conversation_op(), *map(message_op, ids))
    db.execute(f"update chat_messages set metadata = {WIDE} where user_id = %s", (ada.id,))
    for verb in ("del", "restore"):
        ops = [Op("m", id_, verb, "c1") for id_ in ids]
        answer = device.send(*ops)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large"), verb
        for half in (ops[:6], ops[6:]):
            assert {ack.result for ack in device.push(*half).acks} == {"ok"}, verb

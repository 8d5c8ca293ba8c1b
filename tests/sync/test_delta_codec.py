"""Rows of the history survive the wire unchanged; invalid ones are rejected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.server.sync.values import encode_value, validated
from sterna.storage import OutgoingMessage, PendingChange, RemoteRow, stamp
from sterna.storage.json_text import to_json
from sterna.storage.sync.columns import DEFAULTS, MESSAGE_COLUMNS, is_same
from sterna.storage.text import storable
from sterna.sync.protocol.delta_codec import decode_ack, decode_row, encode_message, encode_op
from sterna.sync.upstream.codec import encode_message as encode_upstream_message
from sterna.sync.wire import Ack, BadItem, Op, Row, Stamp

NOW = 1_772_366_400_000
TEXTS = st.text().map(storable)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
SOME_JSON = JSONS.filter(lambda value: value is not None).map(to_json)
COUNTS = st.integers(0, 2**31 - 1)
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2026, 3, 1)).map(lambda at: stamp(at.replace(tzinfo=UTC)))


@st.composite
def messages(draw: Any) -> dict[str, Any]:
    """Columns of a message, as anything that writes the history may leave them."""
    role = draw(st.sampled_from(("user", "assistant", "system")))
    value: dict[str, Any] = dict.fromkeys(MESSAGE_COLUMNS) | dict(DEFAULTS)
    value |= {
        "role": role,
        "content": draw(TEXTS),
        "model": draw(st.none() | TEXTS.map(lambda text: text[:100])),
        "message_timestamp": draw(TIMES),
        "user_message_id": draw(st.none() | st.just("msg_1_abc")),
        "content_type": draw(st.sampled_from(("text", "markdown"))),
        "completion_id": draw(st.none() | TEXTS.map(lambda text: text[:255])),
        "error_message": draw(st.none() | TEXTS.filter(bool)),
        "is_streaming": draw(st.integers(0, 1)),
        "metadata": to_json(draw(st.dictionaries(TEXTS, JSONS, max_size=3))),
        "reasoning": draw(st.none() | TEXTS),
        "reasoning_details": draw(st.none() | SOME_JSON),
        "annotations": draw(st.none() | SOME_JSON),
        "raw_message": draw(st.none() | SOME_JSON),
        "has_attachments": draw(st.integers(0, 1)),
        "attachment_count": draw(st.integers(0, 3)),
    }
    for name in ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "output_image_tokens"):
        value[name] = draw(COUNTS)
    if role == "assistant":
        value["has_websearch"] = draw(st.integers(0, 1))
        value["websearch_result_count"] = draw(st.integers(0, 50))
    return value


def over(one: PendingChange) -> RemoteRow:
    """Over the wire, through the server's own checks, and back."""
    op = Op.decode(json.loads(json.dumps(encode_op(one).encode())))
    value = encode_value(validated(op, NOW, 2**20))
    row = Row(one.kind, one.id, one.session_id, 5, 4, stamp=Stamp(1, 7, "r"), value=value)
    return decode_row(Row.decode(json.loads(json.dumps(row.encode()))))


@given(messages())
def test_a_message_comes_back_as_it_was(value: dict[str, Any]) -> None:
    came = over(PendingChange("m", "msg_1", "conv_1", "put", 1, value=value))
    assert came.value is not None
    assert came.value.keys() == set(MESSAGE_COLUMNS)
    assert is_same(value, came.value), {
        name: (value[name], came.value[name]) for name in value if value[name] != came.value[name]
    }
    assert (came.kind, came.id, came.session_id, came.seq, came.created_seq, came.stamp) == (
        "m", "msg_1", "conv_1", 5, 4, (1, 7, "r"),
    )  # fmt: skip


@given(TEXTS.map(lambda text: text[:255]), TIMES)
def test_a_title_comes_back_as_it_was(title: str, made: str) -> None:
    came = over(PendingChange("c", "conv_1", "conv_1", "put", 1, cls=1, value={"title": title, "created_at": made}))
    assert came.value == {"title": title, "created_at": made}


@given(SOME_JSON)
def test_a_setting_comes_back_as_it_was(value: str) -> None:
    came = over(PendingChange("s", "conv_1/model", "conv_1", "put", 1, value={"value": value}))
    assert came.value == {"value": value}


def test_an_op_says_what_it_is_and_no_more() -> None:
    put = PendingChange("c", "c1", "c1", "put", 3, 9, 5, (1, 2, "t"), 7, 1, 0, {"title": "T", "created_at": stamp(DAY)})
    assert encode_op(put).encode() == {
        "kind": "c", "op": "put", "id": "c1", "session": "c1", "base": 9, "at": 5, "after": 7, "cls": 1,
        "stamp": {"cls": 1, "time": 2, "tie": "t"},
        "value": {"title": "T", "createdAt": "2026-02-01T00:00:00.000Z"},
    }  # fmt: skip
    assert encode_op(PendingChange("x", "all", "", "clear", 1, upto=12, edited_at=-4)).encode() == {
        "kind": "x", "op": "clear", "upto": 12,
    }  # fmt: skip
    assert encode_op(PendingChange("m", "m1", "c1", "del", 1, base=3, cls=1)).encode() == {
        "kind": "m", "op": "del", "id": "m1", "session": "c1", "base": 3,
    }  # fmt: skip


DAY = datetime(2026, 2, 1, tzinfo=UTC)


def test_a_count_that_no_server_can_keep_is_cut() -> None:
    value = dict.fromkeys(MESSAGE_COLUMNS) | dict(DEFAULTS)
    value |= {"role": "user", "content": "hi", "message_timestamp": stamp(DAY), "total_tokens": 2**40}
    assert encode_op(PendingChange("m", "m1", "c1", "put", 1, value=value)).value["total_tokens"] == 2**31 - 1


def row(kind: Any = "m", value: Any = None, **more: Any) -> Row:
    return Row(kind, {"s": "c1/k"}.get(kind, f"{kind}1"), "c1", 3, 2, stamp=Stamp(0, 86_400_000), value=value, **more)


MESSAGE = {"role": "user", "content": "hi", "timestamp": "2026-02-01T00:00:00Z"}


@pytest.mark.parametrize(
    "found",
    [
        row("x"),
        row("c", "a title"),
        row("c", {}),
        row("c", {"title": 7}),
        row("c", {"title": "x" * 256}),
        row("c", {"title": "t", "createdAt": "yesterday"}),
        row("m", [1]),
        row("m", MESSAGE | {"role": "tool"}),
        row("m", MESSAGE | {"content": None}),
        row("m", MESSAGE | {"timestamp": None}),
        row("m", MESSAGE | {"timestamp": 17}),
        row("m", MESSAGE | {"total_tokens": -1}),
        row("m", MESSAGE | {"model": "x" * 101}),
        row("s", {}),
        row("s", {"value": None}),
        row("s", "model"),
    ],
)
def test_a_row_that_is_none_is_not_taken(found: Row) -> None:
    with pytest.raises(BadItem):
        decode_row(found)


def test_what_is_dead_or_as_it_was_sent_has_no_value() -> None:
    assert decode_row(row("m", MESSAGE, is_deleted=True)).value is None
    assert decode_row(row("m", MESSAGE, is_deleted=True)).is_deleted
    assert decode_row(row("c")).value is None


def test_a_summary_comes_with_a_conversation_of_the_newest() -> None:
    answer = {
        "title": "T", "createdAt": None, "lastMessageTimestamp": "2026-02-01T00:00:00Z",
        "lastMessagePreview": "hi", "messageCount": 2, "totalTokens": 9, "lastModel": None,
    }  # fmt: skip
    assert decode_row(row("c", answer)).value == {
        "title": "T", "created_at": "1970-01-02T00:00:00.000000Z",
        "last_message_timestamp": "2026-02-01T00:00:00.000000Z",
        "last_message_preview": "hi", "message_count": 2, "total_tokens": 9, "last_model": None,
    }  # fmt: skip
    assert decode_row(row("c", {"title": "T", "lastMessageTimestamp": None})).value == {
        "title": "T", "created_at": "1970-01-02T00:00:00.000000Z", "last_message_timestamp": None,
    }  # fmt: skip


def test_an_answer_is_of_the_op_that_it_stands_for() -> None:
    assert decode_ack(("m", "m1", 4), Ack("rejected", code="too_large")).code == "too_large"
    answer = decode_ack(("m", "m1", 4), Ack("ok", row()))
    assert (answer.rev, answer.row) == (4, decode_row(row()))
    with pytest.raises(BadItem):
        decode_ack(("m", "m2", 4), Ack("ok", row()))
    with pytest.raises(BadItem):
        decode_ack(("c", "m1", 4), Ack("ok", row()))


def test_damaged_values_do_not_stop_a_push() -> None:
    value: dict[str, Any] = dict.fromkeys(MESSAGE_COLUMNS) | dict(DEFAULTS)
    value |= {"role": "user", "content": "caf\ufffd", "metadata": '{"a": ', "annotations": "{", "raw_message": "["}
    value |= {
        "content_type": "text",
        "message_timestamp": "9999-99-99T99:99:99.999999Z",
        "reasoning_details": "nothing",
    }
    answer = encode_message("msg_1_abc", value)
    assert (answer["content"], answer["timestamp"]) == ("caf\ufffd", "1970-01-01T00:00:00.000Z")
    assert answer.get("metadata", {}) == {}
    item = encode_upstream_message(OutgoingMessage("msg_1_abc", 1, value, {}))
    assert (item["content"], item["timestamp"]) == ("caf\ufffd", "1970-01-01T00:00:00.000Z")

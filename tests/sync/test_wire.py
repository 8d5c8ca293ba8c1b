"""Encoding and decoding are inverse, and no input breaks the decoder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.sync.wire import (
    Ack,
    BadItem,
    Capability,
    Client,
    Commit,
    Conversation,
    Cursor,
    DeltaPush,
    DeltaResponse,
    Detail,
    Message,
    Op,
    Pull,
    Row,
    Stamp,
)

CODED = (Message, Conversation, Detail, Cursor, Stamp, Op, Row, Ack, DeltaPush, DeltaResponse)
PARSED = (Capability, Commit, Pull, Client)

plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ids = plain.filter(bool)
numbers = st.integers(0, 2**31 - 1)
large = st.integers(0, 2**53)
times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
any_text = st.text(st.characters(), max_size=6)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "id",
    "userId",
    "title",
    "messages",
    "createdAt",
    "messageCount",
    "role",
    "content",
    "timestamp",
    "model",
    "total_tokens",
    "elapsed_time",
    "metadata",
    "reasoning_details",
    "annotations",
    "attachment_ids",
    "error",
    "suggestions",
    "conversationId",
    "status",
    "ts",
    "kind",
    "op",
    "session",
    "base",
    "stamp",
    "value",
    "cls",
    "time",
    "tie",
    "seq",
    "row",
    "result",
    "replica",
    "push_seq",
    "ops",
    "acks",
    "rows",
    "seen",
    "upto",
]
hostile = st.dictionaries(st.sampled_from(KEYS), anything | st.sampled_from(["user", "c", "m", "s", "put", "ok", "id"]))

messages = st.builds(
    Message,
    id=ids,
    role=st.sampled_from(["user", "assistant"]),
    content=plain,
    timestamp=st.none() | times,
    model=st.none() | plain,
    total_tokens=numbers,
    content_type=st.sampled_from(["text", "markdown"]),
    elapsed_ms=st.integers(0, 10**6).map(lambda n: n or 0),
    error_message=st.none() | ids,
    was_streaming=st.booleans(),
    reasoning=st.none() | plain,
    metadata=st.dictionaries(ids, plain, max_size=2),
    extra=st.dictionaries(ids.map("x_".__add__), plain, max_size=2),
)
stamps = st.builds(Stamp, cls=st.integers(0, 1), time=large, tie=plain)
rows = st.builds(
    Row,
    kind=st.sampled_from(["c", "m"]),
    id=ids,
    session_id=ids,
    seq=large,
    created_seq=large,
    ver=large,
    is_deleted=st.booleans(),
    stamp=stamps,
    value=st.none() | st.dictionaries(ids, plain, max_size=2),
)
ops = st.builds(
    Op,
    kind=st.sampled_from(["c", "m"]),
    id=ids,
    verb=st.sampled_from(["put", "del", "restore"]),
    session_id=plain,
    base=large,
    edited_at=large,
    stamp=st.none() | stamps,
    value=st.none() | st.dictionaries(ids, plain, max_size=2),
)
acks = st.builds(Ack, st.sampled_from(["ok", "lost", "deleted", "conv_missing", "rejected"]), st.none() | rows, plain)
commits = st.builds(Commit, st.integers(0, 10**17), st.from_regex(r"\A[a-z0-9]{1,20}\Z"))


def refusal(read: Callable[[Any], Any], item: Any) -> str:
    """The word of the refusal, or ``taken``."""
    try:
        read(item)
    except BadItem as error:
        return error.word
    return "taken"


@given(messages)
def test_a_message_comes_back_as_it_was_sent(one: Message) -> None:
    assert Message.decode(one.encode()) == one


@given(st.lists(messages, max_size=3, unique_by=lambda one: one.id), plain, st.none() | times)
def test_a_conversation_comes_back_with_the_keys_that_were_given(
    inside: list[Message], title: str, created: datetime | None
) -> None:
    fields = frozenset({"title", "created_at"})
    one = Conversation("c", title=title, created_at=created, messages=tuple(inside), given=fields, sent=len(inside))
    assert Conversation.decode(one.encode()) == one


@given(stamps | rows | ops | acks)
def test_the_words_of_the_delta_mode_come_back(one: Stamp | Row | Op | Ack) -> None:
    assert type(one).decode(one.encode()) == one


@given(ids, large, st.lists(ops, max_size=3), st.lists(acks, max_size=3), st.lists(rows, max_size=3), commits)
def test_whole_pushes_and_answers_come_back(
    replica: str, seq: int, asked: list[Op], response: list[Ack], fed: list[Row], seen: Commit
) -> None:
    sent = DeltaPush(replica, seq, tuple(asked))
    assert DeltaPush.decode(sent.encode()) == sent
    answer = DeltaResponse(seq, tuple(response), tuple(fed), seq, seen, more=True)
    assert DeltaResponse.decode(answer.encode()) == answer


@pytest.mark.parametrize("kind", CODED)
@given(item=anything | hostile)
def test_no_value_breaks_the_reader(kind: Any, item: Any) -> None:
    assert refusal(kind.decode, item).replace("_", "").isalpha()


@pytest.mark.parametrize("kind", PARSED)
@given(header=st.text(max_size=30))
def test_no_header_breaks_the_reader(kind: Any, header: str) -> None:
    assert refusal(kind.parse, header).replace("_", "").isalpha()


@pytest.mark.parametrize(
    "header",
    [
        Capability(frozenset({"gzip", "tomb"}), 5, 6),
        Commit(7, "a1"),
        Pull(3, 1000),
        Client("sterna", "0.1.0"),
    ],
)
def test_headers_come_back(header: Any) -> None:
    assert type(header).parse(header.format()) == header


def test_a_client_and_a_server_meet_at_a_protocol_both_speak() -> None:
    assert Client("a", "1", 1, 9).common() == 1
    assert Client("a", "1", 2, 9).common() is None

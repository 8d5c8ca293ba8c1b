"""Cost of a push in Python calls per message, which does not depend on clock or load."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from devices import conversation_op, message_op
from hypothesis import given
from hypothesis import strategies as st

from sterna.server.routes.json_route import parsed
from sterna.server.sync.conflict_rules import decide
from sterna.sync.wire import BadItem, DeltaPush, Op, clean_json

MANY = 200
CALLS = 100
"""Calls to decode, validate and resolve one message once."""


def calls(work: Callable[[], Any]) -> int:
    """Count the calls that ``work`` makes, of functions written in C too."""
    counted = 0

    def count(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def body(*ops: Op) -> bytes:
    return json.dumps({"sync": DeltaPush("r", 1, ops).encode()}, ensure_ascii=False).encode()


@pytest.mark.parametrize("content", ["plain words", "Wörter, 言葉"])
def test_each_message_is_checked_once(content: str) -> None:
    raw = body(conversation_op(), *(message_op(f"m{n}", content=content, role="assistant") for n in range(MANY)))

    def work() -> None:
        text = DeltaPush.decode(parsed(raw)["sync"], is_clean=True)
        assert len(decide(text.ops, {}, now=1, sent_at=1, replica="r").writes) == MANY + 1

    assert calls(work) / MANY <= CALLS


words = st.lists(st.sampled_from(["a", "é", "\0", "\ud83d", "\ude00", '"', "\\", "u0000", "\\u0000"]), max_size=6).map(
    "".join
)
values = st.recursive(words, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2))


@given(values)
def test_a_parsed_body_is_clean_whatever_text_came_in_it(value: Any) -> None:
    """The op of a parsed body needs no second look: decoding it with one changes nothing."""
    raw = json.dumps({"kind": "s", "op": "put", "id": "c/k", "value": {"value": value}}).encode()
    result = parsed(raw)
    assert result == clean_json(json.loads(raw))
    try:
        assert Op.decode(result, is_clean=True) == Op.decode(result)
    except BadItem as error:
        raise AssertionError(error.word) from None

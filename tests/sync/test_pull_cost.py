"""Cost of each message of a page in calls of the client's Python, and invalid pages."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from sterna.sync.protocol.delta_response import InvalidResponse, decode_response, decode_rows
from sterna.sync.protocol.effects import Response
from sterna.sync.wire import DeltaResponse, Row, Stamp

MANY = 200
CALLS = 150
"""A message: decoded, checked and mapped to columns once. Looking through its value as JSON is more."""
MESSAGE = {
    "id": "m", "role": "assistant", "content": "Wörter, 言葉", "contentType": "text", "elapsed_ms": 1830,
    "timestamp": "2026-01-01T00:00:01.000Z", "has_attachments": False, "model": "acme/small",
    "input_tokens": 31, "output_tokens": 80, "total_tokens": 111, "completion_id": "gen-1", "user_message_id": "m0",
}  # fmt: skip


def page(*values: Any) -> Response:
    """An answer with messages."""
    rows = [
        Row("m", f"m{n}", "c1", n + 1, n + 1, stamp=Stamp(0, 1, "r"), value=value) for n, value in enumerate(values)
    ]
    body = {"success": True, "sync": DeltaResponse(rows=rows, cur=len(rows)).encode()}
    return Response(200, {"content-type": "application/json"}, json.dumps(body, ensure_ascii=False).encode())


def test_each_message_is_checked_once_and_mapped_straight_to_columns() -> None:
    answer = page(*[MESSAGE] * MANY)
    counted = 0

    def count(frame: object, event: str, arg: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        rows = decode_rows(decode_response(answer)[0])
    finally:
        sys.setprofile(None)
    assert [row.value["content"] for row in rows] == ["Wörter, 言葉"] * MANY
    assert counted / MANY <= CALLS


@pytest.mark.parametrize("raw", ["NaN", "-Infinity", "1e999", "[" * 600 + "]" * 600, '{"a": [1e999]}'])
def test_a_page_with_a_value_that_no_history_keeps_is_nonsense_and_never_breaks_the_reader(raw: str) -> None:
    answer = page({**MESSAGE, "annotations": "here"})
    answer = Response(200, answer.headers, answer.body.replace(b'"here"', raw.encode()))
    try:
        kept = decode_rows(decode_response(answer)[0])[0].value["annotations"]
    except InvalidResponse:
        return
    assert json.loads(kept) == json.loads(raw)  # only deep, and not too deep


@pytest.mark.parametrize(
    ("sent", "kept"),
    [('"a\\u0000b"', "ab"), ('"\\ud83d"', "\ufffd"), ('"\\ud83d\\ude00"', "😀"), ('"\\\\u0000"', "\\u0000")],
)
def test_text_that_no_database_keeps_is_cleaned_wherever_it_stands(sent: str, kept: str) -> None:
    answer = page({**MESSAGE, "content": "here", "metadata": {"k": ["here"]}})
    answer = Response(200, answer.headers, answer.body.replace(b'"here"', sent.encode()))
    value = decode_rows(decode_response(answer)[0])[0].value
    assert value is not None
    assert value["content"] == kept
    assert json.loads(value["metadata"]) == {"k": [kept]}

"""Incremental JSON parsing gives the same values and errors as the standard library, and yields to other tasks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sterna.server.errors import ApiError
from sterna.server.http import incremental_json
from sterna.server.routes import json_route
from sterna.server.routes.json_route import MAX_DEPTH, parsed, parsed_in_steps
from tests.generated import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=5),
    max_leaves=30,
)
LAYOUTS = st.sampled_from([None, 0, 1, "\t"])


def parse(body: bytes, *, in_steps: bool) -> Any:
    try:
        return asyncio.run(parsed_in_steps(body)) if in_steps else parsed(body)
    except ApiError as error:
        return error.status


@pytest.mark.parametrize("window", [1, 2, 7, 40])
def test_in_steps_it_is_the_same_value_or_no_json_either(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(incremental_json, "WINDOW", window)
    same_in_steps()


@examples(60)
@given(VALUES, LAYOUTS, st.booleans(), st.none() | st.tuples(st.integers(0, 200), st.binary(max_size=3)))
@example([1, 12, 1.3510798882109874e16, -0.5e-7, 123], None, True, None)
@example(["\0", "\ud800", {"\0": "a\udfff"}], None, True, None)
@example({"a": 1}, None, True, (1, b'"a": 2, '))
@example([1], None, True, (2, b"e999"))
@example([1], None, True, (1, b"NaN, "))
@example([1], None, True, (1, b"9" * 5000))
@example([], None, True, (1, b"[" * MAX_DEPTH + b"]" * MAX_DEPTH))
@example([], None, True, (1, b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)))
@example([], None, True, (1, b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH))
@example([], None, True, (1, b"[" * 100_000))
def same_in_steps(value: Any, indent: Any, ascii_only: bool, change: tuple[int, bytes] | None) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if change is not None:
        at, piece = change
        body = body[:at] + piece + body[at:]
    whole, pieces = parse(body, in_steps=False), parse(body, in_steps=True)
    assert repr(pieces) == repr(whole)


LARGE = {
    "lists": b"[" + b"[]," * 50_000 + b"[]]",
    "objects": b"[" + b'{"a":1},' * 50_000 + b"1]",
    "one list in another": b'{"a":[' + b"1," * 90_000 + b"1]}",
    "keys": b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}",
    "nested": b"[" + b"[[[[[[[[[[]]]]]]]]]]," * 20_000 + b"1]",
    "cleaned": b"[" + b'"\\u0000",' * 50_000 + b"1]",
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE.keys())
def test_others_run_while_a_large_body_is_parsed(body: bytes) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def parse() -> Any:
        other = asyncio.create_task(others())
        value = await parsed_in_steps(body)
        other.cancel()
        return value

    value = asyncio.run(parse())
    assert turns >= len(body) / incremental_json.WINDOW
    assert value == json_route.clean_json(json.loads(body))


@pytest.mark.parametrize("body", [b"[" + b"1," * 100_001 + b"1]", b"[" + b'{"a":[]},' * 100_001 + b"1]"])
def test_more_values_than_a_push_has_are_refused(body: bytes) -> None:
    assert parse(body, in_steps=True) == 413

"""Arrays of any size, with members that are no JSON, or none at all."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.importers import json_stream
from sterna.importers.json_stream import BrokenJson, BrokenMember, json_array
from tests.generated import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def members(text: str, *keys: str, inside: str = "") -> list[Any]:
    """Return the members of an array, those that cannot be read as their sentences, and a last error in a list."""
    found: list[Any] = []
    values = json_array(BytesIO(text.encode("utf-8", "surrogatepass")), *keys, inside=inside)
    try:
        found.extend(str(value) if isinstance(value, BrokenMember) else value for value in values)
    except BrokenJson as error:
        found.append([str(error)])
    return found


@examples(40)
@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1]), st.integers(1, 40))
def test_an_array_is_read_in_pieces_of_any_size(values: list[Any], indent: int | None, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        assert members(json.dumps(values, indent=indent)) == values
        other = {"other": values, "more": 'x]}\\"', "n": -1.5, "list": values}
        assert members(json.dumps(other, indent=indent), "list") == values
        assert members(json.dumps({"a": values, "in": other}, indent=indent), "list", inside="in") == values


@pytest.mark.parametrize(
    "broken",
    [
        '{"a": 1,}',
        '{"a": "\\x"}',
        "{a: 1}",
        '{"a": [1 2]}',
        "tru",
        '{"a": "]}\\"", b}',
        f'{{"a": {"9" * 5000}}}',
        "[" * 200_000 + "]" * 200_000,
    ],
)
def test_a_broken_member_costs_itself_only(broken: str) -> None:
    padding = " " * 40
    first, second, third = members(f'[1, {broken}, {{"b": "{padding}"}}]')
    assert (first, third) == (1, {"b": padding})
    assert second.startswith("It ")


def test_a_member_that_is_too_large_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 100)
    monkeypatch.setattr(json_stream, "LARGEST_MEMBER", 1000)
    large = json.dumps({"text": "x" * 5000, "more": ["]"] * 500})
    first, second, third = members(f"[1, {large}, 2]")
    assert (first, third) == (1, 2)
    assert "larger" in second


@pytest.mark.parametrize("cut", ['[1, {"a": "', "[1, {", "[1, [2", "[1,", "[1", '[1, "\\'])
def test_a_cut_off_file_gives_what_is_whole(cut: str) -> None:
    *whole, error = members(cut)
    assert whole == ([1] if "," in cut else [1] if cut == "[1" else [])
    assert "too early" in error[0] or "not valid" in error[0]


@pytest.mark.parametrize("text", ["", "{", "null", '"x"', "{}", '{"a": 1}'])
def test_what_is_no_array_is_refused(text: str) -> None:
    ((error,),) = members(text, "list")
    assert error.endswith(".")

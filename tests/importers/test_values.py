"""Typed access to JSON in which anything may be anything, and files inside text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.importers import values
from sterna.importers.inline import linked_file, without_thinking
from tests.generated import examples

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.just("1e999"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@examples(50)
@given(ANYTHING)
def test_any_value_is_read_as_any_type(value: object) -> None:
    assert isinstance(values.text(value), str)
    assert isinstance(values.identifier(value), str)
    assert isinstance(values.mapping(value), dict)
    assert all(isinstance(item, dict) for item in values.mappings(value))
    assert all(isinstance(item, str) for item in values.texts(values.items(value)))
    assert isinstance(values.flag(value), bool)
    assert 0 <= values.count(value) <= 2**53
    assert values.amount(value) is None or isinstance(values.amount(value), float)
    values.parsed(value)
    values.at(value, "a", "b")


@pytest.mark.parametrize(
    ("value", "number"), [(12, 12), ("12", 12), (3.0, 3), (-1, 0), (None, 0), (True, 0), (1e300, 0)]
)
def test_counts_are_whole_numbers_from_zero(value: object, number: int) -> None:
    assert values.count(value) == number


def test_reasoning_at_the_beginning_is_not_part_of_the_reply() -> None:
    assert without_thinking("<think>\nwarm\n</think>\n\nGreen.") == ("Green.", "warm")
    assert without_thinking("<think></think>Green.") == ("Green.", "")
    assert without_thinking("<think>cut off") == ("", "cut off")
    assert without_thinking("A <think> tag.") == ("A <think> tag.", "")


def test_a_data_address_becomes_a_file() -> None:
    file = linked_file("data:image/png;base64,iVBORw0KGgo")
    assert (file.name, file.media_type) == ("image.png", "image/png")
    assert file.open is not None
    assert file.open().read() == b"\x89PNG\r\n\x1a\n"
    broken = linked_file("data:image/png;base64,AAAAA", "dot.png").open
    assert broken is not None
    with pytest.raises(OSError, match="damaged"):
        broken()
    assert linked_file("https://example.org/dot.png").open is None

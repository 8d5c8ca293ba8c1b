"""Rows and lines of the list agree in both directions, whatever the groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.tui.sidebar.line_map import ROW_LINES, Lines
from sterna.tui.sidebar.queries import PAGE, pages_of, revealed

groups = st.lists(st.tuples(st.sampled_from(["", "Today", "Yesterday", "May 2026"]), st.integers(0, 7)), max_size=6)


def drawn(lines: Lines) -> list[str]:
    """Every line as it would be drawn."""
    found = []
    for line in range(lines.height):
        row = lines.row_at(line)
        if row is None:
            found.append(lines.heading_at(line) or "")
        else:
            found.append(f"{row}.{line - lines.line_of(row)}")
    return found


def expected(given: list[tuple[str, int]]) -> list[str]:
    """The same, counted out by hand."""
    found: list[str] = []
    row = 0
    for heading, count in given:
        if count and heading:
            found += ["", heading] if row else [heading]
        for _ in range(count):
            found += [f"{row}.0", f"{row}.1"]
            row += 1
    return found


@given(groups)
def test_every_line_shows_what_counting_by_hand_says(given: list[tuple[str, int]]) -> None:
    lines = Lines(given)
    assert drawn(lines) == expected(given)
    assert lines.rows == sum(count for _, count in given)


@given(groups, st.integers(0, 60), st.integers(0, 30))
def test_the_rows_in_a_window_are_those_that_its_lines_show(
    given: list[tuple[str, int]], top: int, height: int
) -> None:
    lines = Lines(given)
    shown = {row for line in range(top, top + height) if (row := lines.row_at(line)) is not None}
    assert set(lines.within(top, height)) == shown
    assert set(pages_of(lines.within(top, height))) == {row // PAGE for row in shown}


@given(groups, st.integers(0, 60), st.integers(ROW_LINES + 1, 30), st.data())
def test_a_row_that_is_revealed_is_whole_in_view_and_nothing_moves_when_it_was(
    given: list[tuple[str, int]], top: int, height: int, data: st.DataObject
) -> None:
    lines = Lines([*given, ("Today", 1)])
    row = data.draw(st.integers(0, lines.rows - 1))
    shown = revealed(lines, row, top, height)
    assert shown <= lines.line_of(row) <= shown + height - ROW_LINES
    if top <= lines.top_of(row) and lines.line_of(row) <= top + height - ROW_LINES:
        assert shown == top


def test_outside_the_list_there_is_nothing() -> None:
    lines = Lines([("Today", 2)])
    assert lines.row_at(-1) is None
    assert lines.row_at(lines.height) is None
    assert lines.heading_at(-1) is None
    with pytest.raises(IndexError):
        lines.line_of(2)
    assert list(Lines([]).within(0, 10)) == []

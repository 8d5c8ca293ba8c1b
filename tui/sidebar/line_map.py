"""Arithmetic between rows and lines of the list, with headings and gaps between groups."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

ROW_LINES = 2
"""Lines of one conversation."""


class Lines:
    """Lines of a list whose rows stand in groups, each under a heading, with a gap between two groups.

    A group without a heading has no line of its own. Groups without rows are left out.
    """

    def __init__(self, groups: Sequence[tuple[str, int]]) -> None:
        self._headings: list[str] = []
        self._first_rows: list[int] = []
        self._first_lines: list[int] = []
        self.rows = 0
        self.height = 0
        for heading, rows in groups:
            if rows <= 0:
                continue
            if heading:
                self.height += 2 if self.rows else 1
            self._headings.append(heading)
            self._first_rows.append(self.rows)
            self._first_lines.append(self.height)
            self.rows += rows
            self.height += rows * ROW_LINES

    def line_of(self, row: int) -> int:
        """Return the first line of a row. Raises IndexError when there is no such row."""
        if not 0 <= row < self.rows:
            raise IndexError(row)
        group = bisect_right(self._first_rows, row) - 1
        return self._first_lines[group] + (row - self._first_rows[group]) * ROW_LINES

    def row_at(self, line: int) -> int | None:
        """Return the row that a line shows; None for a heading, a gap, or a line outside."""
        group = bisect_right(self._first_lines, line) - 1
        if group < 0:
            return None
        row = self._first_rows[group] + (line - self._first_lines[group]) // ROW_LINES
        return row if row < self._end(group) else None

    def heading_at(self, line: int) -> str | None:
        """Return the heading that a line shows; None for any other line."""
        group = bisect_right(self._first_lines, line)
        if group < len(self._headings) and line >= 0 and self._first_lines[group] == line + 1:
            return self._headings[group] or None
        return None

    def top_of(self, row: int) -> int:
        """Return the line from which a row is visible with its heading, if it is the first under one."""
        line = self.line_of(row)
        return line - 1 if line and self.heading_at(line - 1) is not None else line

    def within(self, top: int, height: int) -> range:
        """Return the rows of which at least one line lies in a window of lines."""
        first = next((row for line in range(top, top + height) if (row := self.row_at(line)) is not None), None)
        if first is None:
            return range(0)
        lines = range(top + height - 1, top - 1, -1)
        last = next(row for line in lines if (row := self.row_at(line)) is not None)
        return range(first, last + 1)

    def near(self, line: int) -> int:
        """Return the row at a line, or the nearest one below it, or the last; zero when there is none."""
        group = bisect_right(self._first_lines, line) - 1
        if group < 0:
            return 0
        row = self._first_rows[group] + (line - self._first_lines[group]) // ROW_LINES
        return min(row, self._end(group), max(0, self.rows - 1))

    def _end(self, group: int) -> int:
        return self._first_rows[group + 1] if group + 1 < len(self._first_rows) else self.rows

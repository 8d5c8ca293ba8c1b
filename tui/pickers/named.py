"""Picker of something by its name: a persona, a snippet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.content import Content
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage.text import one_line

from .chooser import RowChooser
from .fuzzy import match

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """Line of the list."""

    name: str
    """Value that choosing it returns."""
    note: str = ""
    label: str = ""
    """Text shown instead of the name."""


class NamedPicker(RowChooser[str | None]):
    """Returns the name that was chosen, or None."""

    def __init__(self, title: str, rows: Sequence[Row], *, current: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__()
        self._title = title
        self._rows = list(rows)
        self._current = current
        self._problems = problems
        self._shown: list[Row] = []

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._list)

    def on_mount(self) -> None:
        """List everything, the current one highlighted."""
        super().on_mount()
        self.query_one("#chooser").border_title = Content(self._title)
        self.field.placeholder = "Filter"
        self.say("\n".join(one_line(problem, LONGEST) for problem in self._problems), "enter choose   esc cancel")
        self._list()

    @on(Input.Changed)
    def _list(self) -> None:
        query = self.field.value.strip()
        matches = [(match(query, f"{row.label or row.name} {row.note}"), row) for row in self._rows]
        found = [(each.score, row) for each, row in matches if each is not None]
        self._shown = [row for _, row in sorted(found, key=lambda each: -each[0])] if query else self._rows
        names = [row.name for row in self._shown]
        options = [Option(self._line(row)) for row in self._shown]
        self.fill(options, names.index(self._current) if self._current in names else 0 if options else None)

    def _line(self, row: Row) -> Content:
        name = Content(one_line(row.label or row.name, LONGEST))
        note = (f"  {one_line(row.note, LONGEST)}", "$foreground 75%") if row.note else ""
        mark = ("  current", "bold $primary") if row.name == self._current else ""
        return Content.assemble(name, mark, note).truncate(self.room, ellipsis=True)

    def choose(self, row: int) -> None:
        if row < len(self._shown):
            self.dismiss(self._shown[row].name)

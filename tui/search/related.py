"""Picker of conversations that are about the same as the open one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage import Hit, utc_now

from ..counts import counted
from ..pickers.chooser import RowChooser
from ..pickers.fuzzy import match
from .drawing import result_lines


class RelatedScreen(RowChooser[Hit | None]):
    """Returns the message that was chosen, or None."""

    TITLE = "Related conversations"
    PLACEHOLDER = "Filter by title"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+backslash", "read_beside", "Read beside", id="related.beside"),
    ]

    def __init__(self, hits: Sequence[Hit], *, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__()
        self._hits = hits
        self._clock = clock
        self._shown: list[Hit] = []
        self.is_beside = False
        """True where the chosen conversation is to be read beside the open one."""

    def on_mount(self) -> None:
        """List the conversations."""
        super().on_mount()
        self.call_after_refresh(self._list)

    @on(Input.Changed)
    def _list(self) -> None:
        query = self.field.value.strip()
        self._shown = [hit for hit in self._hits if match(query, hit.session_title) is not None]
        now = self._clock()
        options = [Option(result_lines(hit, self.room, now, None)) for hit in self._shown]
        self.fill(options, 0 if options else None)
        found = (
            f"{counted(len(self._shown), 'conversation')}." if self._hits else "No other conversation is about this."
        )
        self.say(found, "enter open   ctrl+\\ read beside   esc cancel" if self._shown else "esc cancel")

    def choose(self, row: int) -> None:
        if row < len(self._shown):
            self.dismiss(self._shown[row])

    def action_read_beside(self) -> None:
        """Choose the highlighted conversation, to be read beside the open one."""
        if self.menu.highlighted is not None:
            self.is_beside = True
            self.choose(self.menu.highlighted)

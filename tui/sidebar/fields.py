"""The two fields of the sidebar: what to filter for, and a title being changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from sterna.storage.text import title_text

from ..actions.typeahead import typeahead
from ..terminal import field_fixes as field_fixes

LEAVE_KEYS = frozenset(("enter", "escape"))

MOST_TITLE = 255
"""Characters that a title may have."""


class ListField(Input):
    """A field that gives the focus back to where it came from."""

    LEAVES: ClassVar[frozenset[str]] = LEAVE_KEYS
    """Keys that leave the field. What is typed behind them waits for where the focus goes."""

    _came_from: Widget | None = None

    def on_mount(self) -> None:
        """Remember what had the focus before, to come back to it."""
        self.watch(self.screen, "focused", self._focus_moved, init=False)

    def _focus_moved(self, before: Widget | None, now: Widget | None) -> None:
        if now is self and before is not None:
            self._came_from = before

    def give_back_focus(self, otherwise: Widget) -> None:
        """Put the focus where it was before this field had it, or elsewhere where that is not possible."""
        back, self._came_from = self._came_from, None
        usable = back is not None and back.is_attached and back.focusable
        self.screen.set_focus(back if usable else otherwise)


class FilterInput(ListField):
    """Filters the list as it is typed into."""

    DEFAULT_CSS = """
    FilterInput {
        background: transparent;
        width: 100%;
        margin: 0 0 1 0;

        &.-textual-compact { padding: 0 2 0 3; }

        &:focus { background: $foreground 6%; background-tint: transparent; }
        &.-active { color: $primary; text-style: bold; }
        & > .input--placeholder { color: $foreground 75%; }
    }
    """

    count: reactive[int | None] = reactive(None)
    """Conversations in the list."""

    def __init__(self) -> None:
        super().__init__(placeholder="/ filter", compact=True, select_on_focus=False)

    @property
    def wanted(self) -> str:
        """What to look for; empty for everything."""
        return self.value.strip()

    def watch_value(self, value: str) -> None:
        """Show that the list is filtered."""
        self.set_class(bool(value.strip()), "-active")

    def watch_count(self, count: int | None) -> None:
        """Say how many there are to filter."""
        if not self.wanted:
            self.placeholder = f"/ filter {count:,}" if count else "/ filter"


class TitleInput(ListField):
    """Lies over the title of a row while it is changed. What is typed stays, whatever the list does under it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", show=False, id="rename.cancel")]

    DEFAULT_CSS = """
    TitleInput {
        display: none;
        layer: edit;
        position: absolute;
        background: $background;
        &:focus { background: $background; background-tint: transparent; }
    }
    """

    @dataclass
    class Cancelled(Message):
        """Escape was pressed."""

    @dataclass
    class Left(Message):
        """The focus went elsewhere in the program."""

    def __init__(self) -> None:
        super().__init__(compact=True, max_length=MOST_TITLE)
        self.session_id: str | None = None
        """The conversation whose title this is; None while the field is not shown."""
        self._before = ""

    @property
    def is_open(self) -> bool:
        """A title is being changed."""
        return self.session_id is not None

    @property
    def changed(self) -> bool:
        """What is typed is not what was there."""
        return self.value.strip(" ") != self._before

    def open(self, session_id: str, title: str) -> None:
        """Show the field with a title to change."""
        self.session_id = session_id
        self.value = title_text(title)
        self._before = self.value.strip(" ")
        self.display = True
        typeahead(self.app).focus(self)

    def close(self) -> None:
        """Hide the field."""
        self.session_id = None
        self.display = False

    def action_cancel(self) -> None:
        """Leave the title as it was."""
        self.post_message(self.Cancelled())

    def on_blur(self, event: events.Blur) -> None:
        """Tell that the person went on; not when only the terminal's window lost the focus."""
        if self.is_open and self.app.app_focus:
            self.post_message(self.Left())

"""Fields of the sidebar: the filter, and the title that is being edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from sterna.storage import StoreThread
from sterna.storage.text import title_text

from ..actions.typeahead import typeahead
from ..terminal import field_fixes as field_fixes
from .conditions import ConditionSuggester

LEAVE_KEYS = frozenset(("enter", "escape"))

MOST_TITLE = 255
"""Most characters of a title."""


def _takes_focus(widget: Widget) -> bool:
    """Return whether a widget is there, in sight and takes keys: Textual also focuses inside a hidden parent."""
    shown = all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
    return widget.is_attached and widget.focusable and shown


class ListField(Input):
    """Field that gives the focus back to where it came from."""

    LEAVES: ClassVar[frozenset[str]] = LEAVE_KEYS
    """Keys that leave the field. What is typed behind them waits for where the focus goes."""
    HINTS: ClassVar[tuple[str, str]]
    """Words in the status line for enter and escape."""

    _came_from: Widget | None = None

    def on_mount(self) -> None:
        """Remember which widget had the focus before."""
        self.watch(self.screen, "focused", self._focus_moved, init=False)

    def _focus_moved(self, before: Widget | None, now: Widget | None) -> None:
        gives_back = isinstance(before, ListField) and before._came_from is None
        if now is self and before is not None and not gives_back:
            self._came_from = before

    def give_back_focus(self, otherwise: Widget) -> None:
        """Put the focus where it was before this field had it, or on ``otherwise`` where that is not possible."""
        origin, self._came_from = self._came_from, None
        self.screen.set_focus(origin if origin is not None and _takes_focus(origin) else otherwise)


class FilterInput(ListField):
    """Filters the list as it is typed into."""

    HINTS: ClassVar[tuple[str, str]] = ("open", "clear filter")

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
    """Number of conversations in the list."""

    def __init__(self, store: StoreThread) -> None:
        super().__init__(
            placeholder="/ filter", compact=True, select_on_focus=False, suggester=ConditionSuggester(store)
        )

    @property
    def text(self) -> str:
        """Text to filter by; empty for everything."""
        return self.value.strip()

    def watch_value(self, value: str) -> None:
        """Show that the list is filtered."""
        self.set_class(bool(value.strip()), "-active")

    def watch_count(self, count: int | None) -> None:
        """Show how many there are to filter."""
        if not self.text:
            self.placeholder = f"/ filter {count:,}" if count else "/ filter"


class TitleInput(ListField):
    """Lies over the title of a row while it is edited. Typed text stays, whatever the list does under it."""

    HINTS: ClassVar[tuple[str, str]] = ("save", "cancel")

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
        """The focus went to another widget."""

    def __init__(self) -> None:
        super().__init__(compact=True, max_length=MOST_TITLE)
        self.conversation_id: str | None = None
        """Conversation whose title is edited; None while the field is hidden."""
        self._before = ""

    @property
    def is_open(self) -> bool:
        """True while a title is edited."""
        return self.conversation_id is not None

    @property
    def changed(self) -> bool:
        """True when the text is not the title that was there."""
        return self.value.strip(" ") != self._before

    def open(self, conversation_id: str, title: str) -> None:
        """Show the field with a title to edit."""
        self.conversation_id = conversation_id
        self.value = title_text(title)
        self._before = self.value.strip(" ")
        self.display = True
        typeahead(self.app).focus(self)

    def close(self) -> None:
        """Hide the field."""
        self.conversation_id = None
        self.display = False

    def action_cancel(self) -> None:
        """Keep the old title."""
        self.post_message(self.Cancelled())

    def on_blur(self, event: events.Blur) -> None:
        """Post that the focus went elsewhere, not when only the terminal's window lost it."""
        if self.is_open and self.app.app_focus:
            self.post_message(self.Left())

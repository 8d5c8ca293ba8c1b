"""Base of a picker: a field that filters, the list, and a line with the status.

The field keeps the focus: arrows move in the list while the user types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ..actions.typeahead import typeahead
from ..dialogs.menu import Menu
from ..dialogs.panels import STYLES, Frame
from ..terminal import field_fixes as field_fixes

Chosen = TypeVar("Chosen")


class Chooser(ModalScreen[Chosen], Generic[Chosen]):
    """Screen that returns what was chosen, or None."""

    CSS_PATH = STYLES

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back", id="chooser.cancel"),
        Binding("down,j,ctrl+n", "move(1)", "Down", show=False, id="chooser.down"),
        Binding("up,k,ctrl+p", "move(-1)", "Up", show=False, id="chooser.up"),
        Binding("pagedown", "move_page(1)", "A page down", show=False, id="chooser.page_down"),
        Binding("pageup", "move_page(-1)", "A page up", show=False, id="chooser.page_up"),
    ]

    TITLE: ClassVar[str] = ""
    PLACEHOLDER: ClassVar[str] = ""

    AUTO_FOCUS = ""  # the field takes the focus once what was typed ahead is there

    field = query_one(Input)
    menu = query_one(Menu)
    note = query_one("#note", Static)

    def compose(self) -> ComposeResult:
        """Compose field, list and status line."""
        with Frame(self.TITLE, id="chooser"):
            yield self.make_field()
            yield Menu(markup=False, classes="-driven")
            yield Static(id="note", markup=False)

    def make_field(self) -> Input:
        """Return the field."""
        return Input(placeholder=self.PLACEHOLDER)

    def on_mount(self) -> None:
        """Focus the field and put into it what was typed before it was there."""
        typeahead(self.app).focus(self.field)

    def on_key(self, event: events.Key) -> None:
        """Hold keys back until the field has the focus."""
        if self.focused is None:
            typeahead(self.app).keep(event)

    @property
    def is_there(self) -> bool:
        """False once the screen is being removed: the list goes first, and results may still arrive."""
        return self.is_attached and bool(self.query(Menu))

    @property
    def room(self) -> int:
        """Width of a line of the list, in cells."""
        return max(10, self.menu.scrollable_content_region.width - 3)

    def fill(self, options: list[Option], highlighted: int | None) -> None:
        """Show options, one of them highlighted."""
        if not self.is_there:
            return
        with self.app.batch_update():
            self.menu.clear_options()
            self.menu.add_options(options)
            self.menu.highlighted = highlighted

    def say(self, sentence: str, keys: str) -> None:
        """Show a status, and in the frame the keys that make sense now."""
        if self.is_there:
            self.note.update(Content(sentence))
            self.note.display = bool(sentence)
            self.query_one("#chooser", Frame).show_keys(keys)

    @on(OptionList.OptionSelected)
    def choose_option(self, event: OptionList.OptionSelected) -> None:
        """Act on the line that was clicked, unless typing has filled the list anew since then."""
        menu, line = event.option_list, event.option_index
        if line < menu.option_count and menu.get_option_at_index(line).prompt == event.option.prompt:
            self.choose_line(line)

    def choose_line(self, line: int) -> None:
        """Act on a line that was clicked."""

    def action_move(self, by: int) -> None:
        """Move in the list, without wrapping around."""
        step = self.menu.action_cursor_down if by > 0 else self.menu.action_cursor_up
        ends = [index for index, option in enumerate(self.menu.options) if not option.disabled]
        if ends and self.menu.highlighted != (ends[-1] if by > 0 else ends[0]):
            step()

    def action_move_page(self, by: int) -> None:
        """Move a page in the list."""
        move: Callable[[], None] = self.menu.action_page_down if by > 0 else self.menu.action_page_up
        move()

    def action_cancel(self) -> None:
        """Return nothing."""
        self.dismiss(None)


class RowChooser(Chooser[Chosen]):
    """Picker in which enter chooses the highlighted row, and a click the one that was clicked."""

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Choose the highlighted row."""
        if self.menu.highlighted is not None:
            self.choose(self.menu.highlighted)

    def choose_line(self, line: int) -> None:
        """Choose the row that was clicked."""
        self.choose(line)

    def choose(self, row: int) -> None:
        """Return what stands in a row. A click may come for a row that is gone: then there is nothing to return."""
        raise NotImplementedError

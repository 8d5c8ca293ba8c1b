"""Dialogs and sheets as one family: a frame with its title above, its keys below, and a body that scrolls.

Nothing here is imported before the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label, RadioButton, TextArea

from sterna.storage.text import clean

Result = TypeVar("Result")

GAP = "   "
"""Space between two keys in a border."""
CORNERS = 6
"""Cells of a border beside its text."""

STYLES = str(Path(__file__).with_name("panels.tcss"))


class Panel(VerticalScroll, can_focus=False):
    """Frame of a dialog. Its title and keys stand in the border, so they stay while the body scrolls."""

    def __init__(self, title: str, *children: Widget, keys: str = "esc cancel", classes: str = "") -> None:
        super().__init__(*children, classes=classes)
        self.border_title = Content(clean(title, newlines=False))
        self._keys = keys

    def show_keys(self, keys: str) -> None:
        """Show other keys, as far as they fit."""
        self._keys = keys
        self.border_subtitle = fitting_keys(keys, self)

    def on_resize(self) -> None:
        """Show the keys that fit."""
        self.show_keys(self._keys)


class Frame(Vertical):
    """Frame whose parts scroll each by itself."""

    def __init__(self, title: str, *children: Widget, keys: str = "esc close", id: str | None = None) -> None:
        super().__init__(*children, id=id)
        self.border_title = Content(clean(title, newlines=False))
        self._keys = keys

    def show_keys(self, keys: str) -> None:
        """Show other keys, as far as they fit."""
        self._keys = keys
        self.border_subtitle = fitting_keys(keys, self)

    def on_resize(self) -> None:
        """Show the keys that fit."""
        self.show_keys(self._keys)


class Sheet(Frame):
    """Frame as large as the screen allows."""


class Columns(Container):
    """Groups of fields, beside each other where the screen is wide."""


class Page(Panel, can_focus=True):
    """Panel of text: it has the focus itself, so that the arrow keys scroll it."""


class Dialog(ModalScreen[Result]):
    """Screen with one :class:`Panel`; the page keys scroll it wherever the focus is."""

    CSS_PATH = STYLES

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "scroll_panel(1)", "Scroll down", show=False),
        Binding("pageup", "scroll_panel(-1)", "Scroll up", show=False),
    ]

    def show_top(self) -> None:
        """Show the panel from its beginning: the first focus scrolls the heading above it away."""
        self.call_after_refresh(self.query_one(Panel).scroll_home, animate=False)

    def action_scroll_panel(self, pages: int) -> None:
        """Scroll the body by a page."""
        panel = self.query_one(Panel)
        panel.scroll_relative(y=pages * max(1, panel.scrollable_content_region.height - 1), animate=False)


class Field(Input):
    """Text field with its label in the frame."""

    def __init__(self, label: str, value: str | None = None, *, hint: str = "", **options: object) -> None:
        super().__init__(value, **options)  # type: ignore[arg-type]
        self.border_title = Content(label)
        self.border_subtitle = Content(hint)


class TextField(TextArea):
    """Text field of several lines with its label in the frame."""

    def __init__(self, label: str, text: str = "", *, placeholder: str = "") -> None:
        super().__init__(text, soft_wrap=True, tab_behavior="focus", placeholder=placeholder)
        self.border_title = Content(label)
        self.highlight_cursor_line = False


class CheckField(Checkbox):
    """Checkbox drawn as ``[x]`` or ``[ ]``: visible without colour, and when it is not set."""

    def __init__(self, label: str, value: bool = False, *, name: str | None = None) -> None:
        super().__init__(Content(label), value, name=name, compact=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that the label needs."""
        return self.render().get_height(self.styles.get_rules(), width)

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--button")
        return Content.assemble(("[x]" if self.value else "[ ]", style))


class ChoiceField(RadioButton):
    """One of several choices, drawn as ``(•)`` or ``( )``: visible without colour."""

    def __init__(self, label: str, value: bool = False, *, name: str | None = None) -> None:
        super().__init__(Content(label), value, name=name, compact=True)

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--button")
        return Content.assemble(("(•)" if self.value else "( )", style))


class Buttons(Horizontal):
    """Row of buttons at the right end; in a narrow terminal they stand below each other."""

    def __init__(self, *buttons: tuple[str, str] | tuple[str, str, str]) -> None:
        """Take ``(id, label)`` or ``(id, label, "primary" | "error")`` for each."""
        super().__init__(classes="buttons")
        self._buttons: Iterable[tuple[str, ...]] = buttons

    def compose(self) -> ComposeResult:
        """Compose the buttons."""
        for name, label, *variant in self._buttons:
            kind = variant[0] if variant else "default"
            yield Button(Content(label), id=name, variant=kind, compact=True)  # type: ignore[arg-type]


def fitting_keys(keys: str, frame: Widget) -> Content:
    """Return keys for the border of a frame; where not all fit, the first and the last stay longest."""
    parts = keys.split(GAP)
    while len(parts) > 1 and cell_len(GAP.join(parts)) > frame.outer_size.width - CORNERS:
        parts.pop(-2)
    return Content(GAP.join(parts))


def heading(text: str) -> Label:
    """Return the heading of a group of fields."""
    return Label(Content(text), classes="section")


def sentence(text: str, *, id: str | None = None, classes: str = "") -> Label:
    """Return text of any origin as a paragraph of a panel, never as markup."""
    return Label(Content(clean(text)), markup=False, id=id, classes=f"sentence {classes}".strip())

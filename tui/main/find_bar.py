"""Field that finds text in the open conversation, with the place where the search stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.message import Message
from textual.widgets import Input, Label

from ..actions.typeahead import typeahead
from ..counts import counted
from ..sidebar.fields import ListField


class FindInput(ListField):
    """Text to find. Enter goes on to the messages, where n and N step."""

    HINTS: ClassVar[tuple[str, str]] = ("to the matches", "close")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False, id="find.close"),
        Binding("down,ctrl+f,ctrl+n", "step(1)", "Next", show=False, id="find.next"),
        Binding("up,ctrl+p", "step(-1)", "Previous", show=False, id="find.previous"),
    ]

    def action_close(self) -> None:
        """End the search."""
        self.post_message(FindBar.Closed())

    def action_step(self, by: int) -> None:
        """Go to another match; the field keeps the focus."""
        self.post_message(FindBar.Stepped(by))


class FindBar(Horizontal):
    """One line over the prompt."""

    DEFAULT_CSS = """
    FindBar {
        height: 1;
        padding: 0 2;
        background: $panel;
        display: none;

        & Label { color: $primary; padding: 0 1 0 0; }
        & FindInput {
            width: 1fr;
            padding: 0;
            background: transparent;
            &:focus { background: transparent; background-tint: transparent; }
            & > .input--placeholder { color: $foreground 75%; }
        }
        & #find-place { color: $foreground 85%; padding: 0 0 0 1; }
    }
    """

    @dataclass
    class Changed(Message):
        """The text changed."""

        text: str

    @dataclass
    class Stepped(Message):
        """Another match is wanted."""

        by: int

    class Accepted(Message):
        """Enter was pressed."""

    class Closed(Message):
        """The search is to end."""

    field = query_one(FindInput)

    def compose(self) -> ComposeResult:
        """Compose the field and the place."""
        yield Label("Find")
        yield FindInput(placeholder="in this conversation", compact=True, select_on_focus=True)
        yield Label("", id="find-place", markup=False)

    def open(self) -> None:
        """Show the field, its text ready to be typed over."""
        self.display = True
        self.field.select_all()
        typeahead(self.app).focus(self.field)

    def show_place(self, number: int, total: int, keys: str) -> None:
        """Show on which match the search stands; ``keys`` step from the messages."""
        if not self.field.value.strip():
            text = ""
        elif not total:
            text = "no matches"
        else:
            text = f"{number:,} of {counted(total, 'match', 'matches')}"
        hint = f"   {keys}" if total > 1 and self.size.width >= 60 else ""
        self.query_one("#find-place", Label).update(Content.assemble(text, (hint, "$foreground 75%")))

    @on(Input.Changed)
    def _post_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _post_accepted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Accepted())

"""List of completions above the prompt, which keeps the focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ..dialogs.menu import Menu

ARROWS = "\u2191 \u2193"


class CompletionList(Menu, can_focus=False):
    """Shows completions; a click chooses one."""

    @dataclass
    class Chosen(Message):
        """A line was clicked."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, classes="-driven")
        keys = [("enter", "choose"), (ARROWS, "move"), ("esc", "close")]
        hints = Content("   ").join(Content.assemble((key, "$primary"), f" {word}") for key, word in keys)
        self.border_subtitle = Content.assemble(" ", hints)  # in line with the candidates

    def fill(self, lines: Sequence[Content]) -> None:
        """Show these lines, the first one highlighted."""
        with self.app.batch_update():
            self.clear_options()
            self.add_options([Option(line) for line in lines])
            self.highlighted = 0
            self.display = True

    def move(self, by: int) -> None:
        """Move the highlight, from the last line to the first one and back."""
        if self.highlighted is not None and self.option_count:
            self.highlighted = (self.highlighted + by) % self.option_count

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(event.option_index))

    @on(OptionList.OptionHighlighted)
    def _keep(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

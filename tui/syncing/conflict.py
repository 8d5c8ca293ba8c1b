"""Two texts of the same thing, and which of them is to stand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from storage import Conflict
from storage.text import clean, clip, one_line

SHOWN = 20_000
"""Characters of each text that are shown."""

NAMES = {"c": "Title", "m": "Message", "s": "Setting"}


class ConflictDialog(ModalScreen[Literal["use", "dismiss"] | None]):
    """Returns ``use`` for the text that lost, ``dismiss`` for the one that stands, None for neither."""

    CSS_PATH = str(Path(__file__).parents[1] / "sheets.tcss")

    BINDINGS = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, conflict: Conflict) -> None:
        super().__init__()
        self._conflict = conflict

    def compose(self) -> ComposeResult:
        """Both texts, and three buttons."""
        one = self._conflict
        theirs = "Nothing: it was deleted." if one.theirs is None else clean(clip(one.theirs, SHOWN))
        with Vertical(classes="dialog"):
            yield Label(Content(f"{NAMES[one.kind]} in “{one_line(one.title, 80)}”"), classes="title")
            with VerticalScroll(classes="texts"):
                yield Static(Content("What was written here, and lost"), classes="note")
                yield Static(Content(clean(clip(one.mine, SHOWN))), classes="text")
                yield Static(Content("What stands there now"), classes="note")
                yield Static(Content(theirs), classes="text")
            with Horizontal(classes="buttons"):
                yield Button("Back", id="back", compact=True)
                yield Button("Keep what stands", id="dismiss", compact=True)
                yield Button("Use the other one", id="use", variant="primary", compact=True)

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return what was pressed."""
        chosen: dict[str | None, Literal["use", "dismiss"]] = {"use": "use", "dismiss": "dismiss"}
        self.dismiss(chosen.get(event.button.id))

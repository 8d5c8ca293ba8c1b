"""Conflict of two versions of a title, message or setting: shows both and asks which one to keep."""

from __future__ import annotations

from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Button

from sterna.storage import Conflict
from sterna.storage.text import clip, one_line

from ..dialogs.panels import Buttons, Dialog, Panel, sentence

SHOWN = 20_000
"""Most characters of each text."""

NAMES = {"c": "Title", "m": "Message", "s": "Setting"}


class ConflictDialog(Dialog[Literal["use", "dismiss"] | None]):
    """Returns ``use`` for this device's version, ``dismiss`` for the current one, None for neither."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, conflict: Conflict) -> None:
        super().__init__()
        self._conflict = conflict

    def compose(self) -> ComposeResult:
        """Compose both texts, and three buttons."""
        conflict = self._conflict
        theirs = "Deleted." if conflict.theirs is None else clip(conflict.theirs, SHOWN)
        with Panel(
            f"{NAMES[conflict.kind]} in “{one_line(conflict.title, 80)}”", keys="pgdn scroll   tab choose   esc cancel"
        ):
            yield sentence("This device's version", classes="note")
            yield sentence(clip(conflict.mine, SHOWN), classes="text")
            yield sentence("Current version", classes="note")
            yield sentence(theirs, classes="text")
            yield Buttons(
                ("back", "Cancel"), ("dismiss", "Keep current"), ("use", "Restore this device's version", "primary")
            )

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the version that was chosen."""
        chosen: dict[str | None, Literal["use", "dismiss"]] = {"use": "use", "dismiss": "dismiss"}
        self.dismiss(chosen.get(event.button.id))

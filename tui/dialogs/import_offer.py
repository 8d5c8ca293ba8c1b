"""Question what to do with a dropped path that is a history of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button

from sterna.storage.text import one_line

from .panels import Buttons, Dialog, Panel, sentence

Choice = Literal["import", "attach", "text"]


class ImportOffer(Dialog[Choice | None]):
    """Returns what to do with the path, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel"), ("i", "dismiss('import')", "Import")]

    def __init__(self, path: Path, labels: list[str]) -> None:
        super().__init__()
        self._path = path
        self._labels = labels
        self._other: tuple[str, str] = ("text", "Insert as text") if path.is_dir() else ("attach", "Attach")

    def compose(self) -> ComposeResult:
        """Compose the question and the buttons."""
        programs = " and ".join(one_line(label, 40) for label in self._labels[:3])
        with Panel("Import conversations?", keys="i import   esc cancel"):
            yield sentence(f"{one_line(self._path.name, 60)} has conversations of {programs}.")
            yield Buttons(("cancel", "Cancel"), self._other, ("import", "Import", "primary"))

    def on_mount(self) -> None:
        """Begin at the usual answer."""
        self.query_one("#import", Button).focus()

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the answer."""
        name = event.button.id
        self.dismiss(name if name in ("import", "attach", "text") else None)  # type: ignore[arg-type]

"""Dialog that asks in which format and where conversations are exported, and shows how that begins."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Input, Label, RadioSet, Static

from sterna.exporters.registry import FORMATS
from sterna.storage.errors import StoreError
from sterna.storage.text import clean, one_line

from ..counts import counted
from ..terminal import field_fixes as field_fixes
from .panels import Buttons, ChoiceField, Dialog, Field, Panel, sentence

MARKDOWN = "markdown"
ORDER = (MARKDOWN, *(name for name in FORMATS if name != MARKDOWN))
SUFFIXES = frozenset(entry.suffix for entry in FORMATS.values())


class ExportChoice(NamedTuple):
    """Answer of the dialog."""

    path: Path
    form: str


class ExportDialog(Dialog[ExportChoice | None]):
    """Returns a format and the path of a file or folder that does not exist yet, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel")]

    def __init__(
        self, suggestion: Path, conversations: int, preview: Callable[[str], Awaitable[str]] | None = None
    ) -> None:
        super().__init__()
        self._suggestion = suggestion
        self._conversations = conversations
        self._preview = preview
        self.form = MARKDOWN

    def compose(self) -> ComposeResult:
        """Compose the field, the formats, the preview and the buttons."""
        title = "Export conversation" if self._conversations == 1 else f"Export {self._conversations:,} conversations"
        with Panel(title, keys="enter export   tab format   esc cancel"):
            yield Field("Save to", str(self._suggestion))
            with RadioSet(id="formats"):
                for name in ORDER:
                    yield ChoiceField(FORMATS[name].label, name == MARKDOWN, name=name)
            yield sentence("", id="about", classes="note")
            yield Static(Content(""), id="preview", classes="text -beginning")
            yield sentence("", id="answer", classes="answer")
            yield Buttons(("cancel", "Cancel"), ("export", "Export", "primary"))

    def on_mount(self) -> None:
        """Show what the first format is like."""
        self._show()
        self.query_one(Input).focus()
        self.show_top()

    @on(RadioSet.Changed)
    def choose(self, event: RadioSet.Changed) -> None:
        """Take another format, and give the file the end of its name."""
        self.form = str(event.pressed.name)
        field = self.query_one(Input)
        path = Path(field.value)
        stem = path.with_suffix("") if path.suffix in SUFFIXES else path
        field.value = str(stem) + ("" if self._is_folder else FORMATS[self.form].suffix)
        self._show()

    @property
    def _is_folder(self) -> bool:
        return self.form == MARKDOWN and self._conversations > 1

    @work(group="preview", exclusive=True)
    async def _show(self) -> None:
        about = self.query_one("#about", Label)
        about.display = self._is_folder
        files = counted(self._conversations, "file")
        about.update(Content(f"{files} in a new folder, or one file where the name ends in .md."))
        try:
            text = await self._preview(self.form) if self._preview is not None else ""
        except StoreError as error:
            text = str(error)
        for preview in self.query("#preview").results(Static):  # none once the dialog was closed
            preview.display = bool(text)
            preview.update(Content(clean(text)))

    @on(Input.Submitted)
    def submit(self) -> None:
        """Return the path if something new can be written there."""
        text = self.query_one(Input).value.strip()
        path = Path(os.path.expanduser(text))
        if not text:
            self._answer("Type the name of a file.")
        elif os.path.exists(path):
            self._answer(f"{path} exists already. Choose another name.")
        elif not os.path.isdir(path.parent):
            self._answer(f"There is no folder {path.parent}.")
        else:
            self.dismiss(ExportChoice(path, self.form))

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Export, or cancel."""
        if event.button.id == "export":
            self.submit()
        else:
            self.dismiss(None)

    def _answer(self, text: str) -> None:
        answer = self.query_one("#answer", Label)
        answer.display = True
        answer.update(one_line(text))

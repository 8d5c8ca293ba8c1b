"""Dialog that asks where conversations are exported to."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, Label

from sterna.storage.text import one_line

from ..counts import counted
from ..terminal import field_fixes as field_fixes
from .panels import Buttons, Dialog, Field, Panel, sentence


class ExportDialog(Dialog[Path | None]):
    """Returns the path of a file or folder that does not exist yet, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel")]

    def __init__(self, suggestion: Path, conversations: int) -> None:
        super().__init__()
        self._suggestion = suggestion
        self._conversations = conversations

    def compose(self) -> ComposeResult:
        """Compose the question, the field and the buttons."""
        title = "Export conversation" if self._conversations == 1 else f"Export {self._conversations:,} conversations"
        with Panel(title, keys="enter export   esc cancel"):
            if self._conversations == 1:
                yield sentence("It is written as Markdown. sterna export writes JSON too.")
            else:
                files = counted(self._conversations, "file")
                yield sentence(f"{files} of Markdown in a new folder, or one file where the name ends in .md.")
            yield Field("Save to", str(self._suggestion))
            yield sentence("", id="answer", classes="answer")
            yield Buttons(("cancel", "Cancel"), ("export", "Export", "primary"))

    @on(Input.Submitted)
    def submit(self) -> None:
        """Return the path if something new can be written there."""
        text = self.query_one(Input).value.strip()
        path = Path(text).expanduser()
        if not text:
            self._answer("Type the name of a file.")
        elif path.exists():
            self._answer(f"{path} exists already. Choose another name.")
        elif not path.parent.is_dir():
            self._answer(f"There is no folder {path.parent}.")
        else:
            self.dismiss(path)

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

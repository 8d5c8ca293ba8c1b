"""Questions that are asked before something is deleted or sent."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, Label

from sterna.storage.text import one_line

from ..counts import counted
from ..terminal import field_fixes as field_fixes
from .panels import Buttons, Dialog, Field, Panel, sentence


class Confirm(Dialog[bool]):
    """Question that is answered with yes or cancelled; the cancel button has the focus."""

    BINDINGS = [("escape", "dismiss(False)", "Cancel"), ("y", "dismiss(True)", "Yes"), ("n", "dismiss(False)", "No")]

    def __init__(self, title: str, question: str, yes: str, *, danger: bool = True) -> None:
        super().__init__()
        self._title, self._question, self._yes = title, question, yes
        self._variant = "error" if danger else "primary"

    def compose(self) -> ComposeResult:
        """Compose the question and two buttons."""
        with Panel(self._title, keys="y yes   n no   esc cancel"):
            yield sentence(self._question)
            yield Buttons(("no", "Cancel"), ("yes", self._yes, self._variant))

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the answer."""
        self.dismiss(event.button.id == "yes")


class ConfirmClear(Dialog[bool]):
    """Question before everything is deleted: it is agreed to by typing the number of conversations."""

    BINDINGS = [("escape", "dismiss(False)", "Cancel")]

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def compose(self) -> ComposeResult:
        """Compose the question and the field."""
        what = "the only conversation" if self._count == 1 else f"all {counted(self._count, 'conversation')}"
        with Panel(f"Delete {what}?", keys="enter delete   esc cancel"):
            yield sentence(f"Type {self._count} or “clear” to confirm. You can undo this.", id="asked")
            yield Field("Confirm")

    @on(Input.Submitted)
    def answer(self, event: Input.Submitted) -> None:
        """Accept only the number or the word."""
        typed = event.value.strip().lower().replace(",", "")
        if typed in (str(self._count), "clear"):
            self.dismiss(True)
        else:
            self.query_one("#asked", Label).update(
                f"“{one_line(typed, 20)}” is neither {self._count} nor “clear”. Nothing was deleted."
            )

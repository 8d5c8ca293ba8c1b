"""Small dialogs: each returns a value and touches nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, Label

from sterna.storage.text import one_line

from ..terminal import field_fixes as field_fixes
from .panels import Buttons, Dialog, Field, Panel, TextField, sentence


class Confirm(Dialog[bool]):
    """Question that is answered with yes, or left; the way back has the focus."""

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
        """Compose what would happen, and where to type."""
        what = "the only conversation" if self._count == 1 else f"all {self._count:,} conversations"
        with Panel(f"Delete {what}?", keys="enter delete   esc cancel"):
            yield sentence(f"Type {self._count} or “clear” to confirm. You can undo this.", id="asked")
            yield Field("Confirm")

    @on(Input.Submitted)
    def answer(self, event: Input.Submitted) -> None:
        """Agree only to the number or the word."""
        typed = event.value.strip().lower().replace(",", "")
        if typed in (str(self._count), "clear"):
            self.dismiss(True)
        else:
            self.query_one("#asked", Label).update(
                f"“{one_line(typed, 20)}” is neither {self._count} nor “clear”. Nothing was deleted."
            )


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """What a conversation sends to the model besides its messages."""

    system_prompt: str
    temperature: float | None


class ConversationDialog(Dialog[ConversationSettings | None]):
    """System prompt and temperature of one conversation."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel"), ("f4", "save", "Save")]

    def __init__(self, current: ConversationSettings, default: ConversationSettings) -> None:
        super().__init__()
        self._current, self._default = current, default

    def compose(self) -> ComposeResult:
        """Compose two fields and two buttons."""
        usual = self._default.temperature
        temperature = self._current.temperature
        with Panel("Conversation settings", keys="f4 save   esc cancel"):
            yield TextField(
                "Instructions for the model (system prompt)",
                self._current.system_prompt,
                placeholder=one_line(self._default.system_prompt, 200),
            )
            yield Field(
                "Temperature",
                "" if temperature is None else f"{temperature:g}",
                placeholder="model default" if usual is None else f"{usual:g} (from the settings)",
            )
            yield sentence("0 = focused, 2 = creative. Blank = model default.", id="note", classes="note")
            yield Buttons(("no", "Cancel"), ("yes", "Save", "primary"))

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_save(self) -> None:
        """Return both values, or say what is wrong with the number."""
        field = self.query_one(Field)
        typed = field.value.strip().replace(",", ".")
        try:
            temperature = float(typed) if typed else None
        except ValueError:
            temperature = -1.0
        if temperature is not None and not 0 <= temperature <= 2:
            field.add_class("-invalid")
            self.query_one("#note", Label).update(
                f"“{one_line(typed, 12)}” is not a number from 0 to 2. Nothing was changed."
            )
            return
        self.dismiss(ConversationSettings(self.query_one(TextField).text.strip(), temperature))

    @on(Button.Pressed, "#no")
    def leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

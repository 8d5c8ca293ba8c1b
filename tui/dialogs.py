"""Small dialogs: each returns a value and touches nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static, TextArea

from storage.text import clean, one_line


class Confirm(ModalScreen[bool]):
    """A question with a way back that has the focus."""

    CSS_PATH = "sheets.tcss"

    BINDINGS = [("escape", "dismiss(False)", "Back"), ("y", "dismiss(True)", "Yes"), ("n", "dismiss(False)", "No")]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question, self._yes = question, yes

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(Content(clean(self._question)))
            with Horizontal(classes="buttons"):
                yield Button("Back", id="no", compact=True)
                yield Button(self._yes, id="yes", variant="error", compact=True)

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return what was pressed."""
        self.dismiss(event.button.id == "yes")


class ConfirmClear(ModalScreen[bool]):
    """Everything is to be deleted: the person types that they mean it."""

    CSS_PATH = "sheets.tcss"

    BINDINGS = [("escape", "dismiss(False)", "Back")]

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def compose(self) -> ComposeResult:
        """What would happen, and where to type."""
        number = f"{self._count:,}"
        what = "the one conversation" if self._count == 1 else f"all {number} conversations"
        with Vertical(classes="dialog"):
            yield Label(Content(f"Delete {what}?"), classes="title")
            yield Static(Content(f"Type {self._count} or “clear”, then enter. Undo brings everything back."))
            yield Input(placeholder="escape goes back", compact=True)

    @on(Input.Submitted)
    def answer(self, event: Input.Submitted) -> None:
        """Agree only to the number or the word."""
        typed = event.value.strip().lower().replace(",", "")
        if typed in (str(self._count), "clear"):
            self.dismiss(True)
        else:
            self.query_one(Static).update(
                Content(f"“{one_line(typed, 20)}” is neither {self._count} nor “clear”. Nothing was deleted.")
            )


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """What a conversation tells the model besides its messages."""

    system_prompt: str
    temperature: float | None


class ConversationDialog(ModalScreen[ConversationSettings | None]):
    """The system prompt and the temperature of one conversation."""

    CSS_PATH = "sheets.tcss"

    BINDINGS = [("escape", "dismiss(None)", "Back"), ("f4", "save", "Save")]

    def __init__(self, current: ConversationSettings, default: ConversationSettings) -> None:
        super().__init__()
        self._current, self._default = current, default

    def compose(self) -> ComposeResult:
        """Two fields and two buttons."""
        usual = self._default.temperature
        with Vertical(classes="dialog"):
            yield Label("System prompt", classes="title")
            yield TextArea(
                self._current.system_prompt,
                soft_wrap=True,
                tab_behavior="focus",
                placeholder=one_line(self._default.system_prompt, 200) or "Said to the model before the first message",
                compact=True,
            )
            yield Label("Temperature", classes="title")
            yield Input(
                "" if self._current.temperature is None else f"{self._current.temperature:g}",
                placeholder="the model's own" if usual is None else f"{usual:g}, from the settings",
                compact=True,
            )
            yield Static(Content("From 0 (plain) to 2 (wild). Empty: as usual."), classes="note")
            with Horizontal(classes="buttons"):
                yield Button("Back", id="no", compact=True)
                yield Button("Save", id="yes", variant="primary", compact=True)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_save(self) -> None:
        """Return both values, or say what is wrong with the number."""
        typed = self.query_one(Input).value.strip().replace(",", ".")
        try:
            temperature = float(typed) if typed else None
        except ValueError:
            temperature = -1.0
        if temperature is not None and not 0 <= temperature <= 2:
            self.query_one(".note", Static).update(
                Content(f"“{one_line(typed, 12)}” is not a number from 0 to 2. Nothing was changed.")
            )
            return
        self.dismiss(ConversationSettings(self.query_one(TextArea).text.strip(), temperature))

    @on(Button.Pressed, "#no")
    def leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

"""Dialog for the settings of one conversation."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, Label

from sterna.storage.text import one_line

from ..dialogs.panels import Buttons, CheckField, Dialog, Field, Panel, TextField, sentence
from ..terminal import field_fixes as field_fixes


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Request settings of one conversation."""

    system_prompt: str
    temperature: float | None
    summarises: bool = False
    """Summarise what no longer fits into a request."""
    summary: str = ""
    """Summary of earlier messages, if there is one."""
    searches_web: bool | None = None
    """Let the provider search the web; None where it does not."""


class ConversationDialog(Dialog[ConversationSettings | None]):
    """System prompt, temperature, and what becomes of earlier messages, in one conversation."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel"), ("f4", "save", "Save")]

    def __init__(self, current: ConversationSettings, default: ConversationSettings, *, sent: str = "") -> None:
        """Take the settings, and a sentence about the parameters that are sent now."""
        super().__init__()
        self._sent = sent
        self._current, self._default = current, default

    def compose(self) -> ComposeResult:
        """Compose two fields and two buttons."""
        default = self._default.temperature
        temperature = self._current.temperature
        with Panel("Conversation settings", keys="f4 save   esc cancel"):
            yield TextField(
                "Instructions (system prompt)",
                self._current.system_prompt,
                placeholder=one_line(self._default.system_prompt, 200),
            )
            yield Field(
                "Temperature",
                "" if temperature is None else f"{temperature:g}",
                placeholder="model default" if default is None else f"{default:g} (from the settings)",
            )
            yield sentence("0 = focused, 2 = creative. Blank = model default.", id="note", classes="note")
            if self._sent:
                yield sentence(self._sent, classes="note")
            if self._current.searches_web is not None:
                yield CheckField("Search the web (web_search)", self._current.searches_web, name="web")
            yield CheckField(
                "Summarise earlier messages that no longer fit", self._current.summarises, name="summarise"
            )
            if self._current.summary:
                yield TextField("Summary of earlier messages (empty: make a new one)", self._current.summary)
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
        prompt, *summary = self.query(TextField)
        checked = {field.name: field.value for field in self.query(CheckField)}
        text = summary[0].text.strip() if summary else ""
        settings = ConversationSettings(
            prompt.text.strip(), temperature, checked["summarise"], text, searches_web=checked.get("web")
        )
        self.dismiss(settings)

    @on(Button.Pressed, "#no")
    def leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

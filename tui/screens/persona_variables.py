"""Dialog that asks for the variables of a persona."""

from __future__ import annotations

from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, Label

from sterna.config import ConfigError, Persona
from sterna.storage.text import one_line

from ..dialogs.panels import Buttons, Dialog, Field, Panel, sentence
from ..terminal import field_fixes as field_fixes


class PersonaVariables(Dialog[dict[str, str] | None]):
    """Returns a value for each variable, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel"), ("f4", "save", "Use")]

    def __init__(self, persona: Persona, now: datetime) -> None:
        super().__init__()
        self._persona = persona
        self._now = now

    def compose(self) -> ComposeResult:
        """Compose a field for each variable, and two buttons."""
        with Panel(f"Persona {self._persona.name}", keys="enter next   f4 use   esc cancel"):
            for variable in self._persona.variables:
                choices = ", ".join(one_line(choice, 40) for choice in variable.choices)
                yield Field(one_line(variable.label, 60), variable.default, hint=one_line(choices, 60))
            yield sentence("", id="note", classes="note")
            yield Buttons(("no", "Cancel"), ("yes", "Use", "primary"))

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Go to the next field; behind the last one, use the values."""
        fields = list(self.query(Field))
        at = next((number for number, field in enumerate(fields) if field is event.input), len(fields))
        if at + 1 < len(fields):
            fields[at + 1].focus()
        else:
            self.action_save()

    @on(Button.Pressed, "#yes")
    def action_save(self) -> None:
        """Return the values, or say what is wrong with one of them."""
        fields = zip(self._persona.variables, self.query(Field), strict=True)
        values = {variable.name: field.value for variable, field in fields}
        try:
            self._persona.settings(values, self._now)
        except ConfigError as error:
            self.query_one("#note", Label).update(one_line(str(error), 200))
            return
        self.dismiss(values)

    @on(Button.Pressed, "#no")
    def leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

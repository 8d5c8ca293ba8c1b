"""Question at a start whose config.toml cannot be read: fix it, continue with the guide alone, or quit."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.widgets import Button

from ..dialogs.panels import Buttons, Dialog, Panel, sentence
from ..services.settings_file import SettingsFile

Choice = Literal["edit", "guide", "quit"]
EDITORS = ("sensible-editor", "nano", "vim", "vi")


class ConfigTrouble(Dialog[Choice]):
    """Shows the problem and three options. No letter is a key: the user may be typing."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss('guide')", "Continue")]
    AUTO_FOCUS = "#guide"

    def __init__(self, problem: str, note: str = "") -> None:
        super().__init__()
        self._problem, self._note = problem, note

    def compose(self) -> ComposeResult:
        """Compose the problem and the buttons."""
        with Panel("Your settings cannot be read", keys="tab choose   enter confirm"):
            yield sentence(self._problem)
            yield sentence(
                "Until this is fixed, no model is used, so that nothing is sent to the wrong place. "
                "The built-in guide works offline, and your conversations are available."
            )
            if self._note:
                yield sentence(self._note, classes="note")
            yield Buttons(("quit", "Quit"), ("edit", "Open in editor"), ("guide", "Use the guide", "primary"))

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the choice."""
        choice: dict[str | None, Choice] = {"quit": "quit", "edit": "edit"}
        self.dismiss(choice.get(event.button.id, "guide"))


async def correct_settings(app: App[Any], file: SettingsFile) -> bool:
    """Ask until the settings can be read or the user goes on without; return False to quit."""
    note = ""
    while file.current.blocked:
        chosen: asyncio.Future[Choice | None] = asyncio.get_running_loop().create_future()
        await app.push_screen(ConfigTrouble(file.current.blocked, note), chosen.set_result)
        choice = await chosen
        if choice == "quit":
            return False
        if choice != "edit":
            return True
        note = _edit(app, file)
        await file.reload()
    return True


def _edit(app: App[Any], file: SettingsFile) -> str:
    """Give the terminal to the user's editor; return why that was not possible."""
    command = editor(file.environ)
    if command is None:
        return f"No editor found. Set EDITOR, or edit {file.path} yourself and restart."
    try:
        with app.suspend():
            subprocess.run([*command, str(file.path)], check=False)
    except (OSError, SuspendNotSupported):
        return f"Cannot start the editor {command[0]}. Edit {file.path} yourself and restart."
    return ""


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """Return the command of the user's editor; None where there is none."""
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environ.get(name, ""))
        except ValueError:
            continue
        if words:
            return words
    found = next(filter(None, map(shutil.which, EDITORS)), None)
    return [found] if found else None

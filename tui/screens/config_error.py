"""Question at a start whose config.toml cannot be read: correct it, go on with the guide alone, or leave."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.widgets import Button

from sterna import config
from sterna.config import Settings

from .panels import Buttons, Dialog, Panel, sentence

if TYPE_CHECKING:
    from ..app import SternaApp

Choice = Literal["edit", "guide", "quit"]
EDITORS = ("sensible-editor", "nano", "vim", "vi")


class ConfigTrouble(Dialog[Choice]):
    """The line that is wrong, and three ways on. No letter is a key: somebody may be typing."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss('guide')", "Go on")]
    AUTO_FOCUS = "#guide"

    def __init__(self, problem: str, note: str = "") -> None:
        super().__init__()
        self._problem, self._note = problem, note

    def compose(self) -> ComposeResult:
        """Compose the problem and the buttons."""
        with Panel("Your settings cannot be read", keys="tab choose   enter confirm"):
            yield sentence(self._problem)
            yield sentence(
                "No model is asked until this is corrected, so that nothing is sent where you did not mean it to go. "
                "The built-in guide works offline, and your conversations are here."
            )
            if self._note:
                yield sentence(self._note, classes="note")
            yield Buttons(("quit", "Quit"), ("edit", "Open in editor"), ("guide", "Use the guide", "primary"))

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the choice."""
        choice: dict[str | None, Choice] = {"quit": "quit", "edit": "edit"}
        self.dismiss(choice.get(event.button.id, "guide"))


async def settle(app: SternaApp, settings: Settings) -> Settings | None:
    """Ask until the settings can be read or the person goes on without; None to quit."""
    note = ""
    while settings.blocked:
        chosen: asyncio.Future[Choice | None] = asyncio.get_running_loop().create_future()
        await app.push_screen(ConfigTrouble(settings.blocked, note), chosen.set_result)
        choice = await chosen
        if choice == "quit":
            return None
        if choice != "edit":
            return settings
        note = _edit(app, settings.path or Path(config.config_dir(app.config_folder, app.environ)))
        settings = await asyncio.to_thread(config.load, app.config_folder, app.environ)
    return settings


def _edit(app: SternaApp, path: Path) -> str:
    """Let the person's editor have the terminal; returns why it could not."""
    command = editor(app.environ)
    if command is None:
        return f"No editor was found. Set EDITOR, or correct {path} elsewhere and start again."
    try:
        with app.suspend():
            subprocess.run([*command, str(path)], check=False)
    except (OSError, SuspendNotSupported):
        return f"The editor {command[0]} cannot be started. Correct {path} elsewhere and start again."
    return ""


def editor(environ: Mapping[str, str]) -> list[str] | None:
    """The command of the person's editor."""
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environ.get(name, ""))
        except ValueError:
            continue
        if words:
            return words
    found = next(filter(None, map(shutil.which, EDITORS)), None)
    return [found] if found else None

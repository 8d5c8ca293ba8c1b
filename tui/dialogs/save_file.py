"""Dialog that saves a text to a file. It asks where, and again before a file is replaced."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Button, Input, Label

from sterna.storage.text import clean

from ..terminal import field_fixes as field_fixes
from .panels import Buttons, Dialog, Field, Panel, sentence

FIRST_NAME = "code"

_NAMED = re.compile(r"\s*(?:#|//|--|;|%|/\*|<!--)\s*(?:file(?:name)?:\s*)?([\w./-]*\w\.\w{1,8})(?:\s|$)", re.IGNORECASE)


class SaveFile(Dialog[Path | None]):
    """Returns the path of the file that was written, or None."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel")]

    def __init__(self, title: str, text: str, name: str) -> None:
        super().__init__()
        self._title, self._text, self._name = title, text, name
        self._confirmed: str | None = None
        """Name of a file that exists, and that the next enter replaces."""
        self.folder = os.getcwd()
        """Folder in which a name without one is."""

    def compose(self) -> ComposeResult:
        """Compose the field and two buttons."""
        with Panel(self._title, keys="enter save   esc cancel"):
            yield Field("File", self._name, hint="~ is your home folder")
            yield sentence(f"In {self.folder}, unless you write another folder.", id="answer", classes="note")
            yield Buttons(("no", "Cancel"), ("yes", "Save", "primary"))

    @on(Input.Changed)
    def forget_confirmation(self) -> None:
        """Ask again for another name."""
        self._confirmed = None

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Save or leave."""
        if event.button.id == "yes":
            self.save()
        else:
            self.dismiss(None)

    @on(Input.Submitted)
    @work(exclusive=True)
    async def save(self) -> None:
        """Write the file, or say why not; the dialog stays open until it is written."""
        typed = self.query_one(Input).value.strip()
        outcome = await asyncio.to_thread(write, typed, self._text, may_replace=typed == self._confirmed)
        if isinstance(outcome, Path):
            self.dismiss(outcome)
            return
        if outcome.may_replace:
            self._confirmed = typed
        self.query_one("#answer", Label).update(clean(outcome.sentence))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Reason why a file was not written."""

    sentence: str
    may_replace: bool = False
    """True for a file that exists: it is replaced when the user says so."""


def write(name: str, text: str, *, may_replace: bool = False) -> Path | Refusal:
    """Write ``text``, with a line end behind its last line, to a file of that name; return its path, or why not."""
    path = Path(os.path.expanduser(name))
    if not name:
        return Refusal("Type a name for the file.")
    if path.is_dir():
        return Refusal(f"{path} is a folder. Add a name for the file.")
    if not path.parent.is_dir():
        return Refusal(f"There is no folder {path.parent}.")
    try:
        with path.open("w" if may_replace else "x", encoding="utf-8", newline="") as file:
            file.write(text if text.endswith("\n") or not text else f"{text}\n")
    except FileExistsError:
        return Refusal(f"{path} exists. Press enter again to replace it, or type another name.", may_replace=True)
    except (OSError, ValueError) as error:
        return Refusal(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.")
    return path


def suggested_name(code: str, language: str) -> str:
    """Return a name for a file: the one that the code begins with in a comment, else one for its language."""
    if (named := _NAMED.match(code)) is not None:
        return Path(named[1]).name
    return FIRST_NAME + suffix_of(language)


def suffix_of(language: str) -> str:
    """Return the ending of files in a language, such as ``.py``; ``.txt`` where that is not known."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        patterns = get_lexer_by_name(language.lower()).filenames if language else []
    except ClassNotFound:
        patterns = []
    return next((pattern[1:] for pattern in patterns if re.fullmatch(r"\*\.\w+", pattern)), ".txt")

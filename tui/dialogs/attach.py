"""Dialogs about attachments: a path to attach, and one of several to remove or open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from sterna.storage import Invalid
from sterna.storage.text import clean

from ..attachment_names import chip_text
from ..terminal import field_fixes as field_fixes
from .menu import Menu
from .panels import Dialog, Field, Panel, sentence

if TYPE_CHECKING:
    from sterna.storage import Attachment

MOST_NAMES = 5_000
"""Names of a folder that are looked at for a suggestion."""


class PathField(Field):
    """Field that tab completes, as in a shell."""

    BINDINGS = [("tab", "complete", "Complete")]

    def action_complete(self) -> None:
        """Take the suggestion, if there is one."""
        self.action_end()
        self.action_cursor_right()


class AttachDialog(Dialog[list[Path]]):
    """Field for a path, which is completed while it is typed."""

    BINDINGS = [("escape", "dismiss([])", "Cancel")]

    def compose(self) -> ComposeResult:
        """Compose the field."""
        with Panel("Attach a file", keys="enter attach   tab complete   esc cancel"):
            yield sentence("Text, PDF, or an image (PNG, JPEG, WebP, GIF).", id="asked")
            yield PathField("Path", suggester=PathSuggester(), placeholder="~/notes.txt")

    @on(Input.Submitted)
    async def answer(self, event: Input.Submitted) -> None:
        """Return the files, or say what is wrong with the path."""
        from sterna.chat import typed_files

        try:
            self.dismiss(await asyncio.to_thread(typed_files, event.value))
        except Invalid as error:
            self.query_one("#asked", Label).update(Content(clean(str(error), newlines=False)))


class ChooseAttachment(Dialog["Attachment | None"]):
    """One of several attachments."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel")]

    def __init__(self, title: str, attachments: Sequence[Attachment]) -> None:
        super().__init__()
        self._title = title
        self._attachments = attachments

    def compose(self) -> ComposeResult:
        """Compose the list."""
        with Panel(self._title, keys="enter choose   esc cancel"):
            yield Menu(*(Option(Content(chip_text(item))) for item in self._attachments), markup=False)

    @on(OptionList.OptionSelected)
    def answer(self, event: OptionList.OptionSelected) -> None:
        """Return the chosen one."""
        self.dismiss(self._attachments[event.option_index])


class PathSuggester(Suggester):
    """Completes a path by the names in its folder."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the path of the first name that begins with what is typed; a folder with a slash."""
        return await asyncio.to_thread(_completed, value)


def _completed(value: str) -> str | None:
    folder, _, start = value.rpartition("/")
    if not start:
        return None
    place = Path(f"{folder}/" if value.startswith("/") or folder else ".")
    try:
        with os.scandir(place.expanduser()) as entries:
            names = [(entry.name, entry) for _, entry in zip(range(MOST_NAMES), entries, strict=False)]
        name, entry = min((pair for pair in names if pair[0].startswith(start)), key=lambda pair: pair[0])
        suffix = "/" if entry.is_dir() else ""
    except (OSError, ValueError, RuntimeError):
        return None
    prefix = value[: len(value) - len(start)]
    return f"{prefix}{name}{suffix}" if name.isprintable() else None

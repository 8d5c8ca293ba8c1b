"""Name of a saved search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Label

from sterna.storage import StoreError
from sterna.storage.text import clean, one_line

from ..terminal import field_fixes as field_fixes
from .panels import Dialog, Field, Panel, sentence

Use = Callable[[str], Awaitable[str]]
"""Uses a name that was entered, and returns a sentence about it; raises StoreError with what is wrong with it."""


class NameSearch(Dialog[str | None]):
    """Field for the name; it stays open with a sentence until the name could be used. Returns the sentence about it."""

    BINDINGS = [("escape", "dismiss(None)", "Cancel")]

    def __init__(self, title: str, text: str, use: Use, *, name: str = "") -> None:
        super().__init__()
        self._title, self._text, self._use, self._known = title, text, use, name

    def compose(self) -> ComposeResult:
        """Compose the search and the field."""
        with Panel(self._title, keys="enter save   esc cancel"):
            yield sentence(one_line(self._text, 200))
            yield Field("Name", self._known, placeholder="work")
            yield sentence("Type @ and the name in the search, or in the filter of the list.", id="said")

    def on_mount(self) -> None:
        """Begin at the field."""
        self.query_one(Field).focus()

    @on(Input.Submitted)
    async def answer(self, event: Input.Submitted) -> None:
        """Use the name, or say what is wrong with it."""
        try:
            self.dismiss(await self._use(event.value))
        except StoreError as error:
            self.query_one("#said", Label).update(Content(clean(str(error), newlines=False)))

"""Complaints: sentences about what did not work, each shown until that has worked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from textual.screen import Screen

    from ..terminal.base_app import BaseApp

PROMPT, DRAFT = "prompt", "draft"
"""What complaints are about: what was typed, and storing it."""
SECONDS = 10.0
"""Longest time for which one is shown."""


class Complaints:
    """Complaints on one screen, at most one about each thing."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._sentences: dict[str, str] = {}

    def add(self, sentence: str, about: str) -> None:
        """Say what could not be done, until :meth:`end`; with an empty ``about``, for its time."""
        self._screen.notify(sentence, severity="error", timeout=SECONDS)
        if about:
            self._sentences[about] = sentence

    def add_unsaved(self, sentence: str) -> bool:
        """Say that a draft is not stored; return False, for another time, while more than that is being said."""
        if (said := self._sentences.get(PROMPT)) is not None and self._app.is_shown(said):
            return False
        self.add(sentence, DRAFT)
        return True

    def end(self, about: str) -> None:
        """Take back what was said about something that works now, or was given up."""
        if (sentence := self._sentences.pop(about, None)) is not None:
            self._app.take_back(sentence)

    def dismiss(self) -> None:
        """Take back every error that is shown: the user has read it."""
        self._sentences.clear()
        self._app.take_back_errors()

    @property
    def _app(self) -> BaseApp:
        return cast("BaseApp", self._screen.app)

"""Picker of an earlier prompt: the newest at once, older ones as their words are typed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage import Drafts, StoreError
from sterna.storage.text import one_line

from .chooser import RowChooser
from .fuzzy import match

if TYPE_CHECKING:
    from sterna.storage import StoreThread

NEWEST = 500
"""Prompts that are read at once."""
MOST = 100
"""Prompts that are listed."""
LONGEST = 300
PAUSE_SECONDS = 0.08
"""Pause in typing after which older prompts are searched."""


class PromptPicker(RowChooser[str | None]):
    """Returns the prompt that was chosen, or None."""

    TITLE = "Earlier prompts"
    PLACEHOLDER = "Words of a prompt"

    def __init__(self, store: StoreThread, text: str = "") -> None:
        super().__init__()
        self._store = store
        self._text = text
        self._newest: list[str] = []
        self._found: list[str] = []

    def on_mount(self) -> None:
        """List the newest prompts."""
        self.field.value = self._text
        super().on_mount()
        self._search()

    @on(Input.Changed)
    def _follow(self) -> None:
        self._search()

    @work(group="prompts", exclusive=True)
    async def _search(self) -> None:
        """List what matches: of the newest letter by letter and at once, of all by words once typing pauses."""
        query = self.field.value.strip()
        try:
            if not self._newest:
                self._newest = await self._store.run(Drafts.prompt_history, NEWEST)
            newest = [prompt for prompt in self._newest if not query or match(query, prompt[:LONGEST]) is not None]
            self._show(newest, highlighted=0)
            if query:
                await asyncio.sleep(PAUSE_SECONDS)  # a key that follows at once cancels this search
                older = await self._store.run(Drafts.find_prompts, query, MOST)
                self._show([*newest, *older], highlighted=self.menu.highlighted or 0)
        except StoreError as error:
            self.say(str(error), "esc cancel")

    def _show(self, prompts: list[str], *, highlighted: int) -> None:
        if not self.is_there:
            return
        self._found = list(dict.fromkeys(prompts))[:MOST]
        lines = [Content(one_line(prompt, LONGEST)).truncate(self.room, ellipsis=True) for prompt in self._found]
        self.fill([Option(line) for line in lines], highlighted if lines else None)
        self.say("" if lines else "No prompt has these words.", "enter use   esc cancel")

    def choose(self, row: int) -> None:
        if row < len(self._found):
            self.dismiss(self._found[row])

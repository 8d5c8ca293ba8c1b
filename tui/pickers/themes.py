"""Picker of themes: the highlighted one is applied at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from sterna.storage.text import one_line

from ..terminal.own_themes import own_themes
from ..terminal.themes import OFFERED
from .chooser import RowChooser
from .fuzzy import match

KEYS = "enter choose   esc cancel"
WIDEST = 40
"""Width of the name and its kind; where no more fits, there are no swatches."""


class ThemePicker(RowChooser[str | None]):
    """Returns the theme that was chosen; leaving restores the one before."""

    TITLE = "Theme"
    PLACEHOLDER = "Filter themes"

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder with themes of one's own."""
        super().__init__()
        self._folder = folder
        self._own: list[str] = []

    def on_mount(self) -> None:
        """List the themes, the current one highlighted."""
        super().on_mount()
        self._before = self.app.theme
        self._names: list[str] = []
        self._say(())
        self._list()
        if self._folder is not None:
            self._read_own(self._folder)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._list)

    @work(group="own themes", exclusive=True)
    async def _read_own(self, folder: Path) -> None:
        themes, problems = await asyncio.to_thread(own_themes, folder)
        for theme in themes:
            self.app.register_theme(theme)
        self._own = [theme.name for theme in themes]
        if not self.is_there:
            return
        if themes:
            self._list()
        self._say(problems)

    def _say(self, problems: Sequence[str]) -> None:
        self.say("\n".join(one_line(problem, 300) for problem in problems), KEYS)

    @on(Input.Changed)
    def _list(self) -> None:
        query, themes = self.field.value.strip(), self.app.available_themes
        offered = [*self._own, *(name for name in OFFERED if name not in self._own)]
        if self._before not in offered:
            offered.insert(0, self._before)
        others = sorted(themes.keys() - set(offered)) if query else []
        self._names = [name for name in [*offered, *others] if name in themes and match(query, name) is not None]
        options = [Option(self._line(name)) for name in self._names]
        current = self.app.theme if not query else ""
        self.fill(options, self._names.index(current) if current in self._names else 0 if options else None)

    def _line(self, name: str) -> Content:
        theme = self.app.get_theme(name)
        assert theme is not None
        kind = "dark" if theme.dark else "light"
        kind += ", your own" if name in self._own else ""
        mark = ("  current", "bold $primary") if name == self._before else ""
        text = Content.assemble(name, (f"  {kind}", "$foreground 75%"), mark)
        colors = (theme.background, theme.primary, theme.secondary, theme.success, theme.warning, theme.error)
        swatches = [("  ", f"on {color}") for color in colors if color] if not theme.ansi else []
        width = self.room - 2 * len(swatches)
        return Content.assemble(text.truncate(width, ellipsis=True, pad=True), *swatches) if width >= WIDEST else text

    @on(OptionList.OptionHighlighted)
    def try_theme(self, event: OptionList.OptionHighlighted) -> None:
        """Apply the highlighted theme."""
        event.stop()
        if event.option_index < len(self._names):
            self.app.theme = self._names[event.option_index]

    def choose(self, row: int) -> None:
        if row < len(self._names):
            self._leave(self._names[row])

    def action_cancel(self) -> None:
        """Restore the theme from before."""
        self._leave(None)

    def _leave(self, chosen: str | None) -> None:
        self.app.theme = chosen or self._before
        self.dismiss(chosen)

"""Picker of themes: the highlighted one is applied at once."""

from __future__ import annotations

from textual import on
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from .chooser import Chooser
from .fuzzy import match


class ThemePicker(Chooser[str | None]):
    """Returns the theme that was chosen; leaving restores the one before."""

    TITLE = "Theme"
    PLACEHOLDER = "Filter themes"

    def on_mount(self) -> None:
        """List the themes, the current one highlighted."""
        super().on_mount()
        self._before = self.app.theme
        self._names: list[str] = []
        self.say("", "enter choose   esc cancel")
        self._list()

    @on(Input.Changed)
    def _list(self) -> None:
        query, themes = self.field.value.strip(), self.app.available_themes
        order = sorted(themes, key=lambda name: (not name.startswith("sterna"), name))
        self._names = [name for name in order if match(query, name) is not None]
        options = [Option(self._line(name)) for name in self._names]
        self.fill(options, self._names.index(self._before) if self._before in self._names else 0 if options else None)

    def _line(self, name: str) -> Content:
        kind = "dark" if self.app.available_themes[name].dark else "light"
        mark = ("  current", "bold $primary") if name == self._before else ""
        return Content.assemble(name, (f"  {kind}", "$foreground 75%"), mark)

    @on(OptionList.OptionHighlighted)
    def try_theme(self, event: OptionList.OptionHighlighted) -> None:
        """Apply the highlighted theme."""
        event.stop()
        if event.option_index < len(self._names):
            self.app.theme = self._names[event.option_index]

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Return the highlighted theme."""
        self._choose(self.menu.highlighted)

    @on(OptionList.OptionSelected)
    def choose_option(self, event: OptionList.OptionSelected) -> None:
        """Return the theme that was clicked."""
        self._choose(event.option_index)

    def _choose(self, index: int | None) -> None:
        if index is not None and index < len(self._names):
            self._leave(self._names[index])

    def action_cancel(self) -> None:
        """Restore the theme from before."""
        self._leave(None)

    def _leave(self, chosen: str | None) -> None:
        self.app.theme = chosen or self._before
        self.dismiss(chosen)

"""The looks of an application: the one it begins with, and the other brightness."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import App

from .themes import THEMES, chosen_theme, opposite


class Themed(App[int], inherit_bindings=False):
    """An application with Sterna's themes beside Textual's own."""

    def begin_with_theme(self, wanted: str, environ: Mapping[str, str]) -> None:
        """Take a theme before the first frame. Setting it as later would parse every style twice."""
        for known in THEMES:
            self.register_theme(known)
        name = chosen_theme(wanted, self.available_themes, environ)
        theme = self.available_themes[name]
        if theme.ansi:
            self.theme = name
            return
        self.set_reactive(Themed.theme, name)
        self.add_class(f"-theme-{name}", "-dark-mode" if theme.dark else "-light-mode")
        self.stylesheet.set_variables(self.get_css_variables())

    def action_toggle_dark(self) -> None:
        """Switch to the light look, or back."""
        self.theme = opposite(self.theme, self.available_themes)

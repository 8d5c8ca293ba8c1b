"""Base of the application: themes, notices of plain text, and a driver that outlives its terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App
from textual.notifications import Notify, SeverityLevel

from sterna.storage.text import clean

from . import textual_fixes as textual_fixes
from .output_filter import OutputFilter
from .themes import THEMES, chosen_theme, opposite


class BaseApp(App[int], inherit_bindings=False):
    """Textual's application as Sterna needs it, whatever it shows."""

    def set_up_terminal(self, theme: str, environ: Mapping[str, str], *, is_ascii: bool) -> None:
        """Choose theme and characters before the first frame. Setting a theme later would parse every style twice."""
        self._filters.append(OutputFilter(ascii_only=is_ascii))
        for known in THEMES:
            self.register_theme(known)
        name = chosen_theme(theme, self.available_themes, environ)
        chosen = self.available_themes[name]
        if chosen.ansi:
            self.theme = name
            return
        self.set_reactive(BaseApp.theme, name)
        self.add_class(f"-theme-{name}", "-dark-mode" if chosen.dark else "-light-mode")
        self.stylesheet.set_variables(self.get_css_variables())

    def get_driver_class(self) -> Any:
        """Return a driver whose terminal may go away."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":
            return driver
        from .driver import SternaDriver

        return SternaDriver

    def action_toggle_dark(self) -> None:
        """Switch to the light theme, or back."""
        self.theme = opposite(self.theme, self.available_themes)

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Save a picture of the screen in the current folder and say where."""
        try:
            self.notify(f"Saved {Path(self.save_screenshot(filename, path)).absolute()}")
        except OSError as error:
            self.notify(f"Cannot save the picture in this folder ({error.strerror}).", severity="error")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a sentence for a while, as plain text: titles and errors in it come from people and servers."""
        super().notify(clean(message), title=clean(title), severity=severity, timeout=timeout, markup=False)

    def alert(self, title: str, text: str, environ: Mapping[str, str], *, on_desktop: bool) -> None:
        """Ring the terminal's bell, and with ``on_desktop`` ask the terminal for a notice of the desktop."""
        self.bell()
        if on_desktop and self._driver is not None:
            from .desktop_notice import notice

            self._driver.write(notice(title, text, environ))

    def on_notify(self, event: Notify) -> None:
        """Let a notice replace the one before; an error stands until another one or its time comes."""
        for before in list(self._notifications):
            if before.severity != "error" or event.notification.severity == "error":
                self._unnotify(before, refresh=False)

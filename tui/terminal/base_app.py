"""Base of the application: themes, notices of plain text, and a driver that outlives its terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import App
from textual.notifications import Notify, SeverityLevel
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets._toast import Toast, ToastHolder

from sterna.storage.text import clean

from . import textual_fixes as textual_fixes
from .output_filter import OutputFilter
from .themes import THEMES, chosen_theme, opposite, shipped


class BaseApp(App[int], inherit_bindings=False):
    """Textual's application as Sterna needs it, whatever it shows."""

    theme_folder: Path | None = None
    """Folder with themes of one's own."""
    theme_problems: Sequence[str] = ()
    """Reason why the theme of the settings is not in use."""

    def set_up_terminal(
        self, theme: str, environ: Mapping[str, str], theme_folder: Path | None = None, *, is_ascii: bool
    ) -> None:
        """Choose theme and characters before the first frame. Setting a theme later would parse every style twice."""
        self._filters.append(OutputFilter(ascii_only=is_ascii))
        for known in THEMES:
            self.register_theme(known)
        self.theme_folder = theme_folder
        name = self._known_theme(theme, environ)
        chosen = self.get_theme(name)
        assert chosen is not None
        if chosen.ansi:
            self.theme = name
            return
        self.set_reactive(BaseApp.theme, name)
        self.add_class(f"-theme-{name}", "-dark-mode" if chosen.dark else "-light-mode")
        self.stylesheet.set_variables(self.get_css_variables())

    def apply_theme(self, theme: str, environ: Mapping[str, str]) -> None:
        """Show the theme of that name, or the one that the terminal suggests where it is empty."""
        self.theme = self._known_theme(theme, environ)

    def _known_theme(self, theme: str, environ: Mapping[str, str]) -> str:
        if theme not in ("", "dark", "light", *self.available_themes):
            self._read_theme(theme)
        return chosen_theme(theme, self.available_themes, environ)

    def _read_theme(self, name: str) -> None:
        """Read the only theme of one's own that the start needs."""
        from .own_themes import ThemeError, missing_theme, read_theme

        self.theme_problems = missing_theme(name, self.theme_folder)
        if self.theme_problems or self.theme_folder is None:
            return
        try:
            self.register_theme(read_theme(self.theme_folder / f"{name}.toml"))
        except ThemeError as error:
            self.theme_problems = [str(error)]

    def get_theme(self, theme_name: str) -> Theme | None:
        """Return a theme; those of Textual as they can be read."""
        theme = super().get_theme(theme_name)
        return shipped(theme.name) if theme is not None and BUILTIN_THEMES.get(theme.name) is theme else theme

    def get_driver_class(self) -> Any:
        """Return a driver whose terminal may go away."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":
            return driver
        from .driver import SternaDriver

        return SternaDriver

    def action_toggle_dark(self) -> None:
        """Switch to the light theme or back, and keep the choice."""
        self.theme = opposite(self.theme, self.available_themes)
        self.theme_chosen(self.theme)

    def theme_chosen(self, name: str | None) -> None:
        """Do what is to be done once a theme was chosen, or none."""

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

    def is_shown(self, message: str) -> bool:
        """Return whether the notice with that sentence is still shown."""
        return any(notice.message == clean(message) for notice in self._notifications)

    def take_back(self, message: str) -> None:
        """Remove the notice with that sentence, if it is still shown."""
        for notice in list(self._notifications):
            if notice.message == clean(message):
                self._unnotify(notice)
        self._remove_notices_left_behind()

    def take_back_errors(self) -> None:
        """Remove the errors that are shown."""
        for notice in list(self._notifications):
            if notice.severity == "error":
                self._unnotify(notice)
        self._remove_notices_left_behind()

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
        self._remove_notices_left_behind()

    def _remove_notices_left_behind(self) -> None:
        """Remove the frames of replaced notices, which Textual leaves: after a few, the next would be out of sight."""
        for screen in self.screen_stack:
            for holder in screen.query(ToastHolder):
                if all(toast._notification not in self._notifications for toast in holder.query(Toast)):
                    holder.remove()

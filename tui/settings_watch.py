"""Follows config.toml while the program runs: an editor, a command or another window may change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sterna.config import ConfigError, Settings

from .context import AppContext
from .terminal.base_app import BaseApp

LOOK_SECONDS = 2.0
NAME = "settings.follow"


class SettingsWatch:
    """Applies what has changed in the file, and says so."""

    def __init__(self, app: BaseApp, context: AppContext, key_problems: Callable[[], Sequence[str]]) -> None:
        self._app = app
        self._context = context
        self._key_problems = key_problems

    def look(self) -> None:
        """Look at the file in the background, unless that still goes on."""
        context = self._context
        if not context.tasks.is_running(NAME) and not context.is_closing:
            context.spawn(self._follow(), NAME)

    async def _follow(self) -> None:
        app, file = self._app, self._context.settings_file
        before, known = file.current, self._problems()
        try:
            if not await file.follow():
                return
        except ConfigError as error:
            app.notify(str(error), severity="warning", timeout=10)
            return
        if file.changed is not None:
            await file.changed()
        if file.current.theme != before.theme:
            app.apply_theme(file.current.theme, file.environ)
        await self._follow_endpoints(before)
        if problems := [problem for problem in self._problems() if problem not in known]:
            app.notify("\n".join(problems), severity="warning", timeout=10)
        else:
            app.notify("The settings were read again: config.toml has changed.")

    def _problems(self) -> list[str]:
        return [*self._context.settings.problems, *self._key_problems(), *self._app.theme_problems]

    async def _follow_endpoints(self, before: Settings) -> None:
        old = {endpoint.name: endpoint for endpoint in before.endpoints}
        new = {endpoint.name: endpoint for endpoint in self._context.settings.endpoints}
        for name in old.keys() - new.keys():
            await self._context.drop_endpoint(name)
        for name, endpoint in new.items():
            if old.get(name) != endpoint:
                await self._context.add_endpoint(name)

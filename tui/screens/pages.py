"""Pages that an action of the application opens."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from ..context import AppContext


def page(name: str, context: AppContext) -> Screen[Any]:
    """Return a page by its name in the list of actions; only this one is loaded."""
    match name:
        case "settings":
            from .settings import SettingsScreen

            return SettingsScreen(context)
        case "keys":
            from .keys import KeysScreen

            return KeysScreen(context)
        case "provider":
            from .provider_dialog import ProviderDialog

            return ProviderDialog(context, None)
        case "import":
            from .import_page import ImportScreen

            return ImportScreen(context)
        case "gather":
            from .gather_page import GatherScreen

            return GatherScreen(context)
        case "stats":
            from .stats_page import StatsScreen

            return StatsScreen(context)
        case _:
            from .help import HelpScreen

            return HelpScreen(context.keymap)

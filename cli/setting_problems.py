"""Sentences about settings that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sterna.config import Settings


def setting_problems(settings: Settings) -> list[str]:
    """Return what is wrong in config.toml, and with the keys that it names."""
    if not settings.keys:
        return list(settings.problems)
    from sterna.tui.actions.bindings import keymap  # loads Textual

    ui = settings.ui
    _, problems = keymap(settings.keys, vim=ui.vim, enter_sends=ui.enter_sends, preset=ui.keys)
    return [*settings.problems, *problems]

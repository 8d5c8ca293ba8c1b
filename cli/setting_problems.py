"""Sentences about settings that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sterna.config import Settings


def setting_problems(settings: Settings) -> list[str]:
    """Return what is wrong in config.toml, and with the keys that it names."""
    if not settings.keys:
        return list(settings.problems)
    from sterna.tui.actions.bindings import keymap_of  # loads Textual

    _, problems = keymap_of(settings)
    return [*settings.problems, *problems]

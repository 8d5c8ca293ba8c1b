"""Two looks, each readable."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from sterna.tui.terminal.themes import DARK, LIGHT, THEMES, chosen_theme, opposite

KNOWN = {**BUILTIN_THEMES, **{theme.name: theme for theme in THEMES}}


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = [part / 255 for part in Color.parse(color).rgb]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", ["background", "surface", "panel"])
def test_every_colour_of_text_is_readable_on_every_ground(theme: Theme, ground: str) -> None:
    for name in ("foreground", "primary", "warning", "error", "success"):
        assert contrast(getattr(theme, name), getattr(theme, ground)) >= 4.5, name


def test_a_theme_that_is_set_is_taken_and_an_unknown_one_is_not() -> None:
    assert chosen_theme("nord", KNOWN, {}) == "nord"
    assert chosen_theme("light", KNOWN, {}) == LIGHT.name
    assert chosen_theme("nonsense", KNOWN, {}) == DARK.name


def test_a_light_terminal_gets_the_light_theme_unless_one_is_set() -> None:
    assert chosen_theme("", KNOWN, {"COLORFGBG": "0;15"}) == LIGHT.name
    assert chosen_theme("", KNOWN, {"COLORFGBG": "15;0"}) == DARK.name
    assert chosen_theme("dark", KNOWN, {"COLORFGBG": "0;15"}) == DARK.name


def test_switching_keeps_the_family_where_it_has_a_partner() -> None:
    assert opposite(DARK.name, KNOWN) == LIGHT.name
    assert opposite(LIGHT.name, KNOWN) == DARK.name
    assert opposite("textual-light", KNOWN) == "textual-dark"
    assert opposite("nord", KNOWN) == LIGHT.name

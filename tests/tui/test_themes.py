"""Two looks, each readable."""

from __future__ import annotations

from pathlib import Path

import pytest
from home import Home, frame, until
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from sterna.tui.terminal.own_themes import own_themes
from sterna.tui.terminal.themes import DARK, LIGHT, OFFERED, THEMES, chosen_theme, opposite, shipped

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


@pytest.mark.parametrize("name", [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi])
def test_themes_of_textual_are_shifted_until_they_can_be_read(name: str) -> None:
    theme = shipped(name)
    grounds = [theme.background, theme.surface, theme.panel, theme.variables["block-cursor-background"]]
    for ground in grounds:
        assert ground is not None
        quiet = Color.parse(ground).blend(Color.parse(theme.foreground or ""), 0.75).hex
        assert contrast(quiet, ground) >= 4.5
        for role in ("foreground", "primary", "secondary", "accent", "warning", "error", "success"):
            assert contrast(getattr(theme, role), ground) >= 4.5, role
    for ground in grounds[:2]:
        assert contrast(theme.variables["border-blurred"], ground or "") >= 3
    assert theme.dark is BUILTIN_THEMES[name].dark


def test_ten_themes_are_offered_light_and_dark() -> None:
    assert len(OFFERED) == 10
    assert set(OFFERED) <= KNOWN.keys()
    assert sum(not KNOWN[name].dark for name in OFFERED) >= 4


def write_theme(folder: Path, name: str, text: str) -> None:
    (folder / "themes").mkdir(exist_ok=True)
    (folder / "themes" / f"{name}.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a", 'primary = "blu"', "primary has to be a color such as"),
        ("a", 'primary = "#ff000080"', "primary has to be a color such as"),
        ("a", "primary = 7", "primary has to be a color such as"),
        ("a", 'primery = "#fff"', "Did you mean primary?"),
        ("a", "zzzz = 1", "A theme has background, foreground,"),
        ("a", 'dark = "yes"', "dark has to be true or false."),
        ("a", "primary = ", "is not valid TOML: "),
        ("My Theme", "", "the name of a theme consists of"),
    ],
)
def test_a_broken_theme_is_a_sentence_that_names_the_file(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    write_theme(tmp_path, name, text)
    write_theme(tmp_path, "good", 'background = "#ffffff"')
    themes, (problem,) = own_themes(tmp_path / "themes")
    assert [theme.name for theme in themes] == ["good"]
    assert sentence in problem
    assert f"{name}.toml" in problem


def test_what_a_theme_of_ones_own_leaves_out_is_derived_and_can_be_read(tmp_path: Path) -> None:
    write_theme(tmp_path, "paper", 'background = "#fffdf5"\nprimary = "#7a3b00"')
    (theme,), problems = own_themes(tmp_path / "themes")
    assert not problems
    assert not theme.dark
    assert theme.primary == "#7A3B00"
    for ground in (theme.background, theme.surface, theme.panel):
        for role in ("foreground", "error", "success", "warning"):
            assert contrast(getattr(theme, role), ground or "") >= 4.5, role


async def test_a_theme_of_ones_own_is_used_offered_and_found_when_it_is_broken(home: Home) -> None:
    write_theme(home.folder, "harbour", 'background = "#102030"\nprimary = "#ffcc66"')
    write_theme(home.folder, "broken", 'primary = "nothing"')
    home.write_config('theme = "harbour"\n')
    app = home.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        assert app.current_theme.background == "#102030"
        await pilot.press("shift+f7")
        await until(pilot, lambda: "harbour  dark, your own  current" in frame(app))
        await until(pilot, lambda: "broken.toml: primary has to be a color" in frame(app))
        await pilot.press("down")
        await until(pilot, lambda: app.theme == DARK.name)
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "harbour")


async def test_a_theme_that_is_missing_or_broken_is_said_at_the_start(home: Home) -> None:
    home.write_config('theme = "harbour"\n')
    app = home.app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: "There is no theme “harbour”." in frame(app))
        assert app.theme == DARK.name
    write_theme(home.folder, "harbour", 'primary = "blu"')
    app = home.app()
    async with app.run_test(size=(140, 30), notifications=True) as pilot:
        await until(pilot, lambda: "primary has to be a color" in frame(app))

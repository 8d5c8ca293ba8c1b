"""Themes of one's own: a file ``themes/NAME.toml`` beside config.toml for each."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from sterna.storage.text import one_line

from .theme_colors import DARK_ROLES, LIGHT_ROLES, ROLES, completed
from .themes import THEMES

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
GROUNDS = ("background", "foreground", "surface", "panel")
LARGEST = 100_000
"""Most bytes of a file that is read: what is larger is no theme."""


class ThemeError(Exception):
    """Sentence that says what is wrong with a file, and what to write instead."""


def own_themes(folder: Path) -> tuple[list[Theme], list[str]]:
    """Return the themes of that folder by name, and a sentence for each file that is not one."""
    themes, problems = [], []
    try:
        files = sorted(folder.glob("*.toml"))
    except OSError as error:
        return [], [f"{folder} cannot be read ({error.strerror})."]
    for file in files:
        try:
            themes.append(read_theme(file))
        except ThemeError as error:
            problems.append(str(error))
    return themes, problems


def missing_theme(chosen: str, folder: Path | None) -> list[str]:
    """Return the sentence for a chosen theme that is neither shipped nor a file of that folder."""
    shipped = {"", "dark", "light", *BUILTIN_THEMES, *(theme.name for theme in THEMES)}
    if chosen in shipped or (folder is not None and "/" not in chosen and (folder / f"{chosen}.toml").exists()):
        return []
    return [f"There is no theme “{one_line(chosen, 40)}”. Choose one in the settings."]


def read_theme(file: Path) -> Theme:
    """Return the theme that a file describes; what it leaves out is derived. Raises :class:`ThemeError`."""
    if not NAME.fullmatch(file.stem):
        raise ThemeError(f"{_shown(file)}: the name of a theme consists of lower-case letters, digits, - and _.")
    values = _tables(file)
    is_dark = values.pop("dark", None)
    if is_dark is not None and not isinstance(is_dark, bool):
        raise ThemeError(f"{_shown(file)}: dark has to be true or false.")
    colors: dict[str, Any] = {name: _color(file, name, value) for name, value in values.items()}
    if is_dark is None:
        ground = colors.get("background")
        is_dark = ground is None or Color.parse(ground).brightness < 0.5
    primary = colors.pop("primary", (DARK_ROLES if is_dark else LIGHT_ROLES)[0])
    theme = Theme(file.stem, primary, accent=colors.pop("accent", primary), dark=is_dark)
    return completed(replace(theme, **colors))


def _shown(file: Path) -> str:
    return f"{file.parent.name}/{one_line(file.name, 60)}"


def _tables(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file() or file.stat().st_size > LARGEST:
            raise ThemeError(f"{_shown(file)} is not a file that describes a theme.")
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ThemeError(f"{_shown(file)} cannot be read ({error.strerror or type(error).__name__}).") from None
    except UnicodeDecodeError:
        raise ThemeError(f"{_shown(file)} is not text in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise ThemeError(f"{_shown(file)} is not valid TOML: {error}.") from None


def _color(file: Path, name: str, value: object) -> str:
    known = (*GROUNDS, *ROLES)
    if name not in known:
        near = get_close_matches(name, (*known, "dark"), 1)
        raise ThemeError(f"{_shown(file)}: there is no color {name}. " + _advice(near, known))
    shown = value if isinstance(value, str | int | float | bool) else "this"
    try:
        color = Color.parse(value) if isinstance(value, str) else None
    except ColorParseError:
        color = None
    if color is None or color.a < 1 or color.ansi is not None:
        raise ThemeError(f'{_shown(file)}: {name} has to be a color such as "#6cb8dc", not “{str(shown)[:40]}”.')
    return color.hex


def _advice(near: list[str], known: tuple[str, ...]) -> str:
    return f"Did you mean {near[0]}?" if near else f"A theme has {', '.join(known)} and dark."

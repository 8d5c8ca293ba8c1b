"""Themes of Sterna: a dark and a light one of sea and sky, and eight well-known ones made readable."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="sterna-dark",
    primary="#6cb8dc",
    secondary="#8aa7bd",
    accent="#6cb8dc",
    foreground="#d3dde6",
    background="#0e1621",
    surface="#131e2b",
    panel="#1c2a3a",
    success="#74c2a0",
    warning="#e2b765",
    error="#f0929a",
    dark=True,
    variables={
        "block-cursor-background": "#24445c",
        "block-cursor-foreground": "#eaf4fb",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1c2a3a",
        "block-cursor-blurred-foreground": "#d3dde6",
        "border": "#6cb8dc",
        "border-blurred": "#5d7a96",
        "input-cursor-background": "#6cb8dc",
        "input-cursor-foreground": "#0e1621",
        "input-selection-background": "#6cb8dc 30%",
        "screen-selection-background": "#6cb8dc 30%",
        "scrollbar": "#5d7a96",
        "scrollbar-hover": "#8aa7bd",
        "scrollbar-active": "#6cb8dc",
        "scrollbar-background": "#0e1621",
        "scrollbar-background-hover": "#0e1621",
        "scrollbar-background-active": "#0e1621",
        "scrollbar-corner-color": "#0e1621",
        "link-color": "#8ccbe8",
    },
)

LIGHT = Theme(
    name="sterna-light",
    primary="#085f86",
    secondary="#4a6478",
    accent="#085f86",
    foreground="#1b2935",
    background="#f7fafc",
    surface="#edf3f7",
    panel="#dfe9f0",
    success="#146343",
    warning="#7a4d00",
    error="#a81f37",
    dark=False,
    variables={
        "block-cursor-background": "#c6e0ee",
        "block-cursor-foreground": "#0c2230",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#dfe9f0",
        "block-cursor-blurred-foreground": "#1b2935",
        "border": "#085f86",
        "border-blurred": "#6b8395",
        "input-cursor-background": "#0a6a94",
        "input-cursor-foreground": "#f7fafc",
        "input-selection-background": "#0a6a94 25%",
        "screen-selection-background": "#0a6a94 25%",
        "scrollbar": "#6b8395",
        "scrollbar-hover": "#4a6478",
        "scrollbar-active": "#0a6a94",
        "scrollbar-background": "#f7fafc",
        "scrollbar-background-hover": "#f7fafc",
        "scrollbar-background-active": "#f7fafc",
        "scrollbar-corner-color": "#f7fafc",
        "link-color": "#085f86",
    },
)

THEMES: tuple[Theme, ...] = (DARK, LIGHT)

OFFERED = (
    DARK.name, LIGHT.name, "catppuccin-latte", "catppuccin-mocha", "dracula", "gruvbox", "nord", "rose-pine-dawn",
    "solarized-light", "tokyo-night",
)  # fmt: skip
"""Themes that a picker offers; Textual's others can be set by name."""


@cache
def shipped(name: str) -> Theme:
    """Return a theme of Textual's in colours that can be read."""
    from .theme_colors import readable  # not needed for Sterna's own

    return readable(BUILTIN_THEMES[name])


def chosen_theme(configured: str, known: Mapping[str, Theme], environ: Mapping[str, str]) -> str:
    """Return the theme to start with: the configured one, else the one that fits the terminal's background."""
    if configured in ("dark", "light"):
        return f"sterna-{configured}"
    if configured in known:
        return configured
    return LIGHT.name if _light_terminal(environ) else DARK.name


def opposite(name: str, known: Mapping[str, Theme]) -> str:
    """Return the theme of the other brightness: the partner of the same family, else Sterna's own."""
    current = known.get(name, DARK)
    for old, new in (("dark", "light"), ("light", "dark")):
        if name.endswith(old) and (partner := name.removesuffix(old) + new) in known:
            return partner
    return LIGHT.name if current.dark else DARK.name


def _light_terminal(environ: Mapping[str, str]) -> bool:
    """Return whether ``COLORFGBG`` (rxvt, konsole, iTerm2 …) names a light background."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdigit() and int(background) in (7, *range(9, 16))

"""Colours of a theme that can be read: text at 4.5 to 1 and controls at 3 to 1, on every ground of the screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from textual.color import BLACK, WHITE, Color
from textual.theme import Theme

TEXT, CONTROL = 4.65, 3.15
"""Least contrast as WCAG 2 defines it, a little above its limits: drawing rounds colours."""

QUIET, FAINT = 0.75, 0.5
"""Shares of the foreground in quiet text and in faint marks."""

ROLES = ("primary", "secondary", "accent", "success", "warning", "error")

DARK_ROLES = ("#6cb8dc", "#8aa7bd", "#6cb8dc", "#74c2a0", "#e2b765", "#f0929a")
LIGHT_ROLES = ("#085f86", "#4a6478", "#085f86", "#146343", "#7a4d00", "#a81f37")
"""Colours of the roles that a theme does not name."""

STEPS = 40


def readable(theme: Theme) -> Theme:
    """Return a theme of Textual's with its hues, shifted as far towards white or black as reading needs."""
    if theme.ansi:
        return theme
    return completed(replace(theme, surface=None, panel=None, variables={}), strengthen=True)


def completed(theme: Theme, *, strengthen: bool = False) -> Theme:
    """Return a theme with every colour that Sterna uses; ``strengthen`` shifts also those that the theme names."""
    ink = WHITE if theme.dark else BLACK
    background = Color.parse(theme.background or ("#121212" if theme.dark else "#f7f7f7"))
    foreground = Color.parse(theme.foreground or ("#e0e0e0" if theme.dark else "#1c1c1c"))
    defaults = DARK_ROLES if theme.dark else LIGHT_ROLES
    roles = {name: Color.parse(getattr(theme, name) or color) for name, color in zip(ROLES, defaults, strict=True)}
    surface = Color.parse(theme.surface) if theme.surface else background.blend(foreground, 0.04)
    panel = Color.parse(theme.panel) if theme.panel else background.blend(foreground, 0.1)
    cursor = background.blend(roles["primary"], 0.2)
    grounds = (background, surface, panel, cursor)
    if strengthen or not theme.foreground:
        foreground = _shift(foreground, ink, grounds, TEXT, QUIET)
        foreground = _shift(foreground, ink, (background, surface), CONTROL, FAINT)
    button = surface.blend(foreground, 0.1)
    for name, color in roles.items():
        if strengthen or not getattr(theme, name):
            roles[name] = _shift(color, ink, (*grounds, button), TEXT)
    line = _line(background, foreground, (background, surface, panel))
    primary, secondary = roles["primary"].hex, roles["secondary"].hex
    grounds_of_scrollbars = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    variables = {
        **{f"text-{name}": color.hex for name, color in roles.items()},
        **dict.fromkeys((*grounds_of_scrollbars, "scrollbar-corner-color"), background.hex),
        "block-cursor-background": cursor.hex,
        "block-cursor-foreground": foreground.hex,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": panel.hex,
        "block-cursor-blurred-foreground": foreground.hex,
        "border": primary,
        "border-blurred": line.hex,
        "input-cursor-background": primary,
        "input-cursor-foreground": background.hex,
        "input-selection-background": f"{primary} 30%",
        "screen-selection-background": f"{primary} 30%",
        "scrollbar": line.hex,
        "scrollbar-hover": secondary,
        "scrollbar-active": primary,
        "link-color": primary,
    }
    shifted: dict[str, Any] = {name: color.hex for name, color in roles.items()}
    return replace(
        theme,
        **shifted,
        foreground=foreground.hex,
        background=background.hex,
        surface=surface.hex,
        panel=panel.hex,
        variables={**variables, **theme.variables},
    )


def ratio(one: Color, other: Color) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 255 for part in color.rgb]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _shift(color: Color, ink: Color, grounds: Iterable[Color], least: float, share: float = 1.0) -> Color:
    """Return the colour, mixed with as little ink as it takes for ``share`` of it to stand out on each ground."""
    grounds = tuple(grounds)
    for step in range(STEPS):
        shifted = color.blend(ink, step / STEPS)
        if all(ratio(ground.blend(shifted, share), ground) >= least for ground in grounds):
            return shifted
    return ink


def _line(background: Color, foreground: Color, grounds: Iterable[Color]) -> Color:
    """Return the quietest mixture of both that still shows as a line on each ground."""
    grounds = tuple(grounds)
    mixtures = (background.blend(foreground, step / STEPS) for step in range(STEPS // 4, STEPS))
    return next((line for line in mixtures if all(ratio(line, ground) >= CONTROL for ground in grounds)), foreground)

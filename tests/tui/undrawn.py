"""Screens that are drawn only when a test looks at them."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

_refresh = Screen._compositor_refresh


def pass_on(screen: Screen[Any]) -> None:
    """Draw no frame, but tell a dialog when the page behind it has changed, as ``Screen._compositor_refresh`` does."""
    if screen is not screen.app.screen:
        _refresh(screen)

"""What actions share that change the open conversation and can be undone."""

from __future__ import annotations

from collections.abc import Callable

from .layout import MainLayout
from .navigation import Navigation
from .status_display import StatusDisplay


class UndoableActions:
    """Actions on the open conversation; each says what it has changed, and offers to undo it."""

    def __init__(
        self, layout: MainLayout, navigation: Navigation, display: StatusDisplay, *, offer_undo: Callable[[str], None]
    ) -> None:
        """Take the screen and its parts. ``offer_undo`` shows a sentence about a change, and the key that undoes it."""
        self._layout = layout
        self._display = display
        self._context = layout.context
        self._conversation = navigation.conversation
        self._offer_undo = offer_undo

"""First look at what comes from the terminal: leader sequences, and keys that have to wait for what opens or closes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual import events

from .typeahead import LONGEST_WAIT, typeahead

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen
    from textual.widget import Widget

Input = events.InputEvent | events.Paste
"""Key, paste or movement of the mouse."""

CLOSING_KEYS = frozenset(("enter", "escape"))
"""Keys that may close what has the focus."""


class Admission:
    """Decides about each key and paste before any widget sees it."""

    def __init__(
        self,
        app: App[Any],
        main: Screen[Any],
        leader: Callable[[Input], Input | None],
        prompt: Callable[[], Widget],
        is_open: Callable[[], bool],
    ) -> None:
        self._app = app
        self._main = main
        self._leader = leader
        """Takes the keys of leader sequences; returns what is left for others."""
        self._is_open = is_open
        """Return whether the history is open, or will not be."""
        self._patience_ends: float | None = None
        """Time from which on keys that come too early are not held back any more."""
        ahead = typeahead(app)
        ahead.closes = self._may_close
        ahead.is_early = self._is_early
        ahead.default_field = lambda: prompt() if app.screen is main else None

    def admit(self, event: Input) -> Input | None:
        """Return the event that widgets are to see now; None when it was taken or has to wait.

        A dialog or a field closes a moment after its key. Letters typed meanwhile would be lost with it.
        """
        if self._app.screen is self._main:
            taken = self._leader(event)
            if taken is None:
                return None
            event = taken
        if isinstance(event, events.Key | events.Paste):
            ahead = typeahead(self._app)
            if not ahead.waiting and self._app.focused is None and self._app.screen is not self._main:
                ahead.hold(self._app)
            if not ahead.waiting and isinstance(event, events.Key) and self._is_early(event):
                ahead.hold_while(self._app, partial(self._is_early, event))
            if ahead.waiting:
                ahead.keep(event)
                return None
            if isinstance(event, events.Key) and self._may_close(event):
                ahead.hold(self._app, event)
        return event

    def _is_early(self, event: events.Key) -> bool:
        """Return whether a key is for what needs the history, which is being opened. It is held back for a second."""
        if self._is_open():
            return False
        bound = self._app.active_bindings.get(event.key)
        if bound is None or bound.enabled:
            return False
        if self._patience_ends is None:
            self._patience_ends = monotonic() + LONGEST_WAIT
        return monotonic() < self._patience_ends

    def _may_close(self, event: events.Key) -> bool:
        """Return whether a key may close the dialog, or the field, that has the focus."""
        app = self._app
        if app.screen is self._main:
            return event.key in getattr(app.focused, "LEAVES", ())
        bound = app.active_bindings.get(event.key)
        return event.key in CLOSING_KEYS or (bound is not None and bound.node is app.screen)

"""Keys typed behind a key that opens something wait for what it opens, instead of landing where the focus still is.

A field or a dialog opens a moment after its key: the list is read, a module loaded, a screen mounted. A person types
on meanwhile, and ``d`` must not delete a message because the search is not there yet.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from textual import events
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen
    from textual.timer import Timer

OPENERS = frozenset(
    (
        "conversation.open",
        "conversation.rename",
        "conversation.search",
        "conversation.settings",
        "model.choose",
        "sidebar.filter",
        "sidebar.rename",
        "transcript.focus",
        "app.palette",
        "app.settings",
    )
)
"""Actions that give the focus away."""

LOOK_SECONDS = 0.01
PATIENCE = 1.0
"""Seconds after which keys go where the focus is, whatever was to open."""
IDLE_LOOKS = 5
"""Looks without anything under way after which nothing will open."""


class Typeahead:
    """What was typed while something opens."""

    def __init__(self) -> None:
        self.waiting = False
        self._events: list[events.Key | events.Paste] = []
        self._field: Widget | None = None
        self._from: Widget | None = None
        self._timer: Timer | None = None

    def keep(self, event: events.Key | events.Paste) -> None:
        """Take an event, to be given to what opens."""
        event.stop()
        event.prevent_default()
        self._events.append(event)

    async def open(self, widget: Widget, event: events.Key) -> bool:
        """If that key opens something, open it here and now: as a binding it would come after the keys behind it."""
        app = widget.app
        bound = app.active_bindings.get(event.key)
        if bound is None or bound.binding.id not in OPENERS:
            return False
        event.stop()
        event.prevent_default()
        screen, focused, workers, began = app.screen, app.focused, set(app.workers), monotonic()
        self.waiting, self._from, idle = True, focused or screen, 0

        def look() -> None:
            nonlocal idle
            idle = 0 if app.screen is not screen or _busy(app, workers) else idle + 1
            moved = self._field is not None or app.focused not in (None, focused)
            if (moved and self._arrived) or idle > IDLE_LOOKS or monotonic() - began > PATIENCE:
                self._give(app)

        self._timer = screen.set_interval(LOOK_SECONDS, look)
        await app.run_action(bound.binding.action, bound.node)
        return True

    def focus(self, field: Widget) -> None:
        """Give a field that has opened the focus, and what was typed ahead, in the order in which it was typed."""
        self._field = field
        if not self.waiting or self._arrived:
            self._give(field.app)

    @property
    def _arrived(self) -> bool:
        """No key is still on its way from where the focus was; one that comes later would overtake it."""
        nodes = self._from.ancestors_with_self if self._from is not None else []
        return not any(node.message_queue_size for node in nodes if isinstance(node, Widget))

    def _give(self, app: App[Any]) -> None:
        field, self._field, self._from, self.waiting = self._field, None, None, False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if field is not None and field.is_attached:
            field.screen.set_focus(field)
        target = app.focused or app.screen
        kept, self._events = sorted(self._events, key=lambda event: event.time), []
        for event in kept:
            _forward(target, event)


_typeaheads: WeakKeyDictionary[App[Any], Typeahead] = WeakKeyDictionary()


def typeahead(app: App[Any]) -> Typeahead:
    """What was typed ahead in that application."""
    return _typeaheads.setdefault(app, Typeahead())


async def typed_behind(widget: Widget, event: events.Key) -> bool:
    """Whether a key is not for ``widget``, which has or had the focus, but for what opens: then it is dealt with."""
    ahead = typeahead(widget.app)
    if ahead.waiting:
        ahead.keep(event)
        return True
    focused = widget.app.focused
    if focused is not None and focused not in widget.walk_children(with_self=True):  # it moved while the key waited
        event.stop()
        event.prevent_default()
        _forward(focused, event)
        return True
    return not event.is_printable and await ahead.open(widget, event)


def _busy(app: App[Any], before: set[Any]) -> bool:
    return any(not worker.is_finished for worker in app.workers if worker not in before)


def _forward(target: Widget | Screen[Any], event: events.Key | events.Paste) -> None:
    again = events.Key(event.key, event.character) if isinstance(event, events.Key) else events.Paste(event.text)
    again._set_forwarded()
    target.post_message(again)

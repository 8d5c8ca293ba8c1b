"""Keys typed behind a key that opens something wait for what it opens, instead of landing where the focus still is.

A field or a dialog opens a moment after its key: the list is read, a module loaded, a screen mounted. A person types
on meanwhile, and ``d`` must not delete a message because the search is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable
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
        "conversation.before",
        "conversation.new",
        "conversation.next",
        "conversation.open",
        "conversation.previous",
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
"""Actions that give the focus away, or the prompt to another conversation."""

RETURNS = frozenset(("prompt.focus", "reply.stop", "sidebar.open"))
"""Actions that give the focus back to the prompt from elsewhere."""

SWITCHES = frozenset(
    ("conversation.before", "conversation.new", "conversation.next", "conversation.previous", "sidebar.open")
)
"""Actions after which the prompt belongs to another conversation once their work is done."""

STEP = "step"
"""Name of the task that finds the conversation above or below."""

LOOK_SECONDS = 0.01
PATIENCE = 1.0
"""Seconds after which keys go where the focus is, whatever was to open."""
IDLE_LOOKS = 5
"""Looks without anything under way after which nothing will open."""


class Typeahead:
    """What was typed while something opens."""

    def __init__(self) -> None:
        self.waiting = False
        self.closes: Callable[[events.Key], bool] = lambda _: False
        """Return whether a key may close what has the focus now."""
        self._events: list[events.Key | events.Paste] = []
        self._field: Widget | None = None
        self._from: Widget | None = None
        self._cause: events.Key | None = None
        self._timer: Timer | None = None

    def takes(self, event: events.Key | events.Paste) -> bool:
        """Return whether an event has to wait: something opens or closes, and this is not the key that does it."""
        return self.waiting and event is not self._cause

    def keep(self, event: events.Key | events.Paste) -> None:
        """Take an event, to be given to what opens."""
        event.stop()
        event.prevent_default()
        self._events.append(event)

    def begin(self, screen: Screen[Any], field: Widget) -> None:
        """Keep what is typed before the first field of the program has the focus, and give it to that field."""
        self.waiting, self._from, self._field = True, screen, field

        def look() -> None:
            if field.has_focus and self._arrived:
                self._give(screen.app)

        self._timer = screen.set_interval(LOOK_SECONDS, look)

    async def open(self, widget: Widget, event: events.Key, actions: frozenset[str] = OPENERS) -> bool:
        """If that key opens something, open it here and now: as a binding it would come after the keys behind it."""
        app = widget.app
        bound = app.active_bindings.get(event.key)
        if bound is None or bound.binding.id not in actions:
            return False
        event.stop()
        event.prevent_default()
        self._wait(app, event, whole=bound.binding.id in SWITCHES)
        await app.run_action(bound.binding.action, bound.node)
        return True

    def close(self, app: App[Any], event: events.Key) -> None:
        """Keep what is typed behind a key that may close the dialog or the field that has the focus."""
        self._wait(app, event, whole=False)

    def write(self, typed: list[events.Key], field: Widget) -> None:
        """Give keys that turned out to be text to a field, and then what is typed behind them."""
        for event in typed:
            self.keep(event)
        self._wait(field.app, None, whole=False)
        self._field = field

    def _wait(self, app: App[Any], event: events.Key | None, *, whole: bool) -> None:
        """Keep events until the focus has moved, with ``whole`` until the work is done too, or nothing moves."""
        screen, focused, workers, began = app.screen, app.focused, set(app.workers), monotonic()
        self.waiting, self._cause, self._from, idle = True, event, focused or screen, 0

        def look() -> None:
            nonlocal idle
            busy = _busy(app, workers)
            idle = 0 if app.screen is not screen or busy else idle + 1
            moved = self._field is not None or app.focused not in (None, focused)
            done = moved and self._arrived and not (whole and busy)
            if done or idle > IDLE_LOOKS or monotonic() - began > PATIENCE:
                self._give(app)

        if self._timer is not None:
            self._timer.stop()
        self._timer = app.set_interval(LOOK_SECONDS, look)

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
        field, self._field, self._from, self._cause, self.waiting = self._field, None, None, None, False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if field is not None and field.is_attached:
            field.screen.set_focus(field)
        target = app.focused or app.screen
        kept, self._events = sorted(self._events, key=lambda event: event.time), []
        for number, event in enumerate(kept, 1):
            again = _copy(event)
            if isinstance(again, events.Key) and self.closes(again):
                self._events = kept[number:]
                self._wait(app, again, whole=False)
                target.post_message(again)
                return
            target.post_message(again)


_typeaheads: WeakKeyDictionary[App[Any], Typeahead] = WeakKeyDictionary()


def typeahead(app: App[Any]) -> Typeahead:
    """What was typed ahead in that application."""
    return _typeaheads.setdefault(app, Typeahead())


async def typed_behind(widget: Widget, event: events.Key) -> bool:
    """Whether a key is not for ``widget``, which has or had the focus, but for what opens: then it is dealt with."""
    ahead = typeahead(widget.app)
    if ahead.takes(event):
        ahead.keep(event)
        return True
    focused = widget.app.focused
    if focused is not None and focused not in widget.walk_children(with_self=True):  # it moved while the key waited
        event.stop()
        event.prevent_default()
        focused.post_message(_copy(event))
        return True
    return not event.is_printable and await ahead.open(widget, event)


def _busy(app: App[Any], before: set[Any]) -> bool:
    stepping = any(task.get_name() == STEP for task in getattr(app, "tasks", ()))
    return stepping or any(not worker.is_finished for worker in app.workers if worker not in before)


def _copy(event: events.Key | events.Paste) -> events.Key | events.Paste:
    """Return the event as one that goes straight to a widget, with the time at which it was typed."""
    again = events.Key(event.key, event.character) if isinstance(event, events.Key) else events.Paste(event.text)
    again.time = event.time
    again._sender = None  # with a sender it would stop at that one on its way up
    again._set_forwarded()
    return again

"""Type-ahead: keys typed after a key that opens something wait for it, instead of going where the focus still is.

A field or a dialog opens a moment after its key: the list is read, a module loaded, a screen mounted. Users type on
meanwhile, and ``d`` must not delete a message because the search is not there yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from textual import events
from textual.widget import Widget

from .action import Focus
from .bindings import BY_ID

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen
    from textual.timer import Timer

POLL_SECONDS = 0.01
LONGEST_WAIT = 1.0
"""Seconds after which keys go where the focus is, whatever was to open."""
IDLE_POLLS = 5
"""Polls without any work in progress after which nothing will open."""


class Typeahead:
    """Keys and pastes that were typed while something opens."""

    def __init__(self) -> None:
        self.waiting = False
        self.closes: Callable[[events.Key], bool] = lambda _: False
        """Return whether a key may close what has the focus now."""
        self.is_early: Callable[[events.Key], bool] = lambda _: False
        """Return whether a key is for what the program cannot do yet, but can in a moment."""
        self.is_switching: Callable[[], bool] = lambda: False
        """Return whether a task is still finding the conversation to switch to."""
        self.default_field: Callable[[], Widget | None] = lambda: None
        """Return the field for what was typed where nothing has the focus."""
        self._events: list[events.Key | events.Paste] = []
        self._field: Widget | None = None
        self._from: Widget | None = None
        self._cause: events.Key | None = None
        self._timer: Timer | None = None

    def takes(self, event: events.Key | events.Paste) -> bool:
        """Return whether an event has to wait: something opens or closes, and this is not the key that does it."""
        return self.waiting and event is not self._cause

    def keep(self, event: events.Key | events.Paste) -> None:
        """Hold an event back for what opens."""
        event.stop()
        event.prevent_default()
        self._events.append(event)

    def begin(self, screen: Screen[Any], field: Widget) -> None:
        """Hold back what is typed before the first field of the program has the focus, and give it to that field."""
        self.waiting, self._from, self._field = True, screen, field

        def poll() -> None:
            if field.has_focus and self._has_arrived:
                self._release(screen.app)

        self._timer = screen.set_interval(POLL_SECONDS, poll)

    async def open(self, widget: Widget, event: events.Key, focus: Focus = Focus.LEAVES) -> bool:
        """Run the action of a key with that effect on the focus here and now; return whether it has one.

        As a binding it would run after the keys behind it.
        """
        app = widget.app
        bound = app.active_bindings.get(event.key)
        action = BY_ID.get(bound.binding.id or "") if bound is not None else None
        if bound is None or not bound.enabled or action is None or not action.focus & focus:
            return False
        event.stop()
        event.prevent_default()
        self._wait(app, event, until_done=Focus.SWITCHES in action.focus)
        await app.run_action(bound.binding.action, bound.node)
        return True

    def hold(self, app: App[Any], event: events.Key | None = None) -> None:
        """Hold back what is typed until the focus has moved: behind a key that may close what has it.

        Without a key: until a dialog that is opening has given it to one of its parts.
        """
        self._wait(app, event, until_done=False)

    def hold_while(self, app: App[Any], is_busy: Callable[[], bool]) -> None:
        """Hold back what is typed while something goes on that it must not overtake."""
        self.waiting, self._cause, self._from, began = True, None, None, monotonic()

        def poll() -> None:
            if app.screen_stack and (not is_busy() or monotonic() - began > LONGEST_WAIT):
                self._release(app)

        self._poll(app, poll)

    def write(self, typed: list[events.Key], field: Widget) -> None:
        """Give keys that turned out to be text to a field, and then what is typed behind them."""
        for event in typed:
            self.keep(event)
        self.hold(field.app)
        self._field = field

    def _wait(self, app: App[Any], event: events.Key | None, *, until_done: bool) -> None:
        """Hold events back until the focus has moved, with ``until_done`` until the work has ended too."""
        screen, focused, workers, began = app.screen, app.focused, set(app.workers), monotonic()
        self.waiting, self._cause, self._from, idle = True, event, focused or screen, 0

        def poll() -> None:
            nonlocal idle
            if not app.screen_stack:  # the program is closing
                return
            is_busy = self.is_switching() or any(
                not worker.is_finished for worker in app.workers if worker not in workers
            )
            idle = 0 if app.screen is not screen or is_busy else idle + 1
            has_moved = self._field is not None or app.focused not in (None, focused)
            is_done = has_moved and self._has_arrived and not (until_done and is_busy)
            if is_done or idle > IDLE_POLLS or monotonic() - began > LONGEST_WAIT:
                self._release(app)

        self._poll(app, poll)

    def _poll(self, app: App[Any], poll: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = app.set_interval(POLL_SECONDS, poll)

    def focus(self, field: Widget) -> None:
        """Focus a field that has opened, and give it what was typed ahead, in the order in which it was typed.

        One that opened before it and still waits for the focus gets it first: it must learn that it loses it, or, under
        a dialog, have it once that is closed.
        """
        if self._field is not None and self._field is not field and self._field.is_attached:
            self._field.screen.set_focus(self._field)
        self._field = field
        if not self.waiting or self._has_arrived:
            self._release(field.app)

    @property
    def _has_arrived(self) -> bool:
        """True when no key is still on its way from where the focus was; one that comes later would overtake it."""
        nodes = self._from.ancestors_with_self if self._from is not None else []
        return not any(node.message_queue_size for node in nodes if isinstance(node, Widget))

    def _release(self, app: App[Any]) -> None:
        """Send what was held back to what has the focus now, up to a key that may close that."""
        field, self._field, self._from, self._cause, self.waiting = self._field, None, None, None, False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if field is None and app.focused is None:
            field = self.default_field()
        if field is not None and field.is_attached:
            field.screen.set_focus(field)
        target = app.focused or app.screen
        held, self._events = sorted(self._events, key=lambda event: event.time), []
        for number, event in enumerate(held, 1):
            if isinstance(event, events.Key) and self.is_early(event):
                self._events = held[number - 1 :]
                self.hold_while(app, partial(self.is_early, event))
                return
            copy = _copy(event)
            if isinstance(copy, events.Key) and self.closes(copy):
                self._events = held[number:]
                self.hold(app, copy)
                target.post_message(copy)
                return
            target.post_message(copy)


_typeaheads: WeakKeyDictionary[App[Any], Typeahead] = WeakKeyDictionary()


def typeahead(app: App[Any]) -> Typeahead:
    """Return the type-ahead of that application."""
    return _typeaheads.setdefault(app, Typeahead())


async def redirect(widget: Widget, event: events.Key) -> bool:
    """Handle a key that is not for ``widget`` but for what opens or has the focus now; return whether it was one."""
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


def _copy(event: events.Key | events.Paste) -> events.Key | events.Paste:
    """Return the event as one that goes straight to a widget, with the time at which it was typed."""
    copy = events.Key(event.key, event.character) if isinstance(event, events.Key) else events.Paste(event.text)
    copy.time = event.time
    copy._sender = None  # with a sender it would stop at that one on its way up
    copy._set_forwarded()
    return copy

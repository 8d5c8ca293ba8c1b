"""Commands on single letters, told apart from a sentence that is typed while the list or the messages have the focus.

A letter without a command goes to the prompt, together with the letters typed just before it. A letter that destroys
something waits for ``PAUSE_SECONDS``: when text follows it was the beginning of a word, and nothing is destroyed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import events
from textual.widget import Widget

from .typeahead import typeahead

if TYPE_CHECKING:
    from textual.binding import ActiveBinding
    from textual.screen import Screen
    from textual.timer import Timer

PAUSE_SECONDS = 0.5
"""Letters that follow each other faster than this are one word."""

DESTRUCTIVE = frozenset(("sidebar.delete", "transcript.delete", "transcript.retry"))
"""Actions that wait, when their key is a letter, for what is typed next."""

MOVES = frozenset(("cursor_down", "cursor_up", "first", "last"))
"""Textual actions of letters that do not turn the letter before them into text: ``dj`` deletes and moves on."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A destructive command that waits for the next key."""

    bound: ActiveBinding
    focused: Widget | None
    target: object


class LetterCommands:
    """Letters typed in the list or in the messages of one screen."""

    def __init__(self, screen: Screen[Any], field: Callable[[], Widget], target: Callable[[], object]) -> None:
        self._screen = screen
        self._field = field
        """Return the field that takes text."""
        self._target = target
        """Return what a destructive command would change now."""
        self._typed: list[events.Key] = []
        """Letters of the word that may be under way."""
        self._in_word = False
        """One of these letters is more than a move: a destructive one behind it is not meant as a command."""
        self._held: _Held | None = None
        self._timer: Timer | None = None

    async def take(self, event: events.Key) -> bool:
        """Return whether the key is dealt with here; otherwise it is a command that can run now."""
        bound = self._screen.app.active_bindings.get(event.key)
        if self._held is not None:
            if event.is_printable and not self._goes_on(bound):
                self._drop()
                self._write(event)
                return True
            await self._run()
        if not event.is_printable:
            self._begin_word()
            return False
        if self._typed and event.time - self._typed[-1].time > PAUSE_SECONDS:
            self._begin_word()
        if bound is None:
            if self._typed or event.key != "space":
                self._write(event)
            return True
        if bound.binding.action in MOVES and self._typed and self._typed[-1].key == event.key:
            self._begin_word()  # moving several rows; no word begins with the same letter twice
            return False
        destructive = bound.binding.id in DESTRUCTIVE
        if destructive and self._in_word:
            self._write(event)
            return True
        self._typed.append(event)
        self._in_word = self._in_word or bound.binding.action not in MOVES
        if not destructive:
            return False
        _stop(event)
        self._held = _Held(bound, self._screen.focused, self._target())
        self._timer = self._screen.set_timer(PAUSE_SECONDS, self._pause_over)
        return True

    def _goes_on(self, bound: ActiveBinding | None) -> bool:
        """Return whether a letter behind the one that waits is a command too."""
        assert self._held is not None
        return bound is not None and (bound.binding == self._held.bound.binding or bound.binding.action in MOVES)

    async def _pause_over(self) -> None:
        focused = self._held.focused if self._held is not None else None
        nodes = focused.ancestors_with_self if focused is not None else []
        if any(node.message_queue_size for node in nodes if isinstance(node, Widget)):  # a key may be on its way
            self._timer = self._screen.set_timer(PAUSE_SECONDS / 4, self._pause_over)
        else:
            await self._run()

    async def _run(self) -> None:
        """Run the command that waited, unless the focus or what it would change is no longer the same."""
        held = self._drop()
        self._begin_word()
        if held is None or self._screen.focused is not held.focused or self._target() != held.target:
            return
        if self._screen.is_current:
            await self._screen.app.run_action(held.bound.binding.action, held.bound.node)

    def _begin_word(self) -> None:
        self._typed, self._in_word = [], False

    def _drop(self) -> _Held | None:
        held, self._held = self._held, None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        return held

    def _write(self, event: events.Key) -> None:
        """Give the word so far to the field, and what is typed behind it."""
        typed = [*self._typed, event]
        self._begin_word()
        _stop(event)
        typeahead(self._screen.app).write(typed, self._field())


def _stop(event: events.Key) -> None:
    event.stop()
    event.prevent_default()

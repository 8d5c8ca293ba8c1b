"""Commands on single letters, as opposed to a sentence that is typed while the list or the messages have the focus.

A letter without a command goes to the prompt, together with the letters typed just before it. A letter that destroys
something waits for ``PAUSE_SECONDS``: when text follows it was the beginning of a word, and nothing is destroyed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import events
from textual.widget import Widget

from .action import Focus, Scope
from .bindings import BY_ID
from .typeahead import typeahead

if TYPE_CHECKING:
    from textual.binding import ActiveBinding
    from textual.screen import Screen
    from textual.timer import Timer

    from .action import Action

PAUSE_SECONDS = 0.5
"""Letters that follow each other faster than this are one word."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """Destructive command that waits for the next key."""

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
        self._word: list[events.Key] = []
        """Letters of the word that may be in progress."""
        self._is_word = False
        """One of these letters is more than a move: a destructive one behind it is not meant as a command."""
        self._pending: _Pending | None = None
        self._timer: Timer | None = None

    async def take(self, event: events.Key) -> bool:
        """Return whether the key is dealt with here; otherwise it is a command that can run now."""
        bound = self._screen.app.active_bindings.get(event.key)
        action = _action(bound)
        if self._pending is not None:
            if event.is_printable and not self._continues(event, bound):
                self._drop()
                self._write(event)
                return True
            await self._run()
        if not event.is_printable:
            self._begin_word()
            return False
        if self._word and event.time - self._word[-1].time > PAUSE_SECONDS:
            self._begin_word()
        if event.key == "space" and action is not None and action.scope is Scope.SIDEBAR:
            self._begin_word()  # it selects, and a command for what is selected follows at once
            return False
        if bound is None:
            if self._word or event.key != "space":
                self._write(event)
            return True
        is_move = action is not None and action.is_letter_move
        if is_move and self._word and self._word[-1].key == event.key:
            self._begin_word()  # moving several rows; no word begins with the same letter twice
            return False
        destroys = action is not None and action.destroys
        if destroys and self._is_word:
            self._write(event)
            return True
        self._word.append(event)
        self._is_word = self._is_word or not is_move
        if not destroys:
            return False
        _stop(event)
        self._pending = _Pending(bound, self._screen.focused, self._target())
        self._timer = self._screen.set_timer(PAUSE_SECONDS, self._end_pause)
        return True

    def _continues(self, event: events.Key, bound: ActiveBinding | None) -> bool:
        """Return whether a key behind the pending letter is a command too."""
        assert self._pending is not None
        action = _action(bound)
        if bound is None or action is None:
            return False
        is_sign = not (event.character or "").isalnum() and bool(action.focus & Focus.LEAVES)  # opens the filter
        return action.is_letter_move or is_sign or bound.binding == self._pending.bound.binding

    async def _end_pause(self) -> None:
        focused = self._pending.focused if self._pending is not None else None
        nodes = focused.ancestors_with_self if focused is not None else []
        if any(node.message_queue_size for node in nodes if isinstance(node, Widget)):  # a key may be on its way
            self._timer = self._screen.set_timer(PAUSE_SECONDS / 4, self._end_pause)
        else:
            await self._run()

    async def _run(self) -> None:
        """Run the pending command, unless the focus or what it would change is no longer the same."""
        pending = self._drop()
        self._begin_word()
        if pending is None or self._screen.focused is not pending.focused or self._target() != pending.target:
            return
        if self._screen.is_current:
            await self._screen.app.run_action(pending.bound.binding.action, pending.bound.node)

    def _begin_word(self) -> None:
        self._word, self._is_word = [], False

    def _drop(self) -> _Pending | None:
        pending, self._pending = self._pending, None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        return pending

    def _write(self, event: events.Key) -> None:
        """Give the word so far to the field, and what is typed behind it."""
        word = [*self._word, event]
        self._begin_word()
        _stop(event)
        typeahead(self._screen.app).write(word, self._field())


def _action(bound: ActiveBinding | None) -> Action | None:
    return BY_ID.get(bound.binding.id or "") if bound is not None else None


def _stop(event: events.Key) -> None:
    event.stop()
    event.prevent_default()

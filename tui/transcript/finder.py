"""Find in one conversation: every place of a text, in loaded messages and in those that are only in the store."""

from __future__ import annotations

import re
from asyncio import Lock
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import Worker

from . import source
from .places import count_places, show_place
from .requests import MatchShown
from .source import Key

if TYPE_CHECKING:
    from .message_view import MessageView
    from .window import Window

BATCH = 400
"""Messages that are read at a time: the store goes on with other work in between."""


@dataclass(slots=True)
class Found:
    """Message with the text, and the number of places in it."""

    key: Key
    count: int

    @property
    def message_id(self) -> str:
        """Id of the message."""
        return self.key[1]


def text_pattern(text: str) -> re.Pattern[str] | None:
    """Return a pattern for ``text`` in upper or lower case and with any space between words; None for no text."""
    words = [re.escape(word) for word in text.split()]
    return re.compile(r"\s+".join(words), re.IGNORECASE) if words else None


class Finder:
    """Place on which the search of a transcript stands, and the way to the next one."""

    def __init__(self, transcript: Window) -> None:
        self._transcript = transcript
        self._pattern: re.Pattern[str] | None = None
        self._found: list[Found] = []
        self._anchor: Key = source.START
        """Message from which on the first place is looked for."""
        self._at: tuple[Key, int] | None = None
        self._marked: MessageView | None = None
        self._moving = Lock()
        self.is_active = False
        """True from the beginning of a search to its end; the next-match keys go through its places."""
        self.is_stale = False
        """True when the conversation has changed since it was read."""

    def find(self, text: str) -> None:
        """Find ``text`` and go to the nearest place of it, from what was on the screen at the beginning on."""
        if not self.is_active:
            visible = self._transcript.messages.on_screen()
            self._anchor = visible[0].key if visible else source.START
            self.is_active = True
        _: Worker[None] = self._transcript.run_worker(
            partial(self._search, text), group="transcript.find", exclusive=True
        )

    def step(self, by: int) -> None:
        """Go to the next place, or with -1 to the previous one; behind the last comes the first."""
        _: Worker[None] = self._transcript.run_worker(partial(self._step, by), group="transcript.find.step")

    def end(self) -> None:
        """Take every mark away."""
        if self.is_active:
            self.is_active = False
            self._pattern, self._found, self._at = None, [], None
            self._mark(None)
            self._transcript.search_pattern = None

    async def _search(self, text: str) -> None:
        async with self._moving:
            await self._begin(text_pattern(text))

    async def _begin(self, pattern: re.Pattern[str] | None) -> None:
        self._pattern, self._found, self._at = pattern, [], None
        self._mark(None)
        self._transcript.search_pattern = pattern
        if pattern is None:
            self._report(0)
        elif await self._read():
            if not self._found:
                self._report(0)
                return
            index = bisect_left(self._found, self._anchor, key=lambda found: found.key)
            if index < len(self._found):
                await self._go(index, 0)
            else:
                await self._go(index - 1, -1)

    async def _step(self, by: int) -> None:
        async with self._moving:  # keys that come fast are so many steps
            await self._go_on(by)

    async def _go_on(self, by: int) -> None:
        if self._pattern is None or (self.is_stale and not await self._read()):
            return
        if not self._found:
            self._report(0)
            return
        key, number = self._at or (self._anchor, -by)
        index = bisect_left(self._found, key, key=lambda found: found.key)
        is_here = index < len(self._found) and self._found[index].key == key
        if is_here and 0 <= number + by < self._found[index].count:
            await self._go(index, number + by)
            return
        after = index + 1 if is_here else index
        target = after if by > 0 else index - 1
        await self._go(target % len(self._found), 0 if by > 0 else -1)

    async def _read(self) -> bool:
        """Read the whole conversation; return False when another search has begun meanwhile."""
        transcript, pattern, conversation_id = self._transcript, self._pattern, self._transcript.conversation_id
        if pattern is None or conversation_id is None:
            return False
        self.is_stale = False
        found: list[Found] = []
        after: Key | None = source.START
        while after is not None:
            page = await transcript.read(source.occurrences, conversation_id, pattern, after, BATCH)
            if page is None or pattern is not self._pattern or conversation_id != transcript.conversation_id:
                return False
            found += [Found(key, count) for key, count in page.found]
            after = page.next
        found += [
            Found(view.key, n)
            for view in transcript.live_views
            if (n := count_places(pattern, view.content, view.reasoning))
        ]
        self._found = found
        return True

    async def _go(self, index: int, number: int) -> None:
        """Show place ``number`` of a message; -1 is its last."""
        transcript, found, pattern = self._transcript, self._found[index], self._pattern
        assert pattern is not None
        view = transcript.view_of(found.message_id)
        if view is None:
            await transcript.show(transcript.conversation_id, at=found.message_id)
            view = transcript.view_of(found.message_id)
        if view is None or pattern is not self._pattern:
            return
        self._mark(view)
        place = show_place(view, pattern, number)
        found.count = place.count  # of marks and addresses that are not drawn, the store knew more
        self._at = (found.key, place.number)
        transcript.selected = view.message_id
        transcript.reveal(view, place.position)
        self._report(sum(other.count for other in self._found[:index]) + place.number + 1)

    def _mark(self, view: MessageView | None) -> None:
        if self._marked is not None and self._marked is not view:
            self._marked.show_match(None)
        self._marked = view

    def _report(self, number: int) -> None:
        transcript = self._transcript
        transcript.post_message(MatchShown(number, sum(found.count for found in self._found)))

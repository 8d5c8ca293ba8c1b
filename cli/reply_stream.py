"""A reply on standard output while it arrives."""

from __future__ import annotations

import asyncio
import errno
import os
import queue
import re
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sterna.providers.model_names import names_thinker
from sterna.storage import clean

from .streams import STDOUT, OutputError

if TYPE_CHECKING:
    from sterna.chat import Reply

HOLD_SECONDS, MOST_HELD = 3.0, 8 * 1024
"""Seconds and characters of an uncertain beginning."""
THINKER_SECONDS, THINKER_HELD = 60.0, 256 * 1024
"""The same for models whose names say that they reason."""


class Cleaner:
    """:func:`storage.clean` for text that comes in pieces: the pieces put together give what the whole would give."""

    # Whether a joiner is spelling, a carriage return a line end, a flag a flag, is known from what stands beside it.
    # Between two characters of no such kind the text can be cut.
    _SURE = re.compile(".*[^{0}](?=[^{0}])".format("\r\u200c\u200d\U0001f3f4\U000e0020-\U000e007f"), re.DOTALL)

    def __init__(self) -> None:
        self._held = ""

    def take(self, piece: str) -> str:
        """As much as is certain."""
        text = self._held + piece
        sure = self._SURE.match(text)
        cut = sure.end() if sure else 0
        self._held = text[cut:]
        return clean(text[:cut])

    def rest(self) -> str:
        """What was held."""
        held, self._held = self._held, ""
        return clean(held)


class ReplyStream:
    """Standard output for a reply that is arriving. A reader who is slow, or asleep, holds up nothing but the text.

    On a terminal the text is made safe to show; a file or a pipe gets it as the model wrote it. The thread writes to
    the descriptor itself: it may be stuck there when the program ends, and must hold no lock then.
    """

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        """Set when nothing can be written any more."""
        self.error: OutputError | None = None
        """The reason, unless it is that the reader of the pipe left."""
        self._cleaner = Cleaner() if sys.stdout.isatty() else None
        self._loop = asyncio.get_running_loop()
        self._encoding = sys.stdout.encoding or "utf-8"
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._written = asyncio.Event()
        sys.stdout.flush()
        threading.Thread(target=self._write, name="stdout", daemon=True).start()

    def write(self, text: str) -> None:
        """Queue the next piece of the reply."""
        self._put(self._cleaner.take(text) if self._cleaner else text)

    def end(self, *, newline: bool) -> None:
        """Queue what is left, and a line end if one is wanted."""
        self._put((self._cleaner.rest() if self._cleaner else "") + ("\n" if newline else ""))

    async def close(self) -> None:
        """Return when everything is written, or nothing can be."""
        self._pieces.put(None)
        await self._written.wait()

    def _put(self, text: str) -> None:
        if text:
            self._pieces.put(text)

    def _write(self) -> None:
        try:
            while (text := self._pieces.get()) is not None:
                left = memoryview(text.encode(self._encoding, "replace"))
                while left:
                    left = left[os.write(STDOUT, left) :]
        except OSError as error:
            if error.errno != errno.EPIPE:
                self.error = OutputError(error.strerror)
            self._set(self.failed)
        self._set(self._written)

    def _set(self, event: asyncio.Event) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)


class Hold:
    """The beginning of a reply that may turn out to be reasoning, kept from a pipe or a file until that is known.

    Only the first reply of a model is uncertain. A person at a terminal sees it at once, and a note where it was
    reasoning; so does a pipe after some characters or seconds.
    """

    def __init__(self, clock: Callable[[], float], model: str | None) -> None:
        self._clock = clock
        thinks = names_thinker(model or "")
        self._seconds, self._most = (THINKER_SECONDS, THINKER_HELD) if thinks else (HOLD_SECONDS, MOST_HELD)
        self._until: float | None = None
        self._is_over = sys.stdout.isatty()

    @property
    def seconds_left(self) -> float | None:
        """The seconds until the text is printed in any case; None before there is any."""
        return None if self._until is None else max(0.0, self._until - self._clock())

    def holds(self, reply: Reply) -> bool:
        """Return whether the text so far has to wait."""
        if self._is_over or not reply.content:
            return False
        if self._until is None:
            self._until = self._clock() + self._seconds
        is_known = reply.is_certain or not reply.running
        self._is_over = is_known or len(reply.content) > self._most or self._clock() >= self._until
        return not self._is_over

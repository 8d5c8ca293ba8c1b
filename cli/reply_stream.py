"""Output of a reply to standard output while it arrives."""

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

HOLD_SECONDS, MAX_HELD = 3.0, 8 * 1024
"""Most seconds and characters for which an uncertain beginning is held back."""
REASONER_HOLD_SECONDS, REASONER_MAX_HELD = 60.0, 256 * 1024
"""The same limits for models whose names indicate that they reason."""


class Cleaner:
    """Incremental :func:`storage.clean`: the cleaned pieces together equal the cleaned whole."""

    # The meaning of a joiner, a carriage return or a flag depends on its neighbours; elsewhere the text can be cut.
    _SAFE_CUT = re.compile(".*[^{0}](?=[^{0}])".format("\r\u200c\u200d\U0001f3f4\U000e0020-\U000e007f"), re.DOTALL)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return the cleaned text up to the last position where it can be cut."""
        text = self._held + piece
        match = self._SAFE_CUT.match(text)
        cut = match.end() if match else 0
        self._held = text[cut:]
        return clean(text[:cut])

    def finish(self) -> str:
        """Return the cleaned rest."""
        held, self._held = self._held, ""
        return clean(held)


class ReplyStream:
    """Standard output for an arriving reply, written in a thread, so that a slow reader delays only the output.

    On a terminal the text is sanitized; a file or a pipe gets it unchanged. The thread writes to the descriptor
    directly: it may be blocked there when the program ends, and must not hold a lock then.
    """

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        """Set when nothing can be written anymore."""
        self.error: OutputError | None = None
        """Reason, unless the reader has closed the pipe."""
        self._cleaner = Cleaner() if sys.stdout.isatty() else None
        self._has_ended_line = False
        """True after :meth:`make_room`, until there is more text."""
        self._loop = asyncio.get_running_loop()
        self._encoding = sys.stdout.encoding or "utf-8"
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._written = asyncio.Event()
        sys.stdout.flush()
        threading.Thread(target=self._write, name="stdout", daemon=True).start()

    def write(self, text: str) -> None:
        """Queue the next piece of the reply."""
        if self._has_ended_line and text:
            self._has_ended_line, text = False, text.removeprefix("\n")
        self._put(self._cleaner.feed(text) if self._cleaner else text)

    def make_room(self) -> None:
        """On a terminal, write all of the text so far, and end its line: something else is printed there now."""
        if self._cleaner and not self._has_ended_line:
            self._put(f"{self._cleaner.finish()}\n")
            self._has_ended_line = True

    def end(self, *, newline: bool) -> None:
        """Queue the rest, and a line end with ``newline``."""
        newline = newline and not self._has_ended_line
        self._put((self._cleaner.finish() if self._cleaner else "") + ("\n" if newline else ""))

    async def close(self) -> None:
        """Wait until everything is written, or writing has failed."""
        self._pieces.put(None)
        await self._written.wait()

    def _put(self, text: str) -> None:
        if text:
            self._pieces.put(text)

    def _write(self) -> None:
        try:
            while (text := self._pieces.get()) is not None:
                rest = memoryview(text.encode(self._encoding, "replace"))
                while rest:
                    rest = rest[os.write(STDOUT, rest) :]
        except OSError as error:
            if error.errno != errno.EPIPE:
                self.error = OutputError(error.strerror)
            self._set(self.failed)
        self._set(self._written)

    def _set(self, event: asyncio.Event) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)


class Hold:
    """Delay for the beginning of a reply in a pipe or a file, while it may still turn out to be reasoning.

    Only the first reply of a model is uncertain. On a terminal it is shown at once, with a note if it was reasoning; so
    it is in a pipe after a limit of characters or seconds.
    """

    def __init__(self, clock: Callable[[], float], model: str | None) -> None:
        self._clock = clock
        limits = (REASONER_HOLD_SECONDS, REASONER_MAX_HELD) if names_thinker(model or "") else (HOLD_SECONDS, MAX_HELD)
        self._seconds, self._max_held = limits
        self._until: float | None = None
        self._is_over = sys.stdout.isatty()

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the text is printed in any case; None before there is any."""
        return None if self._until is None else max(0.0, self._until - self._clock())

    def holds(self, reply: Reply) -> bool:
        """Return whether the text so far is held back."""
        if self._is_over or not reply.content:
            return False
        if self._until is None:
            self._until = self._clock() + self._seconds
        is_known = reply.is_certain or not reply.running
        self._is_over = is_known or len(reply.content) > self._max_held or self._clock() >= self._until
        return not self._is_over

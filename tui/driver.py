"""The terminal, also when it goes away: with its window closed, writing to it must neither raise nor wait."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import IO, Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message


class Missing(Enum):
    """Keys that terminals send and Textual takes for others."""

    ALT_ENTER = "alt+enter"


# Without these, alt+enter in a terminal of the plain protocol is enter, and a half-written prompt is sent.
cast("dict[str, tuple[Missing, ...]]", ANSI_SEQUENCES_KEYS).update(
    {"\x1b\r": (Missing.ALT_ENTER,), "\x1b\n": (Missing.ALT_ENTER,)}
)


PASTE, PASTED = "\x1b[200~", "\x1b[201~"
"""What a terminal puts around a paste."""


class CarefulParser(XTermParser):
    """Keeps a paste a paste: Textual reads escape sequences inside one as keys, and pasted colours would press them."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._pasting = False
        self._rest = ""
        """Outside a paste what was handed on last, inside one what is held back: a mark may come in pieces."""

    def feed(self, data: str) -> Iterable[Message]:
        """The events in ``data``, which may begin and end anywhere. Escapes in a paste are left out."""
        if not data:  # the end of all input
            yield from super().feed(data)
        while data:
            part, data = self._in_paste(data) if self._pasting else self._outside(data)
            if part:
                yield from super().feed(part)

    def _outside(self, data: str) -> tuple[str, str]:
        """What is handed on, up to the beginning of a paste, and what comes after."""
        seen = self._rest + data
        found = seen.find(PASTE)
        if found < 0:
            self._rest = seen[1 - len(PASTE) :]
            return data, ""
        cut = found + len(PASTE) - len(self._rest)
        self._rest, self._pasting = "", True
        return data[:cut], data[cut:]

    def _in_paste(self, data: str) -> tuple[str, str]:
        text, end, after = (self._rest + data).partition(PASTED)
        self._rest, self._pasting = "", not end
        if not end:
            held = next((size for size in range(len(PASTED) - 1, 0, -1) if text.endswith(PASTED[:size])), 0)
            text, self._rest = text[: len(text) - held], text[len(text) - held :]
        return text.replace("\x1b", "") + end, after


cast("Any", linux_driver).XTermParser = CarefulParser


class Forgiving:
    """A text file that forgets what it can no longer write."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, or pretend to once the terminal is gone."""
        try:
            return self._file.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        """Flush, or pretend to once the terminal is gone."""
        try:
            self._file.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class SternaDriver(LinuxDriver):
    """Textual's driver over a file that outlives its terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file: Any = Forgiving(self._file)

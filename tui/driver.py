"""The terminal, also when it goes away: with its window closed, writing to it must neither raise nor wait."""

from __future__ import annotations

from enum import Enum
from typing import IO, Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.drivers.linux_driver import LinuxDriver


class Missing(Enum):
    """Keys that terminals send and Textual takes for others."""

    ALT_ENTER = "alt+enter"


# Without these, alt+enter in a terminal of the plain protocol is enter, and a half-written prompt is sent.
cast("dict[str, tuple[Missing, ...]]", ANSI_SEQUENCES_KEYS).update(
    {"\x1b\r": (Missing.ALT_ENTER,), "\x1b\n": (Missing.ALT_ENTER,)}
)


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

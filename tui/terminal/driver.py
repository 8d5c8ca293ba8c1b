"""The terminal, also when it goes away: with its window closed, writing to it must neither raise nor wait."""

from __future__ import annotations

import codecs
import struct
import termios
import tty
from enum import Enum
from fcntl import ioctl
from functools import partial
from typing import IO, Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from .input import TerminalParser


class Missing(Enum):
    """Keys that terminals send and Textual takes for others."""

    ALT_ENTER = "alt+enter"


# Without these, alt+enter in a terminal of the plain protocol is enter, and a half-written prompt is sent.
cast("dict[str, tuple[Missing, ...]]", ANSI_SEQUENCES_KEYS).update(
    {"\x1b\r": (Missing.ALT_ENTER,), "\x1b\n": (Missing.ALT_ENTER,)}
)


def tolerant_decoder(encoding: str) -> Any:
    """Return the factory of a decoder that reads bytes that are no text as U+FFFD; Textual's ends the program."""
    return partial(codecs.getincrementaldecoder(encoding), "replace")


cast("Any", linux_driver).XTermParser = TerminalParser
cast("Any", linux_driver).getincrementaldecoder = tolerant_decoder


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
        self._ended = False

    def stop_application_mode(self) -> None:
        """Give the terminal back, for good unless the program is only suspended."""
        self._ended = True
        super().stop_application_mode()

    def suspend_application_mode(self) -> None:
        """Let go of the terminal until the program is told to continue."""
        ended = self._ended
        super().suspend_application_mode()
        self._ended = ended

    def start_application_mode(self) -> None:
        """Take over the terminal, and what was typed while it still read lines.

        A program that runs, or is about to end, is told to continue too: by ``kill -CONT``, and by the system when its
        terminal closes. A thread that began to read the keys then would never end.
        """
        if self._ended:
            return
        if self._key_thread is not None and self._key_thread.is_alive():
            return
        before = self._read_keys_at_once()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if before is not None:
            self.attrs_before = before

    def _read_keys_at_once(self) -> list[Any] | None:
        """Leave the terminal's line mode; return its attributes. Until now it made a newline of each Enter."""
        try:
            before = termios.tcgetattr(self.fileno)
            attributes = termios.tcgetattr(self.fileno)
            attributes[tty.LFLAG] = self._patch_lflag(attributes[tty.LFLAG])
            attributes[tty.IFLAG] = self._patch_iflag(attributes[tty.IFLAG])
            attributes[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, attributes)
            TerminalParser.line_mode_bytes = struct.unpack("i", ioctl(self.fileno, termios.FIONREAD, b"\0" * 4))[0]
        except (termios.error, OSError):
            return None
        return before

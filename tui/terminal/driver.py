"""Driver of the terminal that survives its end: after its window is closed, a write must neither raise nor wait."""

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


class ExtraKey(Enum):
    """Keys that terminals send and Textual takes for others."""

    ALT_ENTER = "alt+enter"


# Without these, alt+enter in a terminal of the plain protocol is enter, and a half-written prompt is sent.
cast("dict[str, tuple[ExtraKey, ...]]", ANSI_SEQUENCES_KEYS).update(
    {"\x1b\r": (ExtraKey.ALT_ENTER,), "\x1b\n": (ExtraKey.ALT_ENTER,)}
)


def tolerant_decoder(encoding: str) -> Any:
    """Return the factory of a decoder that reads invalid bytes as U+FFFD; Textual's ends the program."""
    return partial(codecs.getincrementaldecoder(encoding), "replace")


cast("Any", linux_driver).XTermParser = TerminalParser
cast("Any", linux_driver).getincrementaldecoder = tolerant_decoder


class TolerantFile:
    """Text file that drops what it can no longer write."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, or drop the text once the terminal is gone."""
        try:
            return self._file.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        """Flush, or do nothing once the terminal is gone."""
        try:
            self._file.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class SternaDriver(LinuxDriver):
    """Textual's driver with a file that outlives its terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file: Any = TolerantFile(self._file)
        self._ended = False
        self._released = False
        """True while another program has the terminal: what is written then would wait forever."""

    def write(self, data: str) -> None:
        """Write to the terminal, unless another program has it."""
        if not self._released:
            super().write(data)

    def stop_application_mode(self) -> None:
        """Release the terminal, for good unless the program is only suspended."""
        self._ended = True
        super().stop_application_mode()

    def suspend_application_mode(self) -> None:
        """Release the terminal until the program is continued."""
        ended = self._ended
        super().suspend_application_mode()
        self._ended, self._released = ended, True

    def start_application_mode(self) -> None:
        """Take over the terminal, and what was typed while it was in line mode.

        A continue signal also arrives while the program runs or is about to end: from ``kill -CONT``, and from the
        system when its terminal closes. A thread that started to read keys then would never end.
        """
        if self._ended:
            return
        if self._key_thread is not None and self._key_thread.is_alive():
            return
        before = self._read_keys_at_once()
        self._released = False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if before is not None:
            self.attrs_before = before

    def _read_keys_at_once(self) -> list[Any] | None:
        """Leave the terminal's line mode, which makes a newline of each Enter; return its previous attributes."""
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

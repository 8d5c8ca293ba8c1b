"""The chat in a real pseudo-terminal: a screen of characters, and keys."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from types import TracebackType

import pexpect
import pyte

from tests.stories.processes import LIMIT, STERNA, Home

ENTER, ESCAPE, ALT_DOWN = "\r", "\x1b", "\x1b[1;3B"
CTRL_L, CTRL_N, CTRL_R, CTRL_U, CTRL_UNDERSCORE = "\x0c", "\x0e", "\x12", "\x15", "\x1f"
F2, F5, F8, F10 = "\x1bOQ", "\x1b[15~", "\x1b[19~", "\x1b[21~"
EMPTY = "Write a message"
"""Placeholder of an empty prompt."""


class Terminal:
    """``sterna`` in a terminal of 100 × 30. Use as a context manager; it is killed at the end if it still runs."""

    def __init__(self, home: Home, *, columns: int = 100, rows: int = 30) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(STERNA, env=home.environ, dimensions=(rows, columns), cwd=Path("/"))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(force=True)

    @property
    def text(self) -> str:
        """Return the text of the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self._child.send(key)

    def wait_for(self, *texts: str, gone: str = "") -> None:
        """Return once the screen shows all of ``texts``, and nothing that the pattern ``gone`` matches."""
        limit = time.monotonic() + LIMIT
        while not all(text in self.text for text in texts) or (gone and re.search(gone, self.text)):
            assert time.monotonic() < limit, f"waited in vain for {texts}, without {gone!r}:\n{self.text}"
            assert self._read(), f"exited; the screen:\n{self.text}"

    def wait_for_exit(self) -> int:
        """Wait until the program exits. Return the exit code."""
        limit = time.monotonic() + LIMIT
        while self._read():
            assert time.monotonic() < limit, f"still running:\n{self.text}"
        self._child.close()
        assert self._child.exitstatus is not None
        return int(self._child.exitstatus)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._child.kill(number)

    def kill(self) -> None:
        """Kill the program with SIGKILL."""
        self._child.kill(signal.SIGKILL)
        while self._read():
            pass
        self._child.close()

    def _read(self) -> bool:
        """Read output. Return False once the program has exited."""
        try:
            self._stream.feed(self._child.read_nonblocking(65536, 0.05))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True

"""A program in a real pseudo-terminal, timed from outside: what a person would see, when they would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

CONTROL = re.compile(
    rb"\x1b\[[0-9;?<>=$ ]*[a-zA-Z]"
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P_^][^\x1b]*\x1b\\"
    rb"|\x1b[()][A-Z0-9]|\x1b[=>78]"
)


class Terminal:
    """One child process in a pty of ``columns`` × ``rows``. Use as a context manager; it is killed at the end."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], *, columns: int = 120, rows: int = 40) -> None:
        self.began = time.perf_counter()
        self.output = bytearray()
        """Everything it has written, escape sequences removed as far as they are complete."""
        self.reads: list[float] = []
        """When each piece of output came."""
        self._raw = b""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], list(argv), dict(environ))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def send(self, keys: str) -> float:
        """Type; returns when."""
        now = time.perf_counter()
        os.write(self._fd, keys.encode())
        return now

    def read(self, seconds: float) -> bool:
        """Take in what comes within ``seconds``; False when nothing did. Raises EOFError when the program has ended."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return False
        try:
            piece = os.read(self._fd, 65536)
        except OSError:
            piece = b""
        if not piece:
            raise EOFError(f"the program ended; it had written: {bytes(self.output[-2000:]).decode(errors='replace')}")
        self.reads.append(time.perf_counter())
        raw = self._raw + piece
        cut = raw.rfind(b"\x1b", max(0, len(raw) - 64))
        self._raw = b"" if cut < 0 else raw[cut:]
        self.output += CONTROL.sub(b"", raw if cut < 0 else raw[:cut])
        return True

    def wait_for(self, text: str, *, since: int = 0, seconds: float = 60) -> float:
        """When ``text`` came onto the screen (after position ``since`` of the output). Raises TimeoutError."""
        wanted = text.encode()
        limit = time.perf_counter() + seconds
        while (wanted not in self.output[since:]) and wanted not in CONTROL.sub(b"", self._raw):
            if time.perf_counter() > limit:
                last = bytes(self.output[-2000:]).decode(errors="replace")
                raise TimeoutError(f"{text!r} did not come; the screen's last output: {last}")
            self.read(0.2)
        return self.reads[-1] if self.reads else time.perf_counter()

    def settle(self, quiet: float = 0.3, seconds: float = 5) -> None:
        """Read until nothing has come for ``quiet`` seconds, which is less than a cursor takes to blink."""
        limit = time.perf_counter() + seconds
        while self.read(quiet) and time.perf_counter() < limit:
            pass

    def rss_mb(self) -> float:
        """Resident memory, MB."""
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(row.split()[1]) for row in status if row.startswith("VmRSS")) / 1024

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

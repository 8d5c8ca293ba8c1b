"""Standard input, output and error of one command.

A closed descriptor, a full disk behind a redirect or a reader that left must end in a sentence and an exit code, never
in a traceback; and a file that the program opens must never get the number of a closed standard stream.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

STDIN, STDOUT, STDERR = 0, 1, 2


class OutputError(Exception):
    """Standard output could not be written; ``str(error)`` is a sentence for a person."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"Standard output cannot be written ({reason}).")


class InputError(Exception):
    """Standard input could not be read; ``str(error)`` is a sentence for a person."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"Standard input cannot be read ({reason}).")


class ReaderLeftError(Exception):
    """Nobody reads the pipe any more. click would answer a BrokenPipeError itself, with exit code 1."""


class _Output(io.FileIO):
    """Descriptor 1, whose failures are told apart from those of any other file."""

    def __init__(self, *, closed: bool) -> None:
        super().__init__(STDOUT, "w", closefd=False)
        self._closed_before = closed
        self._given_up = False

    def write(self, data: Any, /) -> int:
        """Write ``data``. Raises OutputError or ReaderLeftError, once; what is left is then dropped."""
        if self._given_up:
            return len(data)
        try:
            if self._closed_before:
                raise OutputError("it is closed")
            return super().write(data)
        except BrokenPipeError:
            self._given_up = True
            raise ReaderLeftError from None
        except OSError as error:
            self._given_up = True
            raise OutputError(error.strerror) from None
        except OutputError:
            self._given_up = True
            raise


class _Messages(io.FileIO):
    """Descriptor 2. Where even an error message cannot be written, there is nobody left to read it."""

    def __init__(self) -> None:
        super().__init__(STDERR, "w", closefd=False)

    def write(self, data: Any, /) -> int:
        """Write ``data`` if that is possible."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


_closed: frozenset[int] = frozenset()
"""The standard descriptors that were closed when the program started."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` safe to use for as long as a command runs."""
    global _closed
    _closed = frozenset(_open_missing())
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - stays open as long as the program
    sys.stdout = _text(_Output(closed=STDOUT in _closed), before[1], "replace")
    sys.stderr = _text(_Messages(), before[2], "backslashreplace")
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def _open_missing() -> Iterator[int]:
    """Open the null device for each closed standard descriptor, lowest first; give their numbers."""
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            yield descriptor


def _text(raw: io.RawIOBase, before: TextIO | None, errors: str) -> TextIO:
    """Text over ``raw``: in a terminal's encoding on a terminal, in UTF-8 in files and pipes."""
    chosen = before is not None and (raw.isatty() or "PYTHONIOENCODING" in os.environ)
    by_line = raw.isatty() or raw.fileno() == STDERR
    encoding = before.encoding if chosen and before is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=errors, newline="\n", line_buffering=by_line
    )


def require_output() -> None:
    """Raise OutputError when standard output was closed from the start: before work whose result would be lost."""
    if STDOUT in _closed:
        raise OutputError("it is closed")


def read_input() -> bytes:
    """All of standard input. Raises InputError."""
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(error.strerror) from error


def read_line() -> str:
    """The next line of standard input without its end. Raises InputError."""
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except OSError as error:
        raise InputError(error.strerror) from error
    except UnicodeDecodeError:
        raise InputError("it is not UTF-8 text") from None

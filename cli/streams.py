"""Standard streams of a command.

A closed descriptor, a full disk behind a redirect or a closed pipe must result in a message and an exit code, never in
a traceback; and a file that the program opens must never get the number of a closed standard stream.
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
    """Standard output cannot be written; the message is a sentence for the user."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"Standard output cannot be written ({reason}).")


class InputError(Exception):
    """Standard input cannot be read; the message is a sentence for the user."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"Standard input cannot be read ({reason}).")


class ReaderLeftError(Exception):
    """The reader of the pipe has closed it. click would handle a BrokenPipeError itself, with exit code 1."""


class _Output(io.FileIO):
    """Descriptor 1, with errors that differ from those of other files."""

    def __init__(self, *, closed: bool) -> None:
        super().__init__(STDOUT, "w", closefd=False)
        self._was_closed = closed
        self._has_failed = False

    def write(self, data: Any, /) -> int:
        """Write ``data``. Raises OutputError or ReaderLeftError once; further data is then discarded."""
        if self._has_failed:
            return len(data)
        try:
            if self._was_closed:
                raise OutputError("it is closed")
            return super().write(data)
        except BrokenPipeError:
            self._has_failed = True
            raise ReaderLeftError from None
        except OSError as error:
            self._has_failed = True
            raise OutputError(error.strerror) from None
        except OutputError:
            self._has_failed = True
            raise


class _ErrorOutput(io.FileIO):
    """Descriptor 2, whose errors are ignored: there is no other place for a message."""

    def __init__(self) -> None:
        super().__init__(STDERR, "w", closefd=False)

    def write(self, data: Any, /) -> int:
        """Write ``data`` if that is possible."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


_closed: frozenset[int] = frozenset()
"""Standard descriptors that were closed when the program started."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` safe to use while a command runs."""
    global _closed
    _closed = frozenset(_open_missing())
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - open until the program ends
    sys.stdout = _text(_Output(closed=STDOUT in _closed), before[1], "replace")
    sys.stderr = _text(_ErrorOutput(), before[2], "backslashreplace")
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def _open_missing() -> Iterator[int]:
    """Open the null device for each closed standard descriptor, lowest first, and yield their numbers."""
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            yield descriptor


def _text(raw: io.RawIOBase, before: TextIO | None, errors: str) -> TextIO:
    """Return a text stream over ``raw``: in the terminal's encoding on a terminal, else in UTF-8."""
    keeps_encoding = before is not None and (raw.isatty() or "PYTHONIOENCODING" in os.environ)
    by_line = raw.isatty() or raw.fileno() == STDERR
    encoding = before.encoding if keeps_encoding and before is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=errors, newline="\n", line_buffering=by_line
    )


def is_interactive() -> bool:
    """Return whether a user can be prompted: standard input is a terminal."""
    return sys.stdin.isatty()


def require_output() -> None:
    """Raise OutputError if standard output was closed from the start, before work whose result would be lost."""
    if STDOUT in _closed:
        raise OutputError("it is closed")


def read_input() -> bytes:
    """Return all of standard input. Raises InputError."""
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(error.strerror) from error


def read_line() -> str:
    """Return the next line of standard input without its line end. Raises InputError."""
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except OSError as error:
        raise InputError(error.strerror) from error
    except UnicodeDecodeError:
        raise InputError("it is not UTF-8 text") from None

"""The user's editor in this terminal, on a text of the program.

The program goes on meanwhile: replies arrive and are saved. It reads no keys until the editor has ended, and what it
draws is dropped by its driver.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from textual.app import App

FALLBACKS = ("sensible-editor", "editor", "nano", "vim", "vi")
"""Editors to look for where neither VISUAL nor EDITOR is set."""

WINDOW_SECONDS = 1.0
"""An editor that ends sooner, and changes nothing, has opened a window of its own."""


class EditorError(Exception):
    """The text was not edited; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Result of an editor."""

    text: str
    note: str = ""
    """Sentence for the user; empty if there is nothing to say."""


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """Return the editor with its arguments. Raises EditorError."""
    for name in ("VISUAL", "EDITOR"):
        if value := environ.get(name, "").strip():
            try:
                words = shlex.split(value)
            except ValueError:
                raise EditorError(f"{name} is not a command: {value}") from None
            words[0] = os.path.expanduser(words[0])
            if shutil.which(words[0], path=environ.get("PATH")) is None:
                raise EditorError(f"{name} names {words[0]}, which cannot be run. Your text is unchanged.")
            return words
    for name in FALLBACKS:
        if shutil.which(name, path=environ.get("PATH")) is not None:
            return [name]
    raise EditorError("There is no editor. Set EDITOR to one, for example: export EDITOR=nano")


async def edit_text(app: App[Any], text: str, environ: Mapping[str, str], *, suffix: str = ".md") -> Edited:
    """Return ``text`` as the user has edited it. Raises EditorError; then nothing has changed.

    What an editor has saved before it failed stays in its file, which the error names.
    """
    command = editor_command(environ)
    folder = Path(tempfile.mkdtemp(prefix="sterna-"))
    path = folder / f"text{suffix}"
    keeps_file = False
    try:
        _write(path, text)
        began = monotonic()
        code = await _run(app, [*command, str(path)], environ)
        after = path.read_bytes().decode("utf-8", "replace") if path.exists() else text
        if code:
            keeps_file = after != text
            saved = f" What it saved is in {path}." if keeps_file else ""
            raise EditorError(f"{command[0]} ended with code {code}. Your text is unchanged.{saved}")
        if not text.endswith("\n"):
            after = after.removesuffix("\n")  # which editors add at the end of a file
        if after == text and monotonic() - began < WINDOW_SECONDS:
            return Edited(text, f"{command[0]} ended at once. If it opens a window, add its option to wait to EDITOR.")
        return Edited(after)
    except OSError as error:
        raise EditorError(f"The editor could not be opened ({error.strerror}). Your text is unchanged.") from None
    finally:
        if not keeps_file:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(app: App[Any], command: list[str], environ: Mapping[str, str]) -> int:
    """Run a program in the terminal of the application, and return its exit code."""
    terminal = sys.__stderr__
    out = terminal.fileno() if terminal is not None and not os.isatty(1) else None
    failure: BaseException | None = None
    code = 0
    with nullcontext() if app.is_headless else app.suspend(), _no_interrupt():
        try:
            process = await asyncio.create_subprocess_exec(*command, stdout=out, env=dict(environ))
            code = await process.wait()
        except BaseException as error:  # noqa: BLE001 - Textual takes the terminal back only if nothing is raised here
            failure = error
    app.refresh(layout=True)
    if failure is not None:
        raise failure
    return code


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Leave ctrl+c to the editor. A handler, unlike ignoring the signal, is not passed on to it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="replace", newline="", opener=_private) as file:
        file.write(text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""Files that a command writes: complete or not at all. A pipe or a device is written to as it is."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import click

INCOMPLETE = "The export is incomplete."


@contextmanager
def new_file(path: Path, *, force: bool, folder: Path | None = None) -> Iterator[TextIO]:
    """Give the file to write to, which only its owner can read; it is at ``path`` once it is complete.

    A file that exists is replaced with ``force`` alone. Raises ClickException when that is not possible. Errors of one
    of many files name ``folder``.
    """
    special = _special(path)
    named, result = folder or path, INCOMPLETE if folder == path.parent else "Nothing was exported."
    if special is not None:
        with _errors(path, INCOMPLETE), os.fdopen(special, "w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    if path.is_dir():
        raise click.ClickException(f"{path} already exists and is a folder. Name a file.")
    _require_new(path, "file", force)
    target = path.resolve() if force else path  # what a link leads to is replaced, not the link
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise click.ClickException(f"{named} cannot be made ({error.strerror}). Name another file.") from error
    part = Path(name)
    try:
        with _errors(named, result), os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
            if folder is None:
                file.flush()
                os.fsync(file.fileno())
        with _errors(named, result):
            _place(part, target, path, force)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """Give the folder to write files into; a new one is at ``path`` once it is complete.

    With ``force`` an existing folder is given as it is: files of the same name are replaced, others stay.
    """
    if force and path.is_dir():
        yield path
        return
    _require_new(path, "folder", False)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise click.ClickException(f"The folder {path} cannot be made ({error.strerror}). Name a new one.") from error
    try:
        yield part
        _require_new(path, "folder", False)
        with _errors(path):
            part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_new(path: Path, what: str, force: bool) -> None:
    if not force and (path.exists() or path.is_symlink()):
        hint = "replace it" if what == "file" else "write into it"
        raise click.ClickException(f"{path} already exists. Name another {what}, or use --force to {hint}.")


def _place(part: Path, target: Path, path: Path, force: bool) -> None:
    """Give the complete file its name. Without ``force`` one that appeared meanwhile is not replaced."""
    if not force:
        try:
            target.hardlink_to(part)
        except FileExistsError:
            _require_new(path, "file", force)
        except OSError:  # a file system without links
            _require_new(path, "file", force)
        else:
            return
    part.replace(target)


@contextmanager
def _errors(path: Path, result: str = "Nothing was exported.") -> Iterator[None]:
    """Say what could not be written, and what there is."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written ({error.strerror}). {result}") from error


def _special(path: Path) -> int | None:
    """Return a descriptor of a pipe, a device or standard output; None for what is or will be a file."""
    if not path.exists() or path.is_dir():
        return None
    if _is_standard_output(path):
        return os.dup(sys.stdout.fileno())  # at its position, in place of over what it holds
    if path.is_file():
        return None
    try:
        return os.open(path, os.O_WRONLY)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be opened ({error.strerror}). Name another file.") from error


def _is_standard_output(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False

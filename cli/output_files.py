"""Atomic output files and folders of a command. Pipes and devices are written directly."""

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
    """Open a file for writing, readable by its owner only, which appears at ``path`` once it is complete.

    An existing file is replaced only with ``force``. Raises ClickException; errors of one of several files name
    ``folder``.
    """
    special = _special(path)
    shown, result = folder or path, INCOMPLETE if folder == path.parent else "Nothing was exported."
    if special is not None:
        with _errors(path, INCOMPLETE), os.fdopen(special, "w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    if path.is_dir():
        raise click.ClickException(f"{path} already exists and is a folder. Choose a file.")
    _require_new(path, "file", force)
    target = path.resolve() if force else path  # the target of a link is replaced, not the link
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise click.ClickException(f"{shown} cannot be created ({error.strerror}). Choose another file.") from error
    part = Path(name)
    try:
        with _errors(shown, result), os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
            if folder is None:
                file.flush()
                os.fsync(file.fileno())
        with _errors(shown, result):
            _publish(part, target, path, force)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def new_binary(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty file, readable by its owner only, which appears at ``path`` once it is complete.

    An existing file is replaced only with ``force``. Raises ClickException.
    """
    if path.is_dir():
        raise click.ClickException(f"{path} already exists and is a folder. Choose a file.")
    _require_new(path, "file", force)
    target = path.resolve() if force else path
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be created ({error.strerror}). Choose another file.") from error
    part = Path(name)
    os.close(descriptor)
    try:
        yield part
        with _errors(path):
            _publish(part, target, path, force)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """Create a folder, which appears at ``path`` once it is complete.

    With ``force`` an existing folder is used directly: files of the same name are replaced, others stay.
    """
    if force and path.is_dir():
        yield path
        return
    _require_new(path, "folder", False)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise click.ClickException(
            f"The folder {path} cannot be created ({error.strerror}). Choose another one."
        ) from error
    try:
        yield part
        _require_new(path, "folder", False)
        with _errors(path):
            part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_new(path: Path, kind: str, force: bool) -> None:
    if not force and (path.exists() or path.is_symlink()):
        hint = "replace it" if kind == "file" else "write into it"
        raise click.ClickException(f"{path} already exists. Choose another {kind}, or use --force to {hint}.")


def _publish(part: Path, target: Path, path: Path, force: bool) -> None:
    """Move the complete file to its path. Without ``force``, one created there meanwhile is not replaced."""
    if not force:
        try:
            target.hardlink_to(part)
        except FileExistsError:
            _require_new(path, "file", force)
        except OSError:  # file system without hard links
            _require_new(path, "file", force)
        else:
            return
    part.replace(target)


@contextmanager
def _errors(path: Path, result: str = "Nothing was exported.") -> Iterator[None]:
    """Turn OSError into a message about ``path`` with the ``result``."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written ({error.strerror}). {result}") from error


def _special(path: Path) -> int | None:
    """Return a descriptor of a pipe, a device or standard output; None for a regular or new file."""
    if not path.exists() or path.is_dir():
        return None
    if _is_standard_output(path):
        return os.dup(sys.stdout.fileno())  # continues at its position instead of overwriting the file
    if path.is_file():
        return None
    try:
        return os.open(path, os.O_WRONLY)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be opened ({error.strerror}). Choose another file.") from error


def _is_standard_output(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False

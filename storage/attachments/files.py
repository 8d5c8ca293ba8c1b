"""Files of attachments: one folder beside the database, each file named by the SHA-256 of its content.

A file is written under a temporary name, synced to the disk and renamed, so that a name always stands for all of its
content. The methods run in any thread; none of them reads the database.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..database.sqlite_errors import unwritable
from ..errors import Invalid, NotFound
from ..ids import RANDOM_LENGTH, base36
from ..records import is_attachment_id
from ..text import one_line

FOLDER_SUFFIX = "-attachments"
PIECE_BYTES = 256 * 1024
"""Bytes that are read or written at once."""
TEXT_SUFFIX = ".txt"
"""Suffix of the text that was extracted from a file, which is kept beside it."""
_UNSAFE = re.compile(r'[/\\:*?"<>|]')
MAX_NAME = 120
PART_SUFFIX = ".part"
"""Suffix of a file that is being downloaded."""

OPENED_FOLDER = "opened"
"""Folder of copies that other programs opened."""


class Kept(NamedTuple):
    """Content that was kept."""

    id: str
    size: int
    is_new: bool


def folder_of(database: Path) -> Path:
    """Return the folder of the attachments of a history."""
    return database.with_name(f"{database.stem}{FOLDER_SUFFIX}")


class AttachmentFiles:
    """Files of one history."""

    def __init__(self, database: Path) -> None:
        self.folder = folder_of(database)
        self._database = database

    def path(self, attachment_id: str) -> Path:
        """Return the path of a file, whether or not it is there."""
        if not is_attachment_id(attachment_id):
            raise Invalid("That is no id of an attachment.")
        return self.folder / attachment_id

    def has(self, attachment_id: str) -> bool:
        """Return whether a file is there."""
        return self.path(attachment_id).is_file()

    def add(self, pieces: Iterable[bytes]) -> Kept:
        """Keep the content that ``pieces`` yield. Raises StoreUnwritable."""
        digest, size = hashlib.sha256(), 0
        with self._writable(), self._draft() as draft:
            with _create(draft) as file:
                for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            path = self.folder / digest.hexdigest()
            is_new = not path.exists()
            self._rename(draft, path)
        return Kept(path.name, size, is_new)

    def read(self, attachment_id: str) -> bytes:
        """Return the content of a file. Raises NotFound."""
        try:
            return self.path(attachment_id).read_bytes()
        except OSError as error:
            raise NotFound("The attached file is not on this computer.") from error

    def read_piece(self, attachment_id: str, offset: int, length: int = PIECE_BYTES) -> bytes:
        """Return a part of a file; b"" behind its end. Raises NotFound."""
        try:
            with self.path(attachment_id).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise NotFound("The attached file is not on this computer.") from error

    def text(self, attachment_id: str, extract: Callable[[], str]) -> str:
        """Return the text of a file, which is extracted once and kept where possible."""
        kept = self.path(attachment_id).with_suffix(TEXT_SUFFIX)
        try:
            return kept.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            pass
        text = extract()
        with suppress(OSError), self._draft() as draft:
            with _create(draft) as file:
                file.write(text.encode("utf-8", "replace"))
            draft.replace(kept)
        return text

    # Downloads

    def received(self, attachment_id: str) -> int:
        """Return how many bytes of a file that is being downloaded are here."""
        with suppress(OSError):
            return self._part(attachment_id).stat().st_size
        return 0

    def receive(self, attachment_id: str, offset: int, piece: bytes) -> None:
        """Write a piece of a download at its place. Raises StoreUnwritable."""
        with self._writable():
            self._folder()
            flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if offset == 0 else 0)
            with os.fdopen(os.open(self._part(attachment_id), flags, 0o600), "wb") as file:
                file.seek(offset)
                file.truncate()
                file.write(piece)

    def discard(self, attachment_id: str) -> None:
        """Remove what has arrived of a download."""
        with suppress(OSError):
            self._part(attachment_id).unlink(missing_ok=True)

    def complete(self, attachment_id: str) -> bool:
        """Give a download its final name; False, and it is removed, when its content is not what its name says."""
        part = self._part(attachment_id)
        with self._writable():
            digest = hashlib.sha256()
            with part.open("r+b") as file:
                while piece := file.read(PIECE_BYTES):
                    digest.update(piece)
                os.fsync(file.fileno())
            if digest.hexdigest() != attachment_id:
                part.unlink()
                return False
            self._rename(part, self.path(attachment_id))
        return True

    def copy_to_open(self, attachment_id: str, name: str) -> Path:
        """Return a copy under the file's own name, for another program, which may change it. Raises StoreError."""
        content = self.read(attachment_id)
        with self._writable():
            folder = self._folder() / OPENED_FOLDER / attachment_id[:12]
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            copy = folder / safe_name(name)
            if not copy.exists():
                with _create(copy) as file:
                    file.write(content)
        return copy

    # Maintenance

    def copy_from(self, other: AttachmentFiles, attachment_id: str) -> bool:
        """Take over a file of another history; False when it is not there either."""
        if self.has(attachment_id):
            return True
        if not other.has(attachment_id):
            return False
        self.add(read_pieces(other.path(attachment_id)))
        return True

    def remove(self, attachment_id: str) -> None:
        """Remove a file with all that was made of it."""
        path = self.path(attachment_id)
        with suppress(OSError):
            for file in (path, path.with_suffix(TEXT_SUFFIX), self._part(attachment_id)):
                file.unlink(missing_ok=True)

    def ids(self) -> Iterator[tuple[str, float]]:
        """Yield the ids of all files with their times of change, in seconds since 1970."""
        yield from ((name, time) for name, time in self._entries() if is_attachment_id(name))

    def remove_leftovers(self, before: float) -> None:
        """Remove what an interrupted write or download left, when it was last changed before a time."""
        for name, time in self._entries():
            if not is_attachment_id(name) and not name.endswith(TEXT_SUFFIX) and time < before:
                if name == OPENED_FOLDER:
                    shutil.rmtree(self.folder / name, ignore_errors=True)
                else:
                    with suppress(OSError):
                        (self.folder / name).unlink(missing_ok=True)

    def _entries(self) -> list[tuple[str, float]]:
        with suppress(OSError), os.scandir(self.folder) as entries:
            return [(entry.name, entry.stat(follow_symlinks=False).st_mtime) for entry in entries]
        return []

    def _part(self, attachment_id: str) -> Path:
        return self.path(attachment_id).with_suffix(PART_SUFFIX)

    def _folder(self) -> Path:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return self.folder

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """Yield a path for a new file, which is removed at the end unless it was renamed."""
        draft = self._folder() / f".{base36(RANDOM_LENGTH)}.new"
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _rename(self, draft: Path, path: Path) -> None:
        draft.replace(path)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(error, self._database) from error


def _create(path: Path) -> BinaryIO:
    """Return a new file that only its owner can read. Raises OSError if it exists."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def read_pieces(path: Path) -> Iterator[bytes]:
    """Yield the content of a file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def safe_name(name: str) -> str:
    """Return a name for a new file on any system: no path, and nothing that hides it or means an option."""
    cleaned = _UNSAFE.sub("_", one_line(name)).strip(" .")[-MAX_NAME:].lstrip("-. ")
    return cleaned or "attachment"


def erase_folder(database: Path) -> None:
    """Remove all attachments of a history."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder_of(database))

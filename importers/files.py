"""Files of an export on disk: a file, a folder, or a zip archive, also one inside another.

Nothing is unpacked: a member of an archive is read when a reader opens it. Only what needs a file of its own (a
database, an archive in an archive) is copied, to a temporary folder that :meth:`Files.close` removes. Paths are names
in a dictionary and are never joined to a folder on disk.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from .tree import HEAD, FileTree
from .utf16 import in_utf8

if TYPE_CHECKING:
    from .archives import Archive

MOST_FILES = 500_000
MOST_COPIED = 8 << 30
"""Bytes that may be copied to the temporary folder."""
MOST_PROBLEMS = 100
"""Files that cannot be read and are named."""
DEEPEST_ARCHIVE = 3
"""Archives within archives that are opened."""
HEADS = 64 << 20
"""Bytes of beginnings kept in memory."""
BINARY_HEAD = 512
"""Bytes that are kept of a file which is neither text nor a database."""
SQLITE = b"SQLite format 3\0"

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_BOM = b"\xef\xbb\xbf"
_ARCHIVE_ENDS = (".zip", ".bak")
_PASSED_OVER = {"__MACOSX", ".DS_Store", ".git", "node_modules"}


def open_tree(path: Path, *, most_files: int = MOST_FILES) -> Files:
    """Return the files of an export. Raises OSError, with a sentence for a person, where it cannot be read."""
    files = Files(most_files)
    try:
        files.take(path)
    except BaseException:
        files.close()
        raise
    return files


class TooManyFiles(OSError):
    """A tree that is too large to be looked through."""


class Files(FileTree):
    """Tree of files on disk and in archives. A context manager: closing it removes what was copied."""

    def __init__(self, most_files: int = MOST_FILES) -> None:
        self._most_files = most_files
        self._entries: dict[str, Path | tuple[Archive, str]] = {}
        self._sorted: list[str] | None = None
        self._archives: list[Archive] = []
        self._heads: OrderedDict[str, bytes] = OrderedDict()
        self._heads_size = 0
        self._copies: dict[str, Path] = {}
        self._folder: str | None = None
        self._room = MOST_COPIED
        self.problems: list[str] = []
        """Sentences about what could not be read."""

    def take(self, path: Path) -> None:
        """Add a file, folder or archive."""
        if path.is_dir():
            self._take_folder(path)
        elif path.exists() and not path.is_file():
            raise OSError(f"{path} is not an ordinary file. Import a copy of its content.")
        elif not path.is_file():
            raise FileNotFoundError(f"There is no file or folder {path}.")
        elif _is_archive(path):
            self._take_archive(path, "", path.name, 1)
        else:
            with path.open("rb"):
                self._add(path.name, path)

    @property
    def paths(self) -> Sequence[str]:
        if self._sorted is None:
            self._sorted = sorted(self._entries)
        return self._sorted

    def open(self, path: str) -> BinaryIO:
        match self._entries.get(path):
            case None:
                raise FileNotFoundError(f"There is no file {path}.")
            case Path() as file:
                return in_utf8(file.open("rb"))
            case (archive, name):
                return in_utf8(archive.open(name, path))

    def head(self, path: str) -> bytes:
        if (head := self._heads.get(path)) is not None:
            self._heads.move_to_end(path)
            return head
        head = b""
        try:
            with self.open(path) as file:
                head = file.read(HEAD).removeprefix(_BOM)
        except OSError as error:
            self._note_unreadable(path, error)
        if b"\0" in head[:BINARY_HEAD] and not head.startswith(SQLITE):
            head = head[:BINARY_HEAD]
        self._heads[path] = head
        self._heads_size += len(head)
        while self._heads_size > HEADS:
            self._heads_size -= len(self._heads.popitem(last=False)[1])
        return head

    def size(self, path: str) -> int:
        match self._entries.get(path):
            case Path() as file:
                with suppress(OSError):
                    return file.stat().st_size
            case (archive, name):
                return archive.size(name)
        return 0

    def modified(self, path: str) -> float | None:
        """Return when a file was changed last, in seconds since 1970; None where that is not known."""
        match self._entries.get(path):
            case Path() as file:
                with suppress(OSError):
                    return file.stat().st_mtime
            case (archive, name):
                return archive.modified(name)
        return None

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        match self._entries.get(path):
            case Path() as file:
                yield file
            case _:
                yield self._copy(path)

    def is_archive(self, path: str) -> bool:
        """Return whether the files in this archive stand in the tree, too."""
        return next(self.children(path), None) is not None

    def close(self) -> None:
        for archive in self._archives:
            archive.close()
        self._archives.clear()
        self._copies.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _take_folder(self, root: Path) -> None:
        seen: set[tuple[int, int]] = set()
        waiting = [(root, "")]
        archives: list[tuple[Path, str]] = []
        while waiting:
            folder, prefix = waiting.pop()
            try:
                at = folder.stat()
                if (at.st_dev, at.st_ino) in seen:  # a link that leads back
                    continue
                seen.add((at.st_dev, at.st_ino))
                entries = list(os.scandir(folder))
            except OSError as error:
                if not prefix:
                    raise
                self.problems.append(f"The folder {prefix.rstrip('/')} cannot be read: {error.strerror}.")
                continue
            for entry in entries:
                if _is_passed_over(entry.name):
                    continue
                file = Path(entry.path)
                name = prefix + _name(entry.name)
                mode = _mode(entry)
                if stat.S_ISDIR(mode):
                    waiting.append((file, f"{name}/"))
                elif stat.S_ISREG(mode):
                    name = self._add(name, file)
                    if name.lower().endswith(_ARCHIVE_ENDS):
                        with suppress(OSError):
                            if _is_archive(file):
                                archives.append((file, name))
        for file, name in archives:
            self._take_inner_archive(file, name, 1)

    def _take_archive(self, file: Path, prefix: str, shown: str, depth: int) -> None:
        from .archives import Archive

        archive = Archive(file, shown)
        self._archives.append(archive)
        inner = []
        for name in archive.names():
            parts = _parts(name)
            if parts and not any(_is_passed_over(part) for part in parts):
                path = self._add(prefix + "/".join(parts), (archive, name))
                if path.lower().endswith(_ARCHIVE_ENDS):
                    inner.append(path)
        if archive.is_encrypted:
            self.problems.append(f"{shown} is encrypted. Unpack it with its password and import the folder.")
        for path in inner:
            if not self.head(path).startswith(_ZIP):
                continue
            if depth >= DEEPEST_ARCHIVE:
                self.problems.append(f"{path} lies in {depth} archives. Unpack the outer ones and import it.")
            else:
                try:
                    copy = self._copy(path)
                except OSError as error:
                    self.problems.append(str(error))
                else:
                    self._take_inner_archive(copy, path, depth + 1)

    def _take_inner_archive(self, file: Path, path: str, depth: int) -> None:
        try:
            self._take_archive(file, f"{path}/", path, depth)
        except TooManyFiles:
            raise
        except OSError as error:
            self.problems.append(str(error))

    def _add(self, path: str, entry: Path | tuple[Archive, str]) -> str:
        free, number = path, 1
        while free in self._entries:
            number += 1
            free = f"{path} ({number})"
        if len(self._entries) >= self._most_files:
            raise TooManyFiles(f"There are more than {self._most_files:,} files. Choose a smaller folder.")
        self._entries[free] = entry
        self._sorted = None
        return free

    def _note_unreadable(self, path: str, error: OSError) -> None:
        match self._entries.get(path):
            case (archive, _) if archive.is_encrypted:
                return  # the archive is named as a whole
        sentence = f"{path} cannot be read ({error.strerror})." if error.strerror else str(error)
        if sentence not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(sentence)

    def _copy(self, path: str) -> Path:
        """Return a copy on disk, made once; a database's -wal file stands beside it."""
        if path not in self._copies:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="sterna-import-")
            folder = tempfile.mkdtemp(dir=self._folder)
            target = Path(folder, "copy")
            self._write_copy(path, target)
            if f"{path}-wal" in self._entries:
                self._write_copy(f"{path}-wal", Path(folder, "copy-wal"))
            self._copies[path] = target
        return self._copies[path]

    def _write_copy(self, path: str, target: Path) -> None:
        with self.open(path) as source, target.open("wb") as copy:
            while chunk := source.read(1 << 20):
                self._room -= len(chunk)
                if self._room < 0:
                    raise OSError(f"{path} is too large to be unpacked. Unpack the archive and import the folder.")
                copy.write(chunk)


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (_ZIP, _EMPTY_ZIP)


def _mode(entry: os.DirEntry[str]) -> int:
    """Return what kind of file an entry is; 0 for a link that leads nowhere."""
    try:
        return entry.stat().st_mode
    except OSError:
        return 0


def _is_passed_over(name: str) -> bool:
    return name in _PASSED_OVER or name.startswith("._")


def _parts(name: str) -> list[str]:
    """Return the parts of an archive's entry name that say something."""
    return [_name(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def _name(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

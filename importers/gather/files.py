"""Files of a source on disk: which there are, which changed, and the tree in which readers find them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from sterna.storage.imports.gathered import FollowedFile

from ..tree import HEAD, FileTree
from .sources import Root

HEADS = 500
"""Beginnings of files that are kept in memory."""
MARKED_HEAD = 1024
"""Bytes by which a file is recognized as the one that was read before."""
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class SourceFile:
    """One file as it is now."""

    path: Path
    inode: int
    size: int
    modified_ns: int
    is_history: bool = True
    """False for a file that only says more about others."""

    def same_as(self, before: FollowedFile | None) -> bool:
        return before is not None and (self.inode, self.size, self.modified_ns) == (
            before.inode,
            before.size,
            before.modified_ns,
        )


@dataclass(slots=True)
class Found:
    """Files of a source, by their names in the tree."""

    files: dict[str, SourceFile] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def find_files(roots: Iterable[Root], excludes: Sequence[str] = (), home: Path | None = None) -> Found:
    """Return the files below some roots. Links to folders are not followed, and nothing is opened."""
    found = Found()
    left_out = [excluded(pattern, home) for pattern in excludes]
    names: dict[str, int] = {}
    for root in roots:
        folder = _tree_folder(root.path, names)
        kinds = [(_pattern(one), True) for one in root.patterns] + [(_pattern(one), False) for one in root.companions]
        for relative, path in _walk(root.path, found.problems):
            is_history = next((kind for pattern, kind in kinds if pattern.fullmatch(relative)), None)
            if is_history is None or any(pattern.fullmatch(str(path)) for pattern in left_out):
                continue
            try:
                state = path.stat()
            except OSError:  # it vanished
                continue
            size, modified = state.st_size, state.st_mtime_ns
            if _is_database(path):
                size, modified = _with_log(path, size, modified)
            found.files[folder + relative] = SourceFile(path, state.st_ino, size, modified, is_history)
    return found


def _tree_folder(root: Path, names: dict[str, int]) -> str:
    """Return where the files of a root stand in the tree: below its own name, a single file at the top."""
    number = names[root.name] = names.get(root.name, 0) + 1
    above = "" if number == 1 else f"{number}/"
    return above if os.path.isfile(root) else f"{above}{root.name}/"


def _walk(root: Path, problems: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder with their relative paths; of a file its name."""
    if os.path.isfile(root):
        yield root.name, root
        return
    waiting = [(str(root), "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, f"{prefix}{entry.name}/"))
                    elif entry.is_file(follow_symlinks=False):
                        yield prefix + entry.name, Path(entry.path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"The folder {folder} cannot be read: {error.strerror}.")


def _is_database(path: Path) -> bool:
    return path.suffix in (".db", ".vscdb")


def _with_log(path: Path, size: int, modified: int) -> tuple[int, int]:
    """Add the write-ahead log of a database, in which its newest changes are."""
    try:
        log = os.stat(f"{path}-wal")
    except OSError:
        return size, modified
    return size + log.st_size, max(modified, log.st_mtime_ns)


@lru_cache(maxsize=200)
def _pattern(pattern: str) -> re.Pattern[str]:
    """Return what a pattern of a root matches: ``**/`` any folders, ``*`` anything but a slash."""
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    kinds = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts), re.DOTALL)


def excluded(pattern: str, home: Path | None) -> re.Pattern[str]:
    """Return what a person's pattern matches: whole paths, and everything below a folder; a name anywhere."""
    if pattern.startswith("~/") and home is not None:
        pattern = f"{home}/{pattern[2:]}"
    if not pattern.startswith(("/", "*")):
        pattern = f"*/{pattern}"
    pattern = pattern.rstrip("/")
    return re.compile(f"(?:{translate(pattern)}|{translate(pattern + '/*')})", re.DOTALL)


def is_continued(file: SourceFile, before: FollowedFile) -> bool:
    """Return whether a file that changed only grew: what was read of it still stands there.

    A database says by itself what changed in it, and its beginning counts the changes.
    """
    if _is_database(file.path):
        return file.inode == before.inode
    if file.inode != before.inode or file.size < before.size or not before.head_size:
        return False
    return head_hash(file.path, before.head_size) == before.head


def head_hash(path: Path, size: int) -> str:
    """Return the hash of the first bytes of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return blake2b(file.read(size), digest_size=8).hexdigest()
    except OSError:
        return ""


def followed(file: SourceFile, mark: str) -> FollowedFile:
    """Return the state to keep of a file that was read."""
    size = min(file.size, MARKED_HEAD)
    head = head_hash(file.path, size) if mark and not _is_database(file.path) else ""
    return FollowedFile(file.inode, file.size, file.modified_ns, size if head else 0, head, mark)


class FollowedTree(FileTree):
    """Tree of the files of a source, or of some of them."""

    def __init__(self, files: Mapping[str, SourceFile], heads: dict[str, bytes] | None = None) -> None:
        self._files = files
        self._sorted = sorted(files)
        self._heads: dict[str, bytes] = {} if heads is None else heads

    def only(self, paths: Iterable[str]) -> FollowedTree:
        """Return the tree with some of its files."""
        return FollowedTree({path: self._files[path] for path in paths}, self._heads)

    @property
    def paths(self) -> Sequence[str]:
        return self._sorted

    def open(self, path: str) -> BinaryIO:
        return self._file(path).open("rb")

    def head(self, path: str) -> bytes:
        if path not in self._heads:
            try:
                with self.open(path) as file:
                    head = file.read(HEAD).removeprefix(_BOM)
            except OSError:
                return b""
            if len(self._heads) >= HEADS:
                self._heads.clear()
            self._heads[path] = head
        return self._heads[path]

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        yield self._file(path)

    def size(self, path: str) -> int:
        return self._files[path].size if path in self._files else 0

    def modified(self, path: str) -> float | None:
        return self._files[path].modified_ns / 1e9 if path in self._files else None

    def _file(self, path: str) -> Path:
        if path not in self._files:
            raise FileNotFoundError(f"There is no file {path}.")
        return self._files[path].path

"""Files of an export: one file, a folder, or a zip archive, which look alike to a reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO
from weakref import WeakValueDictionary

HEAD = 65_536
"""Bytes of the beginning of a file, enough to recognize it."""


_in_use: WeakValueDictionary[int, FileTree] = WeakValueDictionary()
"""Trees that attachments in files name."""


class FileTree(ABC):
    """Tree of files with relative paths, ``/`` between folders. Zip archives in it are folders of its own."""

    def __reduce__(self) -> tuple[Callable[[int], FileTree], tuple[int]]:
        """Let an attachment that is kept in a file of this process name its tree instead of containing it."""
        _in_use[id(self)] = self
        return _tree_in_use, (id(self),)

    @property
    @abstractmethod
    def paths(self) -> Sequence[str]:
        """Return the paths of all files, sorted; of a single file its name."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Return a file to read. Raises OSError, also where an archive is damaged."""

    @abstractmethod
    def head(self, path: str) -> bytes:
        """Return the first HEAD bytes of a file without a byte order mark, from memory the second time; of a file that
        is neither text nor a database perhaps fewer, and none of one that cannot be read.
        """

    @abstractmethod
    def local(self, path: str) -> AbstractContextManager[Path]:
        """Return a file on disk with the content of ``path`` (SQLite needs one): itself, or a copy out of an archive.

        Beside a database its -wal file is taken along.
        """

    @abstractmethod
    def size(self, path: str) -> int:
        """Return its size in bytes, uncompressed."""

    def modified(self, path: str) -> float | None:
        """Return when it was changed last, in seconds since 1970; None where that is not known."""
        return None

    def children(self, folder: str) -> Iterator[str]:
        """Yield the paths of all files below a folder; ``""`` is the tree itself."""
        prefix = f"{folder}/" if folder else ""
        paths = self.paths
        for place in range(bisect_left(paths, prefix), len(paths)):
            if not paths[place].startswith(prefix):
                return
            yield paths[place]

    def has(self, path: str) -> bool:
        """Return whether there is a file with this path."""
        place = bisect_left(self.paths, path)
        return place < len(self.paths) and self.paths[place] == path


def _tree_in_use(number: int) -> FileTree:
    return _in_use[number]

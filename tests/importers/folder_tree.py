"""A folder as a file tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sterna.importers.tree import HEAD, FileTree


class FolderTree(FileTree):
    """Files of a folder on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def paths(self) -> list[str]:
        return sorted(str(path.relative_to(self._folder)) for path in self._folder.rglob("*") if path.is_file())

    def open(self, path: str) -> BinaryIO:
        return (self._folder / path).open("rb")

    def head(self, path: str) -> bytes:
        with self.open(path) as file:
            return file.read(HEAD).removeprefix(b"\xef\xbb\xbf")

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        yield self._folder / path

    def size(self, path: str) -> int:
        return (self._folder / path).stat().st_size

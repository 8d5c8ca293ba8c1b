"""File trees in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from sterna.importers import Conversation, Reader, Skipped
from sterna.importers.tree import HEAD, FileTree

SAMPLES = Path(__file__).parent / "samples"


class MemoryTree(FileTree):
    """Files given as bytes, text or JSON values."""

    def __init__(self, files: dict[str, Any]) -> None:
        self.files = {
            path: content if isinstance(content, bytes) else _bytes(content) for path, content in files.items()
        }

    @property
    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def open(self, path: str) -> BinaryIO:
        if path not in self.files:
            raise FileNotFoundError(path)
        return BytesIO(self.files[path])

    def head(self, path: str) -> bytes:
        return self.files[path].removeprefix(b"\xef\xbb\xbf")[:HEAD]

    @contextmanager
    def local(self, path: str) -> Iterator[Path]:
        with TemporaryDirectory() as folder:
            copied = Path(folder, "copy")
            copied.write_bytes(self.files[path])
            yield copied

    def size(self, path: str) -> int:
        return len(self.files[path])


def _bytes(content: object) -> bytes:
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def folder(path: Path) -> MemoryTree:
    """Return the files of a folder."""
    found = (file for file in path.rglob("*") if file.is_file())
    return MemoryTree({file.relative_to(path).as_posix(): file.read_bytes() for file in found})


def read_all(reader: Reader, tree: FileTree) -> list[Conversation | Skipped]:
    """Return everything that a reader finds in a tree."""
    return [item for path in reader.detect(tree) for item in reader.read(tree, path)]


def conversations(reader: Reader, files: dict[str, Any]) -> list[Conversation]:
    """Return the conversations of these files, in which nothing may be skipped."""
    found = read_all(reader, MemoryTree(files))
    assert [item for item in found if isinstance(item, Skipped)] == []
    return [item for item in found if isinstance(item, Conversation)]

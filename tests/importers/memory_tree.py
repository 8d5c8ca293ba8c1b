"""File trees in memory, and samples with wrong values in them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from hypothesis import strategies as st

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


_MEMBERS: list[Any] = [[], [None], {}, {"a": 1}, [[]], [{}], [1, "x", {"type": None}], {"id": [], "role": {}}]
_SCALARS: list[Any] = [None, True, 0, -1, 7, 1e300, float("nan"), "", "12", "\ud83d\0", "a" * 300, "{", "user", "text"]
WRONG = st.sampled_from([*_SCALARS, *_MEMBERS, "2026-02-30T99:00:00Z", "data:,"])


@st.composite
def damaged(draw: st.DrawFn, sample: Any) -> Any:
    """Draw a JSON value with up to six wrong values in it, anywhere."""
    value = copy.deepcopy(sample)
    for _ in range(draw(st.integers(1, 6))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw(WRONG))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            yield holder, key
            waiting.append(holder[key])

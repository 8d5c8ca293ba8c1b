"""Files of JSON lines that grow while their program runs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from .json_stream import BrokenJson, json_lines
from .records import Skipped
from .tree import HEAD, FileTree

ZSTD_HEAD = b"\x28\xb5\x2f\xfd"
Record = dict[str, Any]


def records(tree: FileTree, path: str) -> Iterator[tuple[int, Record | Skipped]]:
    """Yield the number and the object of each line; a Skipped for a line that is none.

    The last line may still be being written: without its end it is left out unless it is complete.
    """
    with log(tree, path) as file:
        broken: tuple[int, Skipped] | None = None
        for number, value in json_lines(file):
            if broken is not None:
                yield broken
                broken = None
            if isinstance(value, BrokenJson):
                broken = number, Skipped(str(value), where=f"{path}:{number}")
            elif isinstance(value, dict):
                yield number, value
            elif value is not None:
                yield number, Skipped(f"Line {number} is not a JSON object.", where=f"{path}:{number}")
        if broken is not None and _ends_a_line(tree, path):
            yield broken


def first_records(tree: FileTree, path: str, most: int = 50) -> list[Record]:
    """Return the objects of the first lines of a file, of which only the head is read."""
    head = tree.head(path)
    if head.startswith(ZSTD_HEAD):
        try:
            with log(tree, path) as file:
                head = file.read(HEAD)
        except Exception:  # noqa: BLE001 - damaged, or without zstandard
            return []
    if not head.lstrip().startswith(b"{"):
        return []
    found: list[Record] = []
    for line in head.splitlines(keepends=True)[:most]:
        if len(head) == HEAD and not line.endswith(b"\n"):
            break
        value = loaded(line)
        if isinstance(value, dict):
            found.append(value)
    return found


def log(tree: FileTree, path: str) -> BinaryIO:
    """Return a log to read, decompressed where it is compressed with zstd. Raises ImportError without zstandard."""
    if not tree.head(path).startswith(ZSTD_HEAD):
        return tree.open(path)
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        tree.open(path), read_across_frames=True, closefd=True
    )
    return io.BufferedReader(cast(io.RawIOBase, reader))


def loaded(line: bytes) -> Any:
    """Return the JSON value of a line; None where it is none."""
    try:
        return json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _ends_a_line(tree: FileTree, path: str) -> bool:
    with log(tree, path) as file:
        last = b""
        while chunk := file.read(1 << 20):
            last = chunk[-1:]
    return last == b"\n"

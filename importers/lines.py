"""Files of JSON lines that grow while their program runs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, cast

from .documents import beginning
from .json_stream import CHUNK, LARGEST_ITEM
from .records import Skipped
from .tree import HEAD, FileTree

BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n\xef\xbb\xbf"
ZSTD_HEAD = b"\x28\xb5\x2f\xfd"
Record = dict[str, Any]


@dataclass(slots=True)
class Place:
    """Place of a line in a log."""

    offset: int = 0
    """Bytes before it."""
    number: int = 1


def records(tree: FileTree, path: str) -> Iterator[tuple[int, Record | Skipped]]:
    """Yield the number and the object of each line; a Skipped for a line that is none.

    The last line may still be being written: without its end it is left out unless it is complete.
    """
    for place, record in records_from(tree, path, Place()):
        yield place.number, record


def records_from(tree: FileTree, path: str, start: Place) -> Iterator[tuple[Place, Record | Skipped]]:
    """Yield the place and the object of each line from a place on, as :func:`records` does."""
    offset, number = start.offset, start.number
    with log(tree, path) as file:
        if offset:
            file.seek(offset)
        while line := file.readline(LARGEST_ITEM):
            place = Place(offset, number)
            offset, number = offset + len(line), number + 1
            ends = line.endswith(b"\n")
            too_long = len(line) == LARGEST_ITEM and not ends
            while too_long and (rest := file.readline(CHUNK)):
                offset += len(rest)
                if rest.endswith(b"\n"):
                    break
            found = None if too_long else loaded(line.removeprefix(BOM) if not place.offset else line)
            where = f"{path}:{place.number}"
            if isinstance(found, dict):
                yield place, found
            elif too_long:
                yield place, Skipped(f"Line {place.number} is longer than {LARGEST_ITEM} bytes.", where=where)
            elif found is not None or (ends and line.strip(_SPACE) not in (b"", b"null")):
                kind = "not valid JSON" if found is None else "not a JSON object"
                yield place, Skipped(f"Line {place.number} is {kind}.", where=where)


def first_records(tree: FileTree, path: str, most: int = 50) -> list[Record]:
    """Return the objects of the first lines of a file, of which only the head is read."""
    return list(islice(each_first_record(tree, path), most))


def each_first_record(tree: FileTree, path: str) -> Iterator[Record]:
    """Yield the objects of the lines in the head of a file, parsed as they are asked for.

    Of a line that goes on behind the head, what stands in it is known.
    """
    head = tree.head(path)
    if head.startswith(ZSTD_HEAD):
        try:
            with log(tree, path) as file:
                head = file.read(HEAD)
        except Exception:  # noqa: BLE001 - damaged, or without zstandard
            return
    if not head.lstrip().startswith(b"{"):
        return
    start = 0
    while start < len(head):
        end = head.find(b"\n", start) + 1
        is_cut = not end and len(head) >= HEAD - len(BOM)
        value = beginning(head[start:]) if is_cut else loaded(head[start : end or len(head)])
        if isinstance(value, dict):
            yield value
        start = end or len(head)


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

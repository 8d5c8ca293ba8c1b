"""JSON files that are one document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .json_stream import LARGEST_ITEM, BrokenJson
from .tree import FileTree

_DECODER = json.JSONDecoder(strict=False)
_SPACE = " \t\r\n"
_DEEPEST = 12


def json_files(tree: FileTree, *keys: str) -> Iterator[tuple[str, bytes]]:
    """Yield the paths and the beginnings of files that begin like JSON and have one of these keys, whatever their names
    are.
    """
    marks = [b'"%b"' % key.encode() for key in keys]
    for path in tree.paths:
        head = tree.head(path)
        if head[:64].lstrip().startswith((b"{", b"[")) and any(mark in head for mark in marks):
            yield path, head


def document(tree: FileTree, path: str) -> Any:
    """Return the JSON value that a file is. Raises OSError, and BrokenJson where it is none."""
    with tree.open(path) as file:
        data = file.read(LARGEST_ITEM + 1)
    if len(data) > LARGEST_ITEM:
        raise BrokenJson(f"The file is larger than {LARGEST_ITEM >> 20} MB.")
    try:
        return json.loads(data.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        raise BrokenJson("The file is not valid JSON.") from None


def beginning(head: bytes, *keys: str) -> Any:
    """Return the JSON value that a file begins with, as far as its head contains it; None where it is none.

    What is cut off in the middle has the members before that place. With ``keys`` one of them must be there somewhere,
    which costs less to find out.
    """
    if keys and not any(b'"%b"' % key.encode() in head for key in keys):
        return None
    text = head.decode("utf-8", "replace")
    start = _after_space(text, 0)
    return _partial(text, start, _DEEPEST)[0] if text[start : start + 1] in ("{", "[") else None


def _partial(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Return the value at a place and where it ends: the end of the text where it is cut off."""
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        pass
    opened = text[at : at + 1]
    if not depth or opened not in ("{", "["):
        return None, len(text)
    found: dict[str, Any] = {}
    members: list[Any] = []
    while at < len(text):
        at = _after_space(text, at + 1)
        if opened == "{":
            key, at = _partial(text, at, 0)
            at = _after_space(text, at)
            if not isinstance(key, str) or text[at : at + 1] != ":":
                break
            found[key], at = _partial(text, _after_space(text, at + 1), depth - 1)
        elif at < len(text):
            member, at = _partial(text, at, depth - 1)
            members.append(member)
        at = _after_space(text, at)
        if text[at : at + 1] != ",":
            break
    return (found if opened == "{" else members), len(text)


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at

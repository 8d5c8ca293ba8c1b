"""Built-in tool ``read``: files and folders that the person named in the settings, and nothing beside them."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sterna.chat import ToolFile, ToolResult
from sterna.chat.attachments.inspection import decode_text, image_type
from sterna.storage import size_text

from .errors import ToolError
from .plain_text import plain, plain_line
from .results import LONGEST_TEXT

LARGEST_FILE = 8_000_000
MOST_ENTRIES = 500
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class _Place(NamedTuple):
    """Path inside one of the named files and folders, without links."""

    root: str
    parts: tuple[str, ...]


def read(arguments: Mapping[str, Any], named: Sequence[str], closed: Sequence[Path] = ()) -> ToolResult:
    """Return the content of a file, or the names in a folder. Raises ToolError.

    Folders in ``closed`` are never read: those of Sterna, with its keys.
    """
    path, start = arguments.get("path"), arguments.get("start", 1)
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise ToolError("read needs a path, as text.")
    if not isinstance(start, int) or isinstance(start, bool) or start < 1:
        raise ToolError("start has to be the number of a line: 1 or more.")
    shown = plain_line(path, 200)
    place = _place(path.strip(), named, closed)
    if place is None:
        raise ToolError(f"{shown} is outside of what may be read: {plain_line(', '.join(named), 1000)}")
    try:
        handle = _opened(place)
    except OSError as error:
        raise ToolError(f"{shown} cannot be read ({error.strerror or type(error).__name__}).") from error
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            return ToolResult(_listing(handle))
        if not stat.S_ISREG(status.st_mode):
            raise ToolError(f"{shown} is neither a file nor a folder.")
        if status.st_size > LARGEST_FILE:
            raise ToolError(f"{shown} has {size_text(status.st_size)}. At most {size_text(LARGEST_FILE)} can be read.")
        return _content(Path(path).name, _bytes(handle), start)
    except OSError as error:
        raise ToolError(f"{shown} cannot be read ({error.strerror or type(error).__name__}).") from error
    finally:
        os.close(handle)


def _place(path: str, named: Sequence[str], closed: Sequence[Path]) -> _Place | None:
    """Return where a path leads, links followed; None where that is outside."""
    roots = [os.path.realpath(os.path.expanduser(root)) for root in named]
    expanded = os.path.expanduser(path)
    tried = [expanded] if os.path.isabs(expanded) else [os.path.join(root, expanded) for root in roots]
    shut = [os.path.realpath(folder) for folder in closed]
    inside = []
    for candidate in tried:
        real = os.path.realpath(candidate)
        if any(_is_inside(real, folder) for folder in shut):
            continue
        inside += [_Place(root, tuple(Path(real).relative_to(root).parts)) for root in roots if _is_inside(real, root)]
    return next((place for place in inside if os.path.lexists(os.path.join(place.root, *place.parts))), None) or next(
        iter(inside), None
    )


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _opened(place: _Place) -> int:
    """Open a file or folder step by step, so that no link put there meanwhile is followed. Raises OSError."""
    handle = os.open(place.root, _FLAGS)
    for part in place.parts:
        try:
            inner = os.open(part, _FLAGS, dir_fd=handle)
        finally:
            os.close(handle)
        handle = inner
    return handle


def _listing(handle: int) -> str:
    lines = []
    with os.scandir(handle) as entries:
        for entry in entries:
            name = plain_line(os.fsencode(entry.name).decode("utf-8", "replace"), 255)
            if entry.is_symlink():
                lines.append(f"{name} (link)")
            elif entry.is_dir(follow_symlinks=False):
                lines.append(f"{name}/")
            else:
                lines.append(f"{name} ({size_text(entry.stat(follow_symlinks=False).st_size)})")
            if len(lines) > 20 * MOST_ENTRIES:
                break
    lines.sort()
    if len(lines) > MOST_ENTRIES:
        lines[MOST_ENTRIES:] = ["[More entries are left out.]"]
    return "\n".join(lines) or "(an empty folder)"


def _bytes(handle: int) -> bytes:
    pieces, size = [], 0
    while piece := os.read(handle, 1024 * 1024):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_FILE:
            raise ToolError(f"The file grew to more than {size_text(LARGEST_FILE)} while it was read.")
    return b"".join(pieces)


def _content(name: str, content: bytes, start: int) -> ToolResult:
    shown = plain_line(name, 200)
    if media_type := image_type(content):
        file = ToolFile(shown, media_type, content)
        return ToolResult(f"[{shown}, an image, {size_text(len(content))}]", files=(file,))
    if content.startswith(b"%PDF-"):
        text = _pdf_text(shown, content)
    elif b"\0" in content[:65536] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        raise ToolError(f"{shown} is binary ({size_text(len(content))}), not text.")
    else:
        text = decode_text(content)
    lines = plain(text).split("\n")
    if start > len(lines):
        raise ToolError(f"{shown} has {len(lines):,} lines.")
    taken, length = 0, 0
    for line in lines[start - 1 :]:
        length += len(line) + 1
        if length > LONGEST_TEXT and taken:
            break
        taken += 1
    text = "\n".join(lines[start - 1 : start - 1 + taken])
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}\n[The rest of this line is left out.]"
    end = start - 1 + taken
    if end < len(lines):
        text += f"\n[Lines {start:,} to {end:,} of {len(lines):,}. To read on: start={end + 1}]"
    return ToolResult(text or "(an empty file)")


def _pdf_text(shown: str, content: bytes) -> str:
    from sterna.chat.attachments.pdf_text import SENTENCES, extract

    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(content)
        file.flush()
        text, problem = extract(Path(file.name))
    if problem:
        raise ToolError(SENTENCES.get(problem, SENTENCES["damaged"]).format(name=shown))
    return text

"""Type of a file, by its content, and whether it can be attached. It may be anything: nothing is taken on trust."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sterna.storage import PIECE_BYTES, Invalid, one_line, size_text

MAX_BYTES = 50_000_000
"""Most bytes of an image or a PDF."""
MAX_TEXT_BYTES = 4_000_000
"""Most bytes of a text file: no model takes more."""
HEAD_BYTES = 64 * 1024
NAME_LENGTH = 255

IMAGES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
"""Media types of images, with Pillow's names."""
PDF = "application/pdf"
TEXT = "text/plain"
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_EXPECTED = {
    ".png": "image/", ".jpg": "image/", ".jpeg": "image/", ".gif": "image/", ".webp": "image/", ".pdf": PDF,
}  # fmt: skip
_OTHER_IMAGES = (".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".ico", ".psd")
_DOCUMENTS = (".doc", ".docx", ".odt", ".rtf", ".ppt", ".pptx", ".odp", ".xls", ".xlsx", ".ods", ".epub", ".pages")


def shown_name(path: Path | str) -> str:
    """Return the name of a file as text that can be stored and shown."""
    name = Path(path).name or str(path)
    return one_line(name.encode("utf-8", "replace").decode("utf-8"), NAME_LENGTH) or "file"


def open_file(path: Path) -> Iterator[bytes]:
    """Yield the content of an ordinary file in pieces. Raises Invalid, before the first one where it can be known.

    A pipe or a device is never read: it may never end.
    """
    name = shown_name(path)
    try:
        descriptor = os.open(path.expanduser(), os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise Invalid(f"There is no file {name}. Check its path.") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise Invalid(f"{name} cannot be read ({reason}).") from None
    status = os.fstat(descriptor)
    if (problem := _problem(name, status)) is not None:
        os.close(descriptor)
        raise Invalid(problem)
    with os.fdopen(descriptor, "rb") as file:
        size = 0
        try:
            while piece := file.read(PIECE_BYTES):
                size += len(piece)
                if size > MAX_BYTES:
                    raise Invalid(too_large(name, size, MAX_BYTES))
                yield piece
        except OSError as error:
            raise Invalid(f"{name} cannot be read ({error.strerror}).") from None
    if size == 0:
        raise Invalid(f"{name} is empty.")


def _problem(name: str, status: os.stat_result) -> str | None:
    """Return why something cannot be attached, None for an ordinary file."""
    if stat.S_ISDIR(status.st_mode):
        return f"{name} is a folder. Attach its files one by one."
    if not stat.S_ISREG(status.st_mode):
        return f"{name} is not an ordinary file. Attach a copy of its content."
    return too_large(name, status.st_size, MAX_BYTES) if status.st_size > MAX_BYTES else None


def too_large(name: str, size: int, limit: int) -> str:
    """Return the sentence for a file that is too large."""
    return f"{name} has {size_text(size)}. At most {size_text(limit)} can be attached."


def media_type_of(name: str, content: bytes) -> str:
    """Return the media type of a file by its content. Raises Invalid for what cannot be sent to a model."""
    suffix = Path(name).suffix.lower()
    media_type = image_type(content) or (PDF if b"%PDF-" in content[:1024] else _text_type(name, suffix, content))
    expected = _EXPECTED.get(suffix)
    if media_type == TEXT and expected is not None:
        what = "a PDF file" if expected == PDF else "an image"
        raise Invalid(f"{name} is not {what}, although its name ends in {suffix}: its content is text.")
    return media_type


def decode_text(content: bytes) -> str:
    """Return the text of a text file, whatever its encoding."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def image_type(content: bytes) -> str:
    """Return the media type of an image that can be attached, by its content; empty for anything else."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _MAGIC if content.startswith(magic)), "")


def _text_type(name: str, suffix: str, content: bytes) -> str:
    """Return the type of text. Raises Invalid for other content."""
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    controls = sum(content.count(byte) for byte in (b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06"))
    if controls and not is_utf16:
        raise Invalid(_refusal(name, suffix))
    if len(content) > MAX_TEXT_BYTES:
        raise Invalid(too_large(name, len(content), MAX_TEXT_BYTES))
    return TEXT


def _refusal(name: str, suffix: str) -> str:
    if suffix in _OTHER_IMAGES:
        return f"{name} is an image of a kind that models do not take. Save it as PNG or JPEG, then attach that."
    if suffix in _DOCUMENTS:
        return f"{name} cannot be read. Save it as PDF or as text, then attach that."
    if suffix in _EXPECTED:
        return f"{name} is damaged, or no {suffix[1:].upper()} file. Open it in another program to check it."
    return f"{name} is neither text, PDF nor an image (PNG, JPEG, WebP, GIF)."

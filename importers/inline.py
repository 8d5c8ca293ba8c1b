"""What programs put into text: reasoning in tags, files in ``data:`` addresses, and files that are text."""

from __future__ import annotations

import base64
import binascii
import io
import re
from functools import partial
from urllib.parse import unquote_to_bytes

from .records import Attachment

_THINKING = re.compile(r"\A\s*<(think|thinking)>(.*?)(?:</\1>\s*|\Z)", re.DOTALL)


def without_thinking(text: str) -> tuple[str, str]:
    """Return a reply without the ``<think>`` blocks that it begins with, and their text."""
    thoughts: list[str] = []
    while found := _THINKING.match(text):
        if thought := found[2].strip():
            thoughts.append(thought)
        text = text[found.end() :]
    return text, "\n\n".join(thoughts)


def linked_file(address: str, name: str = "", media_type: str = "") -> Attachment:
    """Return the file that an address leads to: with its content where it is a ``data:`` address.

    The name of another address is the address itself, unless one is given.
    """
    if not address.startswith("data:"):
        return Attachment(name or address, media_type)
    header, _, data = address[len("data:") :].partition(",")
    media_type = media_type or header.partition(";")[0].strip()
    name = name or f"{media_type.partition('/')[0] or 'file'}.{media_type.partition('/')[2].partition('+')[0] or 'bin'}"
    return Attachment(name, media_type, partial(_decoded, header.endswith(";base64"), data))


def text_file(name: str, content: str, media_type: str = "text/plain") -> Attachment:
    """Return a file whose content an export has as text."""
    name = re.sub(r"[/\\\s]+", " ", name).strip() or "file.txt"
    return Attachment(name, media_type, partial(_encoded, content))


def _encoded(content: str) -> io.BytesIO:
    return io.BytesIO(content.encode("utf-8", "replace"))


def _decoded(is_base64: bool, data: str) -> io.BytesIO:
    """Return the content of a ``data:`` address. Raises OSError where it is damaged."""
    try:
        plain = unquote_to_bytes(data)
        return io.BytesIO(base64.b64decode(plain + b"=" * (-len(plain) % 4)) if is_base64 else plain)
    except (ValueError, binascii.Error) as error:
        raise OSError("The embedded file is damaged.") from error

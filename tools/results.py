"""Results of MCP servers as a turn takes them: plain text, and files."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

from sterna.chat import ToolFile, ToolResult
from sterna.chat.attachments.inspection import image_type
from sterna.storage import size_text

from .plain_text import plain, plain_line

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock

LONGEST_TEXT = 40_000
"""Characters of a result that the model gets."""
KEPT_TEXT = 1_000_000
"""Characters of a result that are kept in a file."""
MOST_BLOCKS = 200
MOST_FILES = 5
LARGEST_FILES = 20_000_000
"""Bytes of all files of a result."""
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


class _Binary(NamedTuple):
    name: str
    media_type: str
    data: str
    """In base64."""


def text_result(
    name: str, text: str, *, is_error: bool = False, files: tuple[ToolFile, ...] = (), left_out: int = 0
) -> ToolResult:
    """Return a result whose text is plain already; of a long one the model gets the beginning, and all of it is a file.

    ``name`` is that of the tool; ``left_out`` counts the characters that are missing at the end of ``text``.
    """
    if len(text) <= LONGEST_TEXT and not left_out:
        return ToolResult(text, is_error, files)
    kept = f"{text}\n[{left_out:,} more characters are left out.]" if left_out else text
    whole = ToolFile(f"{name}-result.txt", "text/plain", kept.encode("utf-8", "replace"))
    return ToolResult(text[:LONGEST_TEXT], is_error, (*files, whole), len(text) + left_out)


def result_of(name: str, result: CallToolResult) -> ToolResult:
    """Return what a call of the tool ``name`` gave."""
    texts: list[str] = []
    files: list[ToolFile] = []
    room, left_out = KEPT_TEXT, 0
    for block in result.content[:MOST_BLOCKS]:
        content = _content(block)
        text = content if isinstance(content, str) else _filed(content, files)
        texts.append(plain(text[:room]))
        left_out += max(len(text) - room, 0)
        room = max(room - len(text), 0)
    if len(result.content) > MOST_BLOCKS:
        texts.append(f"[{len(result.content) - MOST_BLOCKS:,} more parts are left out.]")
    if result.structured_content is not None and not any(texts):
        text = json.dumps(result.structured_content, ensure_ascii=False, indent=1)
        texts, left_out = [plain(text[:KEPT_TEXT])], max(len(text) - KEPT_TEXT, 0)
    text = "\n\n".join(filter(None, texts)) or "(no output)"
    return text_result(name, text, is_error=bool(result.is_error), files=tuple(files), left_out=left_out)


def _content(block: ContentBlock) -> str | _Binary:
    """Return the text of a part, as the server wrote it, or what is none."""
    if block.type == "text":
        return block.text
    if block.type == "image" or block.type == "audio":
        return _Binary(block.type, block.mime_type, block.data)
    if block.type == "resource_link":
        described = f": {plain_line(block.description, 300)}" if block.description else ""
        return f"[resource {plain_line(block.title or block.name, 100)}, {plain_line(block.uri, 500)}{described}]"
    name = plain_line(str(block.resource.uri), 200)
    blob = getattr(block.resource, "blob", None)
    if isinstance(blob, str):
        return _Binary(name, block.resource.mime_type or "", blob)
    return f"[{name}]\n{getattr(block.resource, 'text', '')}"


def _filed(binary: _Binary, files: list[ToolFile]) -> str:
    """Add a content to the files if it is an image or text, and return the line that stands for it."""
    shown = plain_line(binary.name, 200)
    size = len(binary.data) * 3 // 4
    room = LARGEST_FILES - sum(len(file.content) for file in files)
    if len(files) >= MOST_FILES or size > room:
        return f"[{shown}, {size_text(size)}: left out, the result has too much]"
    try:
        content = base64.b64decode(binary.data, validate=False)
    except ValueError:
        return f"[{shown}: damaged]"
    media_type = image_type(content) or _text_type(content)
    if not media_type:
        kind = plain_line(binary.media_type, 60) or "unknown type"
        return f"[{shown}, {kind}, {size_text(len(content))}: neither an image nor text]"
    suffix = _SUFFIXES.get(media_type, ".txt")
    file = ToolFile(f"tool-{len(files) + 1}{suffix}", media_type, content)
    files.append(file)
    return f"[{shown}, attached as {file.name}, {size_text(len(content))}]"


def _text_type(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "text/plain" if content and not any(mark in text for mark in "\0\x01\x02\x03") else ""

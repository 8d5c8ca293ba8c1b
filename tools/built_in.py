"""Tools that need no server. Each is off until a setting turns it on, and none of them runs or changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sterna.config import ToolSettings

from .plain_text import plain_line
from .states import OfferedTool


def _parameters(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of an object whose first property is required."""
    return {"type": "object", "properties": properties, "required": [next(iter(properties))]}


_READ = _parameters(
    path={"type": "string", "description": "Path of a file or a folder"},
    start={"type": "integer", "minimum": 1, "description": "Line of the file to begin with; 1 is the first"},
)
_FETCH = _parameters(
    url={"type": "string", "description": "Address that begins with http:// or https://"},
    start={"type": "integer", "minimum": 0, "description": "Character of the text to begin with"},
)


def built_in(settings: ToolSettings) -> tuple[OfferedTool, ...]:
    """Return the built-in tools that are turned on."""
    tools = []
    if settings.read:
        text = f"Read a text or PDF file, look at an image, or list a folder, of these: {', '.join(settings.read)}"
        tools.append(
            OfferedTool("read", "Read a file or folder", plain_line(text, 2_000), _READ, "read", "Sterna", True)
        )
    if settings.fetch:
        text = "Fetch one page of the web as Markdown or plain text. Scripts do not run, and links are not followed."
        tools.append(OfferedTool("fetch", "Fetch a page", text, _FETCH, "fetch", "Sterna", True))
    return tuple(tools)

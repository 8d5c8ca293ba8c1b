"""Content of one message of ChatGPT, as parts."""

from __future__ import annotations

from typing import Any

from ...records import Attachment, Part, Text, Unsupported
from ...values import items, mapping, mappings, text
from .citations import has_marks, with_citations
from .files import ExportFiles, id_in

Object = dict[str, Any]

POINTERS = ("image_asset_pointer", "audio_asset_pointer", "video_container_asset_pointer")

RESULTS = {"execution_output", "tether_quote", "tether_browsing_display", "sonic_webpage"}
_OF_TOOLS = RESULTS | {"text", "multimodal_text", "code", "system_error"}


def as_content(value: object) -> Object:
    """Return the content of a message; a bare text is content, too."""
    return {"content_type": "text", "parts": [value]} if isinstance(value, str) else mapping(value)


def visible_parts(
    content: Object, metadata: Object, files: ExportFiles, sources: list[tuple[str, str]] | None = None
) -> list[Part]:
    """Return the parts of a text with pictures, sound and files, in their order; ``sources`` takes what it cites."""
    parts: list[Part] = []
    attached = mappings(metadata.get("attachments")) if metadata else []
    named = {file_id: entry for entry in attached if (file_id := text(entry.get("id")))}
    shown: set[str] = set()
    for part in items(content.get("parts")):
        if isinstance(part, str):
            if part.strip():
                parts.append(Text(_cited(part, metadata, sources)))
        elif isinstance(part, dict):
            if spoken := text(part.get("text")):
                parts.append(Text(_cited(spoken, metadata, sources)))
            elif found := pointed(part, named, files, shown):
                parts += found
            elif part.get("content_type") != "audio_transcription":
                parts.append(Unsupported(text(part.get("content_type")) or "part", part))
    for entry in attached:
        file_id = text(entry.get("id"))
        if file_id not in shown:
            parts.append(files.attachment(file_id, text(entry.get("name")), text(entry.get("mime_type"))))
    return parts


def pointed(part: Object, named: dict[str, Object], files: ExportFiles, shown: set[str]) -> list[Attachment]:
    """Return the files that a part points to, and add their ids to ``shown``."""
    found = []
    for place in (part, *(mapping(part.get(name)) for name in POINTERS), *mappings(part.get("frames_asset_pointers"))):
        pointer = text(place.get("asset_pointer"))
        if pointer:
            entry = named.get(id_in(pointer), {})
            shown.add(id_in(pointer))
            found.append(files.attachment(pointer, text(entry.get("name")), text(entry.get("mime_type"))))
    return found


def _cited(value: str, metadata: Object, sources: list[tuple[str, str]] | None) -> str:
    if sources is None:
        return value
    if has_marks(value) or (metadata and (metadata.get("content_references") or metadata.get("citations"))):
        return with_citations(value, metadata, sources)
    return value


def tool_result(content: Object) -> str:
    """Return the text of what a tool returned."""
    kind = text(content.get("content_type"))
    if kind in {"tether_quote", "sonic_webpage"}:
        lines = (content.get(name) for name in ("title", "url", "snippet", "text"))
    elif kind == "tether_browsing_display":
        lines = (content.get(name) for name in ("summary", "result"))
    elif kind == "system_error":
        lines = (content.get(name) for name in ("name", "text"))
    elif "parts" in content:
        lines = (part.get("text") if isinstance(part, dict) else part for part in items(content.get("parts")))
    else:
        lines = (content.get(name) for name in ("text", "result", "content"))
    return "\n".join(line for line in lines if isinstance(line, str) and line.strip())


def unknown_parts(content: Object) -> list[Unsupported]:
    """Return what of a tool's content is neither text nor a file."""
    kind = text(content.get("content_type"))
    if content and kind not in _OF_TOOLS:
        return [Unsupported(kind or "content", content)]
    return [
        Unsupported(text(part.get("content_type")) or "part", part)
        for part in mappings(content.get("parts"))
        if not (part.get("text") or part.get("asset_pointer") or any(name in part for name in POINTERS))
    ]


def instructions(content: Object, metadata: Object) -> str:
    """Return the person's custom instructions, or what the model remembers of them."""
    raw = mapping(metadata.get("user_context_message_data"))
    return "\n\n".join(
        line
        for line in (
            text(raw.get("about_user_message")) or text(content.get("user_profile")),
            text(raw.get("about_model_message")) or text(content.get("user_instructions")),
            text(content.get("model_set_context")),
            text(content.get("text")),
            *(part for part in items(content.get("parts")) if isinstance(part, str)),
        )
        if line.strip()
    )

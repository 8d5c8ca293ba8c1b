"""Parts of messages in the form of Google's API, in which Gemini CLI and Qwen Code store them."""

from __future__ import annotations

import json
from typing import Any

from ..inline import linked_file
from ..records import Part, Text, ToolCall, Unsupported
from ..values import at, identifier, items, mapping, mappings, text

_ELSEWHERE = {"functionCall", "functionResponse", "thoughtSignature"}


def listed(content: Any) -> list[Any]:
    """Return content, which may be one text or one part, as a list of parts."""
    return [content] if isinstance(content, str | dict) else items(content)


def spoken_parts(content: Any) -> list[Part]:
    """Return texts and files, without thoughts and calls of tools."""
    parts: list[Part] = []
    for part in listed(content):
        if isinstance(part, str):
            parts.append(Text(part))
        elif "text" in mapping(part):
            if part.get("thought") is not True:
                parts.append(Text(text(part.get("text"))))
        elif "inlineData" in mapping(part):
            data = mapping(part.get("inlineData"))
            address = f"data:{text(data.get('mimeType'))};base64,{text(data.get('data'))}"
            parts.append(linked_file(address, text(data.get("displayName"))))
        elif "fileData" in mapping(part):
            data = mapping(part.get("fileData"))
            parts.append(
                linked_file(text(data.get("fileUri")), text(data.get("displayName")), text(data.get("mimeType")))
            )
        elif not _ELSEWHERE & mapping(part).keys() and part:
            parts.append(Unsupported(next(iter(mapping(part)), "part"), part))
    return parts


def thoughts_of(content: Any) -> str:
    """Return the text of the parts that are thoughts."""
    found = (text(part.get("text")) for part in mappings(listed(content)) if part.get("thought") is True)
    return "\n\n".join(thought for thought in found if thought)


def calls_of(content: Any) -> list[ToolCall]:
    """Return the calls of tools, without their results."""
    calls = (mapping(part.get("functionCall")) for part in mappings(listed(content)) if "functionCall" in part)
    return [
        ToolCall(text(call.get("name")) or "tool", call.get("args"), id=identifier(call.get("id"))) for call in calls
    ]


def result_of(response: dict[str, Any]) -> tuple[str, str, str, bool]:
    """Return the id and the name of the call that a response answers, its text, and whether it is an error."""
    answer = response.get("response")
    is_error = bool(at(answer, "error"))
    found = at(answer, "error") if is_error else at(answer, "output")
    result = found if isinstance(found, str) else json.dumps(answer if found is None else found, ensure_ascii=False)
    return identifier(response.get("id")), text(response.get("name")), result, is_error

"""Error objects in responses, in the shapes of the vendors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sterna.net import parse_json


def error_of(payload: object) -> Mapping[str, Any]:
    """Return the error object in the JSON of a response."""
    if isinstance(payload, list) and payload:  # Google's
        return error_of(payload[0])
    if not isinstance(payload, Mapping):
        return {"message": payload} if isinstance(payload, str) else {}
    inner = payload.get("error")
    if isinstance(inner, Mapping):
        return inner
    if isinstance(inner, str):  # Ollama's
        return {**payload, "message": inner}
    if isinstance(payload.get("errors"), list):
        return error_of(payload["errors"]) if payload["errors"] else payload
    return payload


def message_of(error: Mapping[str, Any]) -> str:
    """Return the message of an error object; "" if it has none."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if isinstance(raw, str) and raw.strip():
        inner = error_of(json_or_none(raw) or {})
        return message_of(inner) or raw
    for key in ("message", "msg", "detail", "error_description", "title"):
        message = _flat(error.get(key))
        if message:
            return message
    return ""


def status_of(error: Mapping[str, Any]) -> int:
    """Return the HTTP status in an error object, or 0."""
    return next(filter(None, (_status(error.get(name)) for name in ("code", "status", "status_code"))), 0)


def looks_like_html(text: str, content_type: str = "") -> bool:
    """Return whether a body is a web page."""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return "text/html" in content_type.lower() or start.startswith(("<!doctype html", "<html", "<head", "<body"))


def json_or_none(text: str) -> Any:
    """Return the value of ``text``; None if it is not JSON."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def _flat(value: object) -> str:
    if isinstance(value, str):
        return value
    return "; ".join(_messages(value)) if isinstance(value, (list, Mapping)) else ""


def _messages(value: list[Any] | Mapping[str, Any]) -> Iterator[str]:
    """Yield the messages in FastAPI's ``detail: [{"msg": …}]`` and Mistral's ``message: {"detail": […]}``."""
    for item in value if isinstance(value, list) else [value]:
        message = message_of(item) if isinstance(item, Mapping) else item if isinstance(item, str) else ""
        if message:
            yield message


def _status(value: object) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else 0

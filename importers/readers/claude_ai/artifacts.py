"""Artifacts: documents that Claude writes beside its replies, and edits in later ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...inline import text_file
from ...records import Attachment, Part, Text
from ...values import text

_TAG = re.compile(r"<antArtifact\b([^>]*)>\n?(.*?)(?:</antArtifact>|\Z)", re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_THINKING = re.compile(r"<antThinking>(.*?)(?:</antThinking>|\Z)\s*", re.DOTALL)

_TYPES = {
    "text/markdown": ".md",
    "text/html": ".html",
    "image/svg+xml": ".svg",
    "application/vnd.ant.react": ".jsx",
    "application/vnd.ant.mermaid": ".mmd",
}
_LANGUAGES = {"python": ".py", "javascript": ".js", "typescript": ".ts", "bash": ".sh", "shell": ".sh", "rust": ".rs"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """State of an artifact after one message."""

    title: str
    kind: str
    language: str
    content: str

    def file(self) -> Attachment:
        suffix = _TYPES.get(self.kind) or _LANGUAGES.get(self.language.lower()) or f".{self.language or 'txt'}"
        title = self.title or "Artifact"
        return text_file(title if title.endswith(suffix) else f"{title}{suffix}", self.content)


def after_call(known: Mapping[str, Artifact], call: Mapping[str, Any]) -> tuple[str, Artifact | None]:
    """Return the id of an artifact and its state after a call of the tool ``artifacts``."""
    name = text(call.get("id"))
    before = known.get(name, Artifact("", "", "", ""))
    content = text(call.get("content"))
    if not content and (old := text(call.get("old_str"))):
        if old not in before.content:
            return name, None
        content = before.content.replace(old, text(call.get("new_str")), 1)
    if not content:
        return name, None
    title = text(call.get("title")) or before.title
    kind = text(call.get("type")) or before.kind
    return name, Artifact(title, kind, text(call.get("language")) or before.language, content)


def without_tags(value: str) -> tuple[list[Part], str]:
    """Return a text from 2024, in which artifacts and thoughts stand in tags, as parts and its thoughts."""
    thoughts = "\n\n".join(found.strip() for found in _THINKING.findall(value))
    value = _THINKING.sub("", value)
    parts: list[Part] = []
    at = 0
    for found in _TAG.finditer(value):
        before = value[at : found.start()].strip()
        attributes = dict(_ATTRIBUTE.findall(found[1]))
        title, kind, language = (attributes.get(name, "") for name in ("title", "type", "language"))
        parts += [Text(before)] if before else []
        parts.append(Artifact(title, kind, language, found[2]).file())
        at = found.end()
    rest = value[at:].strip() if at else value
    return parts + ([Text(rest)] if rest.strip() else []), thoughts

"""Messages of one conversation of Claude.ai."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from ...inline import text_file
from ...message_collector import MessageCollector
from ...records import ROOT, Attachment, Message, Part, Text, ToolCall, Unsupported
from ...times import moment
from ...values import each_mapping, flag, identifier, mapping, mappings, text
from .artifacts import Artifact, after_call, without_tags

Object = dict[str, Any]

_ROOT = "00000000-0000-4000-8000-000000000000"
_PLACEHOLDER = re.compile(r"\s*```\s*This block is not supported on your current device yet\.?\s*```\s*")
_SILENT = {"token_budget", "flag", "redacted_thinking"}
_TEXT_FILE = re.compile(
    r"\.(txt|md|csv|tsv|json|ya?ml|toml|html?|xml|css|js|ts|py|rb|go|rs|java|c|h|cpp|sh|sql|log)$", re.I
)


class Messages:
    """Messages in the order of the export; those that say nothing are left out, and what follows them is kept."""

    def __init__(self, values: object) -> None:
        self._collector = MessageCollector.of(values)
        self._artifacts: dict[str, Mapping[str, Artifact]] = {}
        self._last = ""
        self._titles: dict[str, str] = {}
        """Of web pages that tools returned, by address."""
        self._calls: dict[str, int] = {}
        """Calls without a result, with the position of their message."""
        for value in each_mapping(values):
            message = self._message(value)
            if message.id in self._collector:
                if self._collector.parts(message.id) == message.parts:
                    continue
                message.id = f"{message.id}-{len(self._collector)}"
            self._collector.add(message)
        self.found = self._collector.reparented()

    def _message(self, value: Object) -> Message:
        parent = identifier(value.get("parent_message_uuid"))
        is_root = parent == _ROOT or ("parent_message_uuid" in value and not parent)
        role = "user" if text(value.get("sender")) in {"human", "user"} else "assistant"
        message = Message(
            identifier(value.get("uuid")),
            "user" if role == "user" else "assistant",
            parent=ROOT if is_root else parent or None,
            created_at=moment(value.get("created_at")),
            model=text(value.get("model")) or None,
        )
        before = parent if is_root or parent else self._last
        artifacts = self._artifacts.get(before, {})
        for entry in mappings(value.get("attachments")):
            message.parts.append(_attached(entry))
        names = {part.name for part in message.parts if isinstance(part, Attachment)}
        files = mappings(value.get("files_v2")) or mappings(value.get("files"))
        message.parts += [Attachment(name) for entry in files if (name := text(entry.get("file_name"))) not in names]
        blocks = value.get("content")
        if isinstance(blocks, list) and blocks:
            for block in blocks:
                artifacts = self._add_block(message, mapping(block), block, artifacts)
        else:
            self._add_text(message, text(value.get("text")) or text(blocks))
        if flag(value.get("stop_reason") == "user_canceled") or flag(value.get("truncated")):
            message.stopped = True
        if artifacts:
            self._artifacts[message.id] = artifacts
        self._last = message.id
        return message

    def _add_block(
        self, message: Message, block: Object, raw: Any, artifacts: Mapping[str, Artifact]
    ) -> Mapping[str, Artifact]:
        """Add a block; return the artifacts after it."""
        kind = text(block.get("type"))
        if kind == "text":
            self._add_text(message, text(block.get("text")))
            self._add_sources(message, block)
        elif kind == "voice_note":
            self._add_text(message, text(block.get("text")) or text(block.get("transcript")))
        elif kind == "thinking":
            summaries = (text(each.get("summary")) for each in mappings(block.get("summaries")))
            _add_reasoning(message, text(block.get("thinking")) or "\n\n".join(filter(None, summaries)))
        elif kind == "tool_use":
            call = ToolCall(text(block.get("name")) or "tool", block.get("input"), id=identifier(block.get("id")))
            message.parts.append(call)
            self._calls[call.id] = len(self._collector.found)
            if call.name == "artifacts":
                name, artifact = after_call(artifacts, mapping(block.get("input")))
                if artifact:
                    artifacts = {**artifacts, name: artifact}
                    message.parts.append(artifact.file())
        elif kind == "tool_result":
            self._add_result(message, block)
        elif kind == "image":
            message.parts.append(Attachment(text(block.get("file_name")) or "image"))
        elif kind not in _SILENT:
            message.parts.append(Unsupported(kind or "block", raw))
        return artifacts

    def _add_text(self, message: Message, value: str) -> None:
        if not value.strip():
            return
        if "not supported on your current device" in value:
            *hidden, value = _PLACEHOLDER.split(value)
            for before in hidden:
                message.parts += [Text(before)] if before else []
                message.parts.append(Unsupported("block", "not in the export"))
        if "<ant" in value:
            parts, thoughts = without_tags(value)
            message.parts += parts
            _add_reasoning(message, thoughts)
        elif value.strip():
            message.parts.append(Text(value))

    def _add_result(self, message: Message, block: Object) -> None:
        name, call_id = text(block.get("name")) or "tool", identifier(block.get("tool_use_id"))
        found = self._collector.found
        place = self._calls.pop(call_id, len(found))
        asking = found[place] if place < len(found) else message
        call = next((part for part in asking.parts if _is_open_call(part, call_id)), None)
        if call is None:
            call = ToolCall(name, id=call_id)
            message.parts.append(call)
        call.result = _result(block.get("content"))
        call.is_error = flag(block.get("is_error"))
        if asking is not message:
            found[place] = asking
        for entry in mappings(block.get("content")):
            if title := text(entry.get("title")):
                self._titles[text(entry.get("url"))] = title
            if text(entry.get("type")) in {"image", "local_resource"}:
                message.parts.append(Attachment(text(entry.get("name")) or text(entry.get("file_name")) or "image"))

    def _add_sources(self, message: Message, block: Object) -> None:
        known = {url for _, url in message.sources}
        for citation in mappings(block.get("citations")):
            details = mapping(citation.get("details"))
            url = text(details.get("url")) or text(citation.get("url"))
            title = text(citation.get("title")) or text(details.get("title")) or self._titles.get(url, url)
            if url.startswith(("https://", "http://")) and url not in known:
                known.add(url)
                message.sources.append((title, url))


def _is_open_call(part: Part, call_id: str) -> TypeGuard[ToolCall]:
    return isinstance(part, ToolCall) and part.id == call_id and part.result is None


def _attached(entry: Object) -> Attachment:
    """Return an attached file; of documents the export has the text."""
    name, content = text(entry.get("file_name")), text(entry.get("extracted_content"))
    if not content:
        return Attachment(name or "attachment")
    if not name:
        return text_file("pasted.txt", content)
    return text_file(name if _TEXT_FILE.search(name) else f"{name}.txt", content)


def _result(content: object) -> str:
    if isinstance(content, str):
        return content
    lines: list[str] = []
    for entry in content if isinstance(content, list) else [content]:
        if isinstance(entry, str):
            lines.append(entry)
        elif isinstance(entry, dict):
            said = [text(entry.get(name)) for name in ("title", "url", "text", "content")]
            line = "\n".join(filter(None, said)) or text(entry.get("name"))
            if not line and text(entry.get("type")) != "image":
                line = json.dumps(entry, ensure_ascii=False, default=str)
            lines.append(line)
    return "\n\n".join(filter(None, lines))


def _add_reasoning(message: Message, thoughts: str) -> None:
    if thoughts.strip():
        message.reasoning = f"{message.reasoning}\n\n{thoughts}" if message.reasoning else thoughts

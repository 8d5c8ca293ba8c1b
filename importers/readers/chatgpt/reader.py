"""Reader of ChatGPT's data exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from ...documents import beginning, json_files
from ...items import converted, empty
from ...json_stream import LargeParts, json_array, json_objects
from ...reader import Reader
from ...records import Attachment, Conversation, Skipped
from ...times import moment
from ...tree import FileTree
from ...values import chosen, flag, identifier, large_mapping, mapping, text
from .files import ExportFiles
from .turns import Turns

Object = dict[str, Any]

_KEYS = ("conversations", "chats")
_NODES_APART = LargeParts(frozenset({"mapping"}))
_NODES = re.compile(rb'(?<!\\)"mapping"\s*:\s*\{')
_SHELL = re.compile(rb'(?<!\\)"(?:conversation_id|current_node)"\s*:.*"default_model_slug"\s*:', re.DOTALL)

_WORTH_KEEPING = (
    "gizmo_id",
    "conversation_template_id",
    "memory_scope",
    "is_do_not_remember",
    "is_study_mode",
    "voice",
    "async_status",
    "plugin_ids",
    "conversation_origin",
)


class ChatGPT(Reader):
    """Conversations of chatgpt.com. Each ``conversations*.json`` is a unit; the files beside it are found by id."""

    name: ClassVar[str] = "chatgpt"
    label: ClassVar[str] = "ChatGPT"

    def detect(self, tree: FileTree) -> list[str]:
        return [
            path for path, head in json_files(tree, "mapping", "conversation_id", "current_node") if _is_export(head)
        ]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        files = ExportFiles(tree)
        return converted(_conversations(tree, path), path, lambda item: _conversation(item, files))


def _is_export(head: bytes) -> bool:
    has_nodes = b'"parent"' in head and b'"message"' in head and _NODES.search(head) is not None
    return has_nodes or _SHELL.search(head) is not None


def _conversations(tree: FileTree, path: str) -> Iterator[Any]:
    """Yield the conversations of an array, of an array in an object, or the only one."""
    with tree.open(path) as file:
        if "mapping" in mapping(beginning(tree.head(path))):
            yield from json_objects(file, _NODES_APART)
        else:
            yield from json_array(file, *_KEYS, parts=_NODES_APART)


def _conversation(item: Object, files: ExportFiles) -> Conversation | Skipped:
    native = identifier(item.get("id")) or identifier(item.get("conversation_id"))
    title = text(item.get("title"))
    files.used.clear()
    slug = text(item.get("default_model_slug"))
    model = slug if slug not in {"", "auto"} else None
    turns = Turns(large_mapping(item.get("mapping")), files, model)  # since 2026 most replies do not name theirs
    if not turns.messages:
        return empty(title, native)
    _add_made_files(turns, native, files)
    gizmo = text(item.get("conversation_template_id")) or text(item.get("gizmo_id"))
    metadata = chosen(item, *_WORTH_KEEPING)
    if native:
        metadata["url"] = f"https://chatgpt.com/c/{native}"
    current = item.get("current_node")
    return Conversation(
        native,
        title,
        turns.messages,
        shown=(turns.placed.get(current) or None) if isinstance(current, str) else None,
        created_at=moment(item.get("create_time")),
        updated_at=moment(item.get("update_time")),
        model=model,
        system_prompt=turns.system_prompt,
        is_archived=flag(item.get("is_archived")),
        is_pinned=flag(item.get("is_starred")) or moment(item.get("pinned_time")) is not None,
        project=gizmo if gizmo.startswith("g-p-") else "",
        metadata=metadata,
    )


def _add_made_files(turns: Turns, conversation_id: str, files: ExportFiles) -> None:
    """Attach pictures and documents that only the library or ``textdocs`` of an export names."""
    for document_id, place in turns.canvases.items():
        if document := files.canvas(document_id):
            _attach(turns, place, document)
    for entry in files.generated(conversation_id) if conversation_id else ():
        if entry["file_id"] in files.used:
            continue
        made_at = moment(entry.get("created_at"))
        place = _origin(turns, text(entry.get("origination_message_id")), made_at)
        file = files.attachment(text(entry["file_id"]), text(entry.get("file_name")), text(entry.get("mime_type")))
        _attach(turns, place, file)


def _attach(turns: Turns, place: int, file: Attachment) -> None:
    message = turns.messages[place]
    message.parts.append(file)
    turns.messages[place] = message


def _origin(turns: Turns, message_id: str, made_at: datetime | None) -> int:
    """Return where the message is that a file was made in: the one named, else the last reply before that time."""
    owner = turns.placed.get(message_id, message_id)
    last = newest = -1
    at: datetime | None = None
    for place, message in enumerate(turns.messages):
        if message.id == owner:
            return place
        if message.role == "assistant":
            last = place
            if message.created_at and made_at and (at or message.created_at) <= message.created_at <= made_at:
                newest, at = place, message.created_at
    return newest if newest >= 0 else last if last >= 0 else len(turns.messages) - 1

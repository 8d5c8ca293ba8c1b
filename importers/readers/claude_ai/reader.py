"""Reader of Claude.ai's data exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename
from typing import Any, ClassVar

from ...documents import beginning, json_files
from ...items import converted, empty
from ...json_stream import LargeParts, json_array, json_objects
from ...reader import Reader
from ...records import Conversation, Skipped
from ...times import moment
from ...tree import FileTree
from ...values import at, chosen, flag, identifier, mapping, text
from .messages import Messages
from .projects import Project, is_memories, is_projects, memories, project_documents, projects

Object = dict[str, Any]

_KEYS = ("chat_messages", "prompt_template", "is_starter_project", "conversations_memory", "project_memories")
_MESSAGES_APART = LargeParts(frozenset({"chat_messages"}))
_CONVERSATION = re.compile(rb'(?<!\\)"chat_messages"\s*:')
_MANIFEST = re.compile(rb"conversations-\d+\.zip")


class ClaudeAi(Reader):
    """Conversations of claude.ai. Projects that the export has beside them give their names and instructions."""

    name: ClassVar[str] = "claude"
    label: ClassVar[str] = "Claude.ai"

    def detect(self, tree: FileTree) -> list[str]:
        found = [
            path
            for path, head in json_files(tree, *_KEYS)
            if _is_conversations(head) or is_projects(head) or is_memories(head)
        ]
        manifests = (path for path in tree.paths if basename(path).startswith("manifest-"))
        return found or [path for path in manifests if _MANIFEST.search(tree.head(path))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        head = tree.head(path)
        if _is_conversations(head):
            known = projects(tree)
            return converted(_conversations(tree, path), path, lambda item: _conversation(item, known))
        if is_projects(head):
            return project_documents(tree, path)
        if is_memories(head):
            return memories(tree, path)
        advice = "This is the list of an export, without conversations. Download the conversations-….zip it names."
        return iter([Skipped(advice, where=path)])


def _is_conversations(head: bytes) -> bool:
    return b'"uuid"' in head and _CONVERSATION.search(head) is not None


def _conversations(tree: FileTree, path: str) -> Iterator[Any]:
    with tree.open(path) as file:
        if "chat_messages" in mapping(beginning(tree.head(path))):
            yield from json_objects(file, _MESSAGES_APART)
        else:
            yield from json_array(file, "conversations", parts=_MESSAGES_APART)


def _conversation(item: Object, known: dict[str, Project]) -> Conversation | Skipped:
    native, title = identifier(item.get("uuid")), text(item.get("name"))
    messages = Messages(item.get("chat_messages")).found
    if not messages:
        return empty(title, native)
    project_id = (
        identifier(item.get("project_uuid"))
        or identifier(item.get("project_id"))
        or identifier(at(item, "project", "uuid"))
    )
    project = known.get(project_id, Project(text(at(item, "project", "name")) or project_id, ""))
    metadata = chosen(item, "summary")
    if native:
        metadata["url"] = f"https://claude.ai/chat/{native}"
    return Conversation(
        native,
        title,
        messages,
        shown=identifier(item.get("current_leaf_message_uuid")) or None,
        created_at=moment(item.get("created_at")),
        updated_at=moment(item.get("updated_at")),
        model=text(item.get("model")) or None,
        system_prompt=project.instructions,
        is_archived=flag(item.get("is_archived")),
        is_pinned=flag(item.get("is_starred")),
        project=project.name,
        metadata=metadata,
    )

"""Projects of Claude.ai, and what Claude remembers of a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...documents import document, json_files
from ...inline import text_file
from ...records import Conversation, Message, Part, Text
from ...times import moment
from ...tree import FileTree
from ...values import flag, identifier, mapping, mappings, one_or_more, text

Object = dict[str, Any]

_PROJECT = re.compile(rb'(?<!\\)"(?:prompt_template|is_starter_project)"\s*:')
_MEMORY = re.compile(rb'(?<!\\)"(?:conversations_memory|project_memories)"\s*:')


def is_projects(head: bytes) -> bool:
    return b'"uuid"' in head and _PROJECT.search(head) is not None


def is_memories(head: bytes) -> bool:
    return _MEMORY.search(head) is not None


@dataclass(frozen=True, slots=True)
class Project:
    """What conversations of a project have in common."""

    name: str
    instructions: str


def projects(tree: FileTree) -> dict[str, Project]:
    """Return the projects of an export by their ids."""
    return {
        identifier(value.get("uuid")): Project(text(value.get("name")), text(value.get("prompt_template")))
        for path, head in json_files(tree, "prompt_template", "is_starter_project")
        if is_projects(head)
        for value in _values(tree, path)
    }


def _values(tree: FileTree, path: str) -> list[Object]:
    try:
        value = document(tree, path)
    except (OSError, ValueError):
        return []
    return one_or_more(value)


def project_documents(tree: FileTree, path: str) -> Iterator[Conversation]:
    """Yield a conversation for each project, with its documents: they belong to no conversation of the export."""
    for value in _values(tree, path):
        name = text(value.get("name"))
        description = text(value.get("description"))
        parts: list[Part] = [Text(description)] if description else []
        documents = [(text(each.get("filename")), text(each.get("content"))) for each in mappings(value.get("docs"))]
        parts += [text_file(filename, content) for filename, content in documents if content]
        if parts and not flag(value.get("is_starter_project")):
            native = identifier(value.get("uuid"))
            yield Conversation(
                f"project-{native}",
                f"Documents of {name or 'a project'}",
                [Message("documents", "user", parts, created_at=moment(value.get("created_at")))],
                created_at=moment(value.get("created_at")),
                updated_at=moment(value.get("updated_at")),
                system_prompt=text(value.get("prompt_template")),
                project=name,
            )


def memories(tree: FileTree, path: str) -> Iterator[Conversation]:
    """Yield what Claude remembers as a conversation: of all conversations, and of each project."""
    known = projects(tree)
    for value in _values(tree, path):
        remembered = {"": text(value.get("conversations_memory"))}
        for native, memory in mapping(value.get("project_memories")).items():
            remembered[native] = text(memory) or text(mapping(memory).get("memory"))
        messages = []
        for native, memory in remembered.items():
            if memory.strip():
                title = known[native].name if native in known else native
                said = f"## {title}\n\n{memory}" if title else memory
                messages.append(Message(native or "conversations", "assistant", [Text(said)]))
        if messages:
            account = identifier(value.get("account_uuid"))
            yield Conversation(f"memories-{account}", "What Claude remembers", messages)

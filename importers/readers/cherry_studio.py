"""Cherry Studio: the data.json of a backup, without the keys of providers that it also holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..documents import document, json_files
from ..items import converted
from ..reader import Reader
from ..records import Conversation, Skipped
from ..tree import FileTree
from ..values import at, identifier, items, mapping, mappings, parsed
from .cherry_studio_topics import Backup, conversation

_DATA = re.compile(rb'(?<!\\)"(?:indexedDB|persist:cherry-studio)"\s*:')


class CherryStudio(Reader):
    """Topics of Cherry Studio; files that the backup contains are attached."""

    name = "cherry-studio"
    label = "Cherry Studio"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path, head in json_files(tree) if _DATA.search(head)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        data = mapping(document(tree, path))
        stored = mapping(parsed(at(data, "localStorage", "persist:cherry-studio")))
        assistants = mapping(parsed(stored.get("assistants")))
        default = mapping(assistants.get("defaultAssistant"))
        known: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for assistant in [default, *mappings(assistants.get("assistants"))]:
            for topic in mappings(assistant.get("topics")):
                known[identifier(topic.get("id"))] = topic, assistant
        tables = mapping(data.get("indexedDB"))
        backup = Backup(tree, tables, known)
        yield from converted(items(tables.get("topics")), path, lambda topic: conversation(topic, backup))

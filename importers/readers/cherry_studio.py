"""Cherry Studio: the data.json or the database of a backup, without the keys of providers that it also holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ..documents import json_files
from ..items import converted
from ..json_stream import BrokenJson, MissingKey, json_array, json_value
from ..reader import Reader
from ..records import Conversation, Skipped
from ..sqlite import SQLITE_HEAD
from ..tree import FileTree
from ..values import at, identifier, mapping, mappings, parsed
from .cherry_studio_database import topic_databases, topics
from .cherry_studio_topics import Backup, conversation


class CherryStudio(Reader):
    """Topics of Cherry Studio; files that the backup contains are attached."""

    name = "cherry-studio"
    label = "Cherry Studio"

    def detect(self, tree: FileTree) -> list[str]:
        backups = [path for path, _ in json_files(tree, "indexedDB", "persist:cherry-studio")]
        return [*backups, *topic_databases(tree)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if tree.head(path).startswith(SQLITE_HEAD):
            yield from topics(tree, path)
            return
        with closing(Backup(tree, _topics(tree, path))) as backup:
            for name, add in (("message_blocks", backup.add_blocks), ("files", backup.add_files)):
                lost: list[BrokenJson] = []
                add(_whole(_table(tree, path, name), lost))
                yield from (Skipped(f"Some {name} are lost. {error}", where=path) for error in lost)
            yield from converted(_table(tree, path, "topics"), path, lambda topic: conversation(topic, backup))


def _table(tree: FileTree, path: str, name: str) -> Iterator[Any]:
    with tree.open(path) as file:
        yield from json_array(file, name, inside="indexedDB")


def _whole(values: Iterator[Any], lost: list[BrokenJson]) -> Iterator[Any]:
    """Yield values up to the place where their file is broken, and add that to ``lost``."""
    try:
        yield from values
    except MissingKey:
        pass
    except BrokenJson as error:
        lost.append(error)


def _topics(tree: FileTree, path: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the descriptions of topics, each with its assistant; nothing else of the browser's storage is read."""
    try:
        with tree.open(path) as file:
            local = json_value(file, "localStorage")
    except BrokenJson:
        return {}
    assistants = mapping(parsed(mapping(parsed(at(local, "persist:cherry-studio"))).get("assistants")))
    known = {}
    for assistant in [mapping(assistants.get("defaultAssistant")), *mappings(assistants.get("assistants"))]:
        for topic in mappings(assistant.get("topics")):
            known[identifier(topic.get("id"))] = topic, assistant
    return known

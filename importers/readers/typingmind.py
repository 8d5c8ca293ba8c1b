"""TypingMind: the chats of a backup, in one file, or in several that its data.json names."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname, join, normpath
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning, document, json_files
from ..items import converted, empty
from ..json_stream import json_array
from ..reader import Reader
from ..records import Conversation, Skipped
from ..times import moment
from ..tree import FileTree
from ..values import at, flag, identifier, items, mapping, mappings, text, texts


class TypingMind(Reader):
    """Chats of TypingMind."""

    name = "typingmind"
    label = "TypingMind"

    def detect(self, tree: FileTree) -> list[str]:
        files = dict(json_files(tree, "chatTitle", "chatID", "chunks"))
        chunks = {path: _chunks(path, head) for path, head in files.items()}
        named = {chunk for found in chunks.values() for chunk in found}
        return [path for path, head in files.items() if path not in named and (chunks[path] or _is_backup(head))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        value = document(tree, path)
        data = mapping(at(value, "data")) or mapping(value)
        folders = {identifier(folder.get("id")): _title(folder) for folder in mappings(data.get("folders"))}

        def convert(chat: dict[str, Any]) -> Conversation | Skipped:
            return _conversation(chat, folders)

        chunks = texts(at(data, "chats", "chunks"))
        if not chunks:
            yield from converted(value if isinstance(value, list) else items(data.get("chats")), path, convert)
        for chunk in _beside(path, chunks):
            if tree.has(chunk):
                with tree.open(chunk) as file:
                    yield from converted(json_array(file), chunk, convert)
            else:
                yield Skipped("The file is missing: import the whole folder of the backup.", where=chunk)


def _chunks(path: str, head: bytes) -> list[str]:
    """Return the files with chats that the file of a backup names."""
    value = beginning(head, "chunks")
    return _beside(path, texts(at(value, "data", "chats", "chunks")))


def _beside(path: str, names: list[str]) -> list[str]:
    return [normpath(join(dirname(path), name)) for name in names]


def _is_backup(head: bytes) -> bool:
    value = beginning(head)
    chats = value if isinstance(value, list) else at(value, "data", "chats") or at(value, "chats")
    return any(chat.keys() & {"chatTitle", "chatID"} for chat in mappings(chats))


def _title(folder: dict[str, Any]) -> str:
    return text(folder.get("title")) or text(folder.get("name"))


def _conversation(value: dict[str, Any], folders: dict[str, str]) -> Conversation | Skipped:
    chat = ChatMessages()
    chat.extend(value.get("messages"))
    native = identifier(value.get("chatID")) or identifier(value.get("id"))
    title, folder = text(value.get("chatTitle")), identifier(value.get("folderID"))
    if not chat.messages:
        return empty(title, native)
    return Conversation(
        native,
        title,
        chat.messages,
        created_at=moment(value.get("createdAt")),
        updated_at=moment(value.get("updatedAt")),
        model=text(value.get("model")) or text(at(value, "modelInfo", "id")) or None,
        system_prompt=text(at(value, "chatParams", "systemMessage")) or chat.system_prompt,
        is_pinned=flag(value.get("pinned")) or moment(value.get("pinnedAt")) is not None,
        tags=tuple(tag for tag in items(value.get("tags")) if isinstance(tag, str)),
        project=folders.get(folder, folder),
    )

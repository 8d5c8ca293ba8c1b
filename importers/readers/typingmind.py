"""TypingMind: the chats of a backup that stands in one file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning, document, json_files
from ..items import converted, empty
from ..reader import Reader
from ..records import Conversation, Skipped
from ..times import moment
from ..tree import FileTree
from ..values import at, flag, identifier, items, mapping, mappings, text


class TypingMind(Reader):
    """Chats of TypingMind. Of large backups, whose chats are in files of their own, the form is not known."""

    name = "typingmind"
    label = "TypingMind"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path, head in json_files(tree, "chatTitle", "chatID") if _is_backup(head)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        value = document(tree, path)
        data = mapping(at(value, "data")) or mapping(value)
        folders = {identifier(folder.get("id")): _title(folder) for folder in mappings(data.get("folders"))}
        chats = value if isinstance(value, list) else items(data.get("chats"))
        return converted(chats, path, lambda chat: _conversation(chat, folders))


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

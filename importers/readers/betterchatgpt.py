"""BetterChatGPT: its chats and folders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning, document, json_files
from ..items import converted, empty
from ..reader import Reader
from ..records import Conversation, Skipped
from ..tree import FileTree
from ..values import at, identifier, items, mapping, mappings, text


class BetterChatGpt(Reader):
    """Chats of BetterChatGPT: an object, or in old versions a list."""

    name = "betterchatgpt"
    label = "BetterChatGPT"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path, head in json_files(tree, "titleSet") if _is_export(head)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        value = document(tree, path)
        folders = mapping(at(value, "folders"))
        chats = value if isinstance(value, list) else items(at(value, "chats"))
        return converted(chats, path, lambda chat: _conversation(chat, folders))


def _is_export(head: bytes) -> bool:
    value = beginning(head)
    chats = mappings(value if isinstance(value, list) else at(value, "chats"))
    return any(isinstance(chat.get("messages"), list) and "titleSet" in chat for chat in chats)


def _conversation(value: dict[str, Any], folders: dict[str, Any]) -> Conversation | Skipped:
    chat = ChatMessages()
    chat.extend(value.get("messages"))
    native, title, folder = identifier(value.get("id")), text(value.get("title")), identifier(value.get("folder"))
    if not chat.messages:
        return empty(title, native)
    return Conversation(
        native,
        title,
        chat.messages,
        model=text(at(value, "config", "model")) or None,
        system_prompt=chat.system_prompt,
        project=text(at(folders, folder, "name")) or folder,
    )

"""Chatbot UI: its history, in the forms of its versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning, document, json_files
from ..items import converted, empty
from ..reader import Reader
from ..records import Conversation, Skipped
from ..tree import FileTree
from ..values import at, identifier, mapping, mappings, parsed, text


class ChatbotUi(Reader):
    """Conversations of chatbot-ui. Its last version exported all that the browser stored, keys of APIs too; these are
    not read.
    """

    name = "chatbot-ui"
    label = "Chatbot UI"

    def detect(self, tree: FileTree) -> list[str]:
        return [
            path
            for path, head in json_files(tree, "history", "conversationHistory", "folderId", "prompt")
            if _is_export(head)
        ]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        value = document(tree, path)
        listed = mappings(parsed(at(value, "folders")))
        folders = {identifier(folder.get("id")): text(folder.get("name")) for folder in listed}
        return converted(_history(value), path, lambda chat: _conversation(chat, folders))


def _history(value: Any) -> list[Any]:
    """Return the conversations of a file, which may be JSON in a text."""
    for found in (value, at(value, "history"), at(value, "conversationHistory")):
        found = parsed(found)
        if isinstance(found, list):
            return found
    return []


def _is_export(head: bytes) -> bool:
    value = beginning(head)
    if isinstance(at(value, "conversationHistory"), str):
        return True
    return any(
        "name" in chat and isinstance(chat.get("messages"), list) and chat.keys() & {"prompt", "folderId", "model"}
        for chat in mappings(_history(value))
    )


def _conversation(value: dict[str, Any], folders: dict[str, str]) -> Conversation | Skipped:
    chat = ChatMessages()
    chat.extend(value.get("messages"))
    native, title, folder = identifier(value.get("id")), text(value.get("name")), identifier(value.get("folderId"))
    if not chat.messages:
        return empty(title, native)
    model = mapping(value.get("model"))
    return Conversation(
        native,
        title,
        chat.messages,
        model=text(model.get("id")) or text(value.get("model")) or None,
        system_prompt=text(value.get("prompt")) or chat.system_prompt,
        project=folders.get(folder, folder),
    )

"""oterm: one SQLite file of chats with Ollama and others. It records no times."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..reader import Reader
from ..records import Conversation, Message, Skipped, Text
from ..sqlite import Owned, cell, chats, databases
from ..tree import FileTree
from ..values import chosen, identifier, items, mapping, parsed, text


class Oterm(Reader):
    name = "oterm"
    label = "oterm"

    def detect(self, tree: FileTree) -> list[str]:
        return databases(tree, chat="id name model system", message="id chat_id author text")

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return chats(tree, path, _conversation)


def _conversation(messages: Owned, row: dict[str, Any]) -> Conversation:
    chat = ChatMessages()
    model = text(row["model"]) or None
    for each in messages.of(row["id"]):
        images = items(parsed(each.get("images")))
        content = {"role": cell(each["author"]), "content": cell(each["text"]), "images": images}
        message = chat.add({"id": each["id"], **content})
        if message is not None and message.role == "assistant":
            message.model = model
    settings = {name: parsed(cell(row.get(name))) for name in ("provider", "parameters", "format", "keep_alive")}
    tools = [text(tool) or text(mapping(tool).get("name")) for tool in items(parsed(row.get("tools")))]
    return Conversation(
        id=_id(row["id"], chat.messages),
        title=cell(row["name"]),
        messages=chat.messages,
        model=model,
        system_prompt=cell(row["system"]) or chat.system_prompt,
        metadata=chosen(settings, *settings) | ({"tools": found} if (found := list(filter(None, tools))) else {}),
    )


def _id(number: object, messages: list[Message]) -> str:
    """Return an id: the number, which begins at 1 on every machine, and a hash of the first text, which stays."""
    first = next((part.text for message in messages for part in message.parts if isinstance(part, Text)), "")
    return f"{identifier(number)}-{hashlib.sha256(first.encode('utf-8', 'replace')).hexdigest()[:12]}"

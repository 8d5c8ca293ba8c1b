"""elia: one SQLite file of chats without branches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..reader import Reader
from ..records import Conversation, Skipped
from ..sqlite import Owned, cell, chats, databases
from ..times import moment
from ..tree import FileTree
from ..values import flag, identifier, mapping, parsed, text


class Elia(Reader):
    name = "elia"
    label = "elia"

    def detect(self, tree: FileTree) -> list[str]:
        return databases(tree, chat="id model title started_at archived", message="id chat_id role content timestamp")

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return chats(tree, path, _conversation)


def _conversation(messages: Owned, row: dict[str, Any]) -> Conversation:
    chat = ChatMessages()
    for each in messages.of(row["id"]):
        message = chat.add(
            {"id": each["id"], "role": cell(each["role"]), "content": cell(each["content"])},
            created_at=moment(each["timestamp"]),
            parent=identifier(each.get("parent_id")) or None,
        )
        if message is not None and message.role == "assistant":
            message.model = _model(each.get("model"))
        if message is not None and (meta := mapping(parsed(each.get("meta")))):
            message.metadata["meta"] = meta
    started = moment(row["started_at"])
    return Conversation(
        # numbers begin at 1 on every machine
        id=f"{identifier(row['id'])} {text(row['started_at'])}".strip(),
        title=cell(row["title"]),
        messages=chat.messages,
        created_at=started,
        updated_at=max((each.created_at for each in chat.messages if each.created_at), default=started),
        model=_model(row["model"]),
        system_prompt=chat.system_prompt,
        is_archived=flag(row["archived"]),
    )


def _model(value: object) -> str | None:
    """Return the model of a key: those of built-in models have the name of the program before it."""
    return text(value).removeprefix("elia-") or None

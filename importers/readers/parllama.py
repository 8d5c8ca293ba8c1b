"""parllama: one JSON file for each chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..documents import beginning, document
from ..json_stream import BrokenJson
from ..reader import Reader
from ..records import Conversation, Skipped
from ..times import moment
from ..tree import FileTree
from ..values import chosen, identifier, items, mapping, text

_KEYS = ("llm_config", "llm_model_name")


class Parllama(Reader):
    name = "parllama"
    label = "parllama"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_chat(mapping(beginning(tree.head(path), *_KEYS)))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        try:
            data = mapping(document(tree, path))
        except BrokenJson as error:
            yield Skipped(str(error), where=path)
            return
        yield _conversation(data)


def _is_chat(data: dict[str, Any]) -> bool:
    if isinstance(data.get("llm_config"), dict):
        return isinstance(data.get("messages"), list) and ("last_updated" in data or "name_generated" in data)
    return {"session_id", "session_name", "llm_model_name"} <= data.keys()


def _conversation(data: dict[str, Any]) -> Conversation:
    config = mapping(data.get("llm_config"))
    model = text(config.get("model_name")) or text(data.get("llm_model_name")) or None
    chat = ChatMessages()
    for value in items(data.get("messages")):
        named = {"id": value.get("message_id"), **value} if isinstance(value, dict) else value
        message = chat.add(named)
        if message is not None and message.role == "assistant":
            message.model = model
    return Conversation(
        id=identifier(data.get("id")) or identifier(data.get("session_id")),
        title=text(data.get("name")) or text(data.get("session_name")),
        messages=chat.messages,
        updated_at=moment(data.get("last_updated")),
        model=model,
        system_prompt=chat.system_prompt,
        metadata=chosen(config, "provider", "temperature") | chosen(data, "total_cost") | _usage(data),
    )


def _usage(data: dict[str, Any]) -> dict[str, Any]:
    usage = mapping(data.get("total_usage"))
    return {"total_usage": found} if (found := chosen(usage, *usage)) else {}

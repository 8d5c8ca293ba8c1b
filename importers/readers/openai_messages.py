"""Messages in the form of the OpenAI API: data for fine-tuning, requests and results of batches, plain lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..chat_messages import ChatMessages
from ..json_stream import BrokenJson
from ..reader import Reader
from ..records import Conversation, Skipped
from ..roles import TOOL_ROLES, role
from ..tree import FileTree
from ..values import at, items, mapping, mappings
from .generic_items import convert_each, described, each_item, first_items

_KEYS = ("role", "completion", "choices")


class OpenAiMessages(Reader):
    name = "openai"
    label = "OpenAI messages"
    is_generic = True

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _kind_of(tree.head(path))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if _kind_of(tree.head(path)) != "message":
            yield from convert_each(tree, path, _conversation)
            return
        chat = ChatMessages()
        for where, value in each_item(tree, path):
            if isinstance(value, BrokenJson):
                yield Skipped(str(value), where=where)
            else:
                chat.add(value)
        yield described({}, chat)


def _kind_of(head: bytes) -> str:
    return next(filter(None, map(_kind, first_items(head, *_KEYS))), "")


def _kind(value: Any) -> str:
    """Return what the items of a file are: conversations, or the messages of one; empty for neither."""
    if isinstance(value, list):
        return "conversation" if any(map(_is_message, value)) else ""
    data = mapping(value)
    if _is_message(data):
        return "message"
    return "conversation" if _messages(data) is not None else ""


def _is_message(value: Any) -> bool:
    data = mapping(value)
    named = data.get("role")
    is_role = role(named) is not None or (isinstance(named, str) and named in TOOL_ROLES)
    return is_role and ("content" in data or "tool_calls" in data or "parts" in data)


def _messages(data: dict[str, Any]) -> list[Any] | None:
    """Return the messages of an item; None where it has none."""
    for found in (data.get("messages"), at(data, "body", "messages"), data.get("prompt"), data.get("input")):
        if isinstance(found, list) and any(map(_is_message, found)):
            return found + _replies(data)
    if isinstance(data.get("prompt"), str) and (isinstance(data.get("completion"), str) or _replies(data)):
        return [{"role": "user", "content": data["prompt"]}, *_replies(data)]
    if mapping(at(data, "response", "body")) or _is_message(mapping(first_choice(data)).get("message")):
        return _replies(data)
    return None


def _replies(data: dict[str, Any]) -> list[Any]:
    completion = data.get("completion")
    if isinstance(completion, str):
        return [{"role": "assistant", "content": completion}]
    if isinstance(completion, list):
        return completion
    body = mapping(at(data, "response", "body")) or data
    choice = mapping(first_choice(data)).get("message")
    if isinstance(said := mapping(first_choice(data)).get("text"), str):
        choice = {"role": "assistant", "content": said}
    known = {name: body.get(name) for name in ("model", "usage", "created")}
    return [{**known, **choice}] if isinstance(choice, dict) else []


def first_choice(data: dict[str, Any]) -> Any:
    """Return the first choice of a response, which the others vary."""
    choices = items(at(data, "response", "body", "choices")) or items(data.get("choices"))
    return choices[0] if choices else None


def _conversation(value: Any) -> Conversation | None:
    data = mapping(value)
    messages = value if isinstance(value, list) else _messages(data)
    if messages is None or not any(_is_message(each) for each in mappings(messages)):
        return None
    chat = ChatMessages()
    chat.extend(messages)
    return described(data, chat)

"""Messages as the model gets them, in which the program adds to what a person writes."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from ...chat_messages import ChatMessages
from ...records import Message, Text
from ...times import moment
from ...values import amount, count, mapping, text

_CONTEXT = re.compile(r"<(environment_details|explicit_instructions|file_content|workspace_info)\b.*?</\1>", re.DOTALL)
_TYPED = re.compile(r"\A\s*<(task|feedback|user_message|user_input|answer)\b[^>]*>\n?(.*?)\n?</\1>\s*", re.DOTALL)


def api_messages(values: list[Any], models: list[tuple[float, str]]) -> tuple[list[Message], str]:
    """Return messages, with what the program added to them as hidden ones of their own, and the system prompt."""
    chat = ChatMessages()
    for value in values:
        message = chat.add(value)
        if message is None:
            continue
        data = mapping(value)
        used = mapping(data.get("modelInfo"))
        metrics = mapping(data.get("metrics"))
        message.created_at = message.created_at or moment(data.get("ts"))
        message.input_tokens = message.input_tokens or count(mapping(metrics.get("tokens")).get("prompt"))
        message.output_tokens = message.output_tokens or count(mapping(metrics.get("tokens")).get("completion"))
        message.cost = message.cost if message.cost is not None else amount(metrics.get("cost"))
        if message.role == "assistant":
            named = text(used.get("modelId")) or text(used.get("id"))
            message.model = message.model or named or model_at(models, data.get("ts"))
        elif message.role == "user":
            _divide(chat.messages, message)
    return chat.messages, chat.system_prompt


def model_at(models: list[tuple[float, str]], time: Any) -> str | None:
    """Return the model that was asked at a time in milliseconds, where the task says it."""
    since = bisect_right(models, amount(time) or float("inf"), key=lambda each: each[0])
    return models[since - 1][1] if since else None


def _divide(messages: list[Message], message: Message) -> None:
    """Take what the program added out of a message, into a hidden one before it."""
    added: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            added += [found[0] for found in _CONTEXT.finditer(part.text)]
            rest = _CONTEXT.sub("", part.text)
            typed = _TYPED.match(rest)
            part.text = typed[2] + rest[typed.end() :] if typed else rest
    message.parts = [part for part in message.parts if not isinstance(part, Text) or part.text.strip()]
    if added:
        context = Message("", "user", [Text("\n".join(added))], created_at=message.created_at, hidden=True)
        place = len(messages) - 1
        messages[place : place + (0 if message.parts else 1)] = [context]

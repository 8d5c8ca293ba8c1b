"""Sessions of opencode with their messages and parts, which are the same in its database and in its files."""

from __future__ import annotations

from typing import Any

from ..inline import linked_file
from ..records import Conversation, Message, Text, ToolCall, Unsupported
from ..times import moment
from ..values import amount, at, chosen, count, identifier, mapping, mappings, text

_NOT_SHOWN = {"step-start", "step-finish", "patch", "snapshot", "compaction", "agent", "retry"}
_DEFAULT_TITLES = ("New session - ", "Child session - ")


def conversation(session: dict[str, Any], messages: list[dict[str, Any]], parts: list[dict[str, Any]]) -> Conversation:
    """Return a session. Parts name their message as ``message_id``, and stand in their order."""
    by_message: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        by_message.setdefault(text(part.get("message_id")), []).append(part)
    found = [_message(message, by_message.get(text(message.get("id")), [])) for message in messages]
    time = mapping(session.get("time"))
    key, title = text(session.get("id")), text(session.get("title"))
    models = [message.model for message in found if message.model]
    return Conversation(
        key,
        "" if title.startswith(_DEFAULT_TITLES) else title,
        found,
        _last_shown(found, text(at(session, "revert", "messageID"))),
        moment(session.get("time_created")) or moment(time.get("created")),
        moment(session.get("time_updated")) or moment(time.get("updated")),
        models[-1] if models else text(at(session, "model", "id")) or text(at(session, "model", "modelID")) or None,
        is_archived=moment(session.get("time_archived") or time.get("archived")) is not None,
        project=text(session.get("directory")),
        parent_id=text(session.get("parent_id")) or text(session.get("parentID")),
        resume=f"opencode --session {key}" if key.replace("_", "").isalnum() else "",
        metadata=chosen(session, "version", "agent"),
    )


def _last_shown(messages: list[Message], reverted: str) -> str | None:
    """Return the last message, or the one before that to which the person went back; hide what they took back."""
    last = None
    is_taken_back = False
    for message in messages:
        is_taken_back = is_taken_back or (bool(reverted) and message.id == reverted)
        if is_taken_back:
            message.hidden = last is not None
        else:
            last = message.id
    return last


def _message(data: dict[str, Any], parts: list[dict[str, Any]]) -> Message:
    time, tokens = mapping(data.get("time")), mapping(data.get("tokens"))
    created = moment(time.get("created")) or moment(data.get("time_created"))
    completed = moment(time.get("completed"))
    message = Message(
        text(data.get("id")),
        "assistant" if data.get("role") == "assistant" else "user",
        created_at=created,
        model=text(data.get("modelID")) or None if data.get("role") == "assistant" else None,
        input_tokens=sum(count(n) for n in (tokens.get("input"), *mapping(tokens.get("cache")).values())),
        output_tokens=count(tokens.get("output")),
        cost=amount(data.get("cost")),
        elapsed_ms=max(0, round((completed - created).total_seconds() * 1000)) if completed and created else 0,
        metadata=chosen(data, "providerID", "agent", "mode"),
    )
    if count(tokens.get("reasoning")):
        message.metadata["usage"] = chosen(tokens, "reasoning", "cache")
    error = mapping(data.get("error"))
    if error.get("name") == "MessageAbortedError":
        message.stopped = True
    elif error:
        message.error = text(at(error, "data", "message")) or text(error.get("message")) or text(error.get("name"))
    context: list[str] = []
    for part in parts:
        _add(message, part, context)
    if context and not message.parts:
        message.parts, message.hidden = [Text(added) for added in context], True
    elif context:
        message.metadata["context"] = context
    return message


def _add(message: Message, part: dict[str, Any], context: list[str]) -> None:
    kind = text(part.get("type"))
    if kind == "text":
        if part.get("synthetic") is True or part.get("ignored") is True:
            context.append(text(part.get("text")))
        else:
            message.parts.append(Text(text(part.get("text"))))
    elif kind == "reasoning":
        message.reasoning = "\n\n".join(thought for thought in (message.reasoning, text(part.get("text"))) if thought)
    elif kind == "tool":
        state = mapping(part.get("state"))
        is_error = state.get("status") == "error"
        done = is_error or state.get("status") == "completed"
        result = text(state.get("error")) if is_error else text(state.get("output"))
        message.parts.append(
            ToolCall(
                text(part.get("tool")) or "tool",
                state.get("input"),
                result if done else None,
                is_error,
                identifier(part.get("callID")),
            )
        )
        message.parts.extend(_file(file) for file in mappings(state.get("attachments")))
    elif kind == "file":
        message.parts.append(_file(part))
    elif kind == "subtask":
        message.parts.append(Text(text(part.get("prompt")) or text(part.get("description"))))
    elif kind not in _NOT_SHOWN:
        message.parts.append(Unsupported(kind or "part", part))


def _file(part: dict[str, Any]) -> Any:
    return linked_file(text(part.get("url")), text(part.get("filename")), text(part.get("mime")))

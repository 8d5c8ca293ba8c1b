"""``conversations.json`` as ChatGPT's own export has it, which many programs read.

A reply is several nodes in a row there: reasoning, each tool call, its result, and text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sterna.storage import Attachment, Message, safe_name
from sterna.storage.clock import stored_time
from sterna.storage.conversations.citations import is_web, sources
from sterna.storage.conversations.tool_calls import TOOL_CALLS, ToolCall, tool_calls, with_tool_calls

from ..chat import Chat
from ..files import ExportFiles
from ..format import Format, Options

ROOT = "client-created-root"
Node = dict[str, Any]


class ChatGpt(Format):
    """All branches of each conversation, as an array."""

    name = "chatgpt"
    suffix = ".json"

    def pieces(self, chats: Iterable[Chat], files: ExportFiles, options: Options) -> Iterator[str]:
        yield "["
        for number, chat in enumerate(chats):
            yield (",\n" if number else "\n") + json.dumps(_conversation(chat), ensure_ascii=False)
            for attachment in (item for message in chat.messages for item in message.attachments):
                files.link(attachment, f"{_file_id(attachment)}-{safe_name(attachment.name)}")
        yield "\n]\n"


def _conversation(chat: Chat) -> dict[str, Any]:
    row, labels, parents = chat.conversation, chat.labels, chat.parents
    mapping: dict[str, Node] = {ROOT: {"id": ROOT, "message": None, "parent": None, "children": []}}
    ends: dict[str, str] = {"": ROOT}
    if chat.system_prompt:
        _append(mapping, ROOT, "system-prompt", _instructions(chat.system_prompt))
        ends[""] = "system-prompt"
    for message in chat.messages:
        end = ends[parents[message.id]]
        for number, value in enumerate(_nodes(message)):
            name = message.id if number == 0 else f"{message.id}.{number}"
            _append(mapping, end, name, value)
            end = name
        ends[message.id] = end
    shown = chat.shown
    return {
        "id": row.id,
        "conversation_id": row.id,
        "title": row.title,
        "create_time": _seconds(row.created_at),
        "update_time": _seconds(row.updated_at),
        "current_node": ends[shown[-1].id] if shown else ends[""],
        "default_model_slug": chat.model or None,
        "is_archived": labels.archived,
        "is_starred": labels.pinned,
        "mapping": mapping,
    }


def _append(mapping: dict[str, Node], parent: str, name: str, message: Node) -> None:
    mapping[parent]["children"].append(name)
    mapping[name] = {"id": name, "message": {"id": name} | message, "parent": parent, "children": []}


def _instructions(text: str) -> Node:
    content = {"content_type": "user_editable_context", "user_profile": "", "user_instructions": text}
    metadata = {
        "is_visually_hidden_from_conversation": True,
        "is_user_system_message": True,
        "user_context_message_data": {"about_model_message": text},
    }
    return _node("user", content, None, metadata)


def _nodes(message: Message) -> Iterator[Node]:
    """Yield the nodes of a message, at least one."""
    at = _seconds(message.message_timestamp)
    metadata = _metadata(message)
    if message.role != "assistant":
        yield _node(message.role, _text(message.content), at, metadata)
        return
    calls = tool_calls(message.metadata)
    if message.reasoning:
        thought = {"summary": "", "content": message.reasoning}
        yield _node("assistant", {"content_type": "thoughts", "thoughts": [thought]}, at, metadata)
    pieces = with_tool_calls(message.content, calls) if calls else [message.content]
    for piece in pieces:
        if isinstance(piece, str):
            yield _node("assistant", _text(piece), at, metadata)
        else:
            yield from _call(piece, at, metadata)


def _call(call: ToolCall, at: float, metadata: Node) -> Iterator[Node]:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)
    content = {"content_type": "code", "language": "unknown", "text": arguments}
    yield _node("assistant", content, at, metadata, recipient=call.name)
    if call.result is not None:
        kind = {"content_type": "system_error", "name": "", "text": call.result} if call.is_error else None
        yield _node("tool", kind or _text(call.result), at, {}, name=call.name)


def _metadata(message: Message) -> Node:
    metadata: Node = {}
    if message.model:
        metadata["model_slug"] = message.model
    if named := [source for source in sources(message.metadata) if is_web(source.url)]:
        metadata["citations"] = [
            {"start_ix": at, "end_ix": at, "metadata": {"type": "webpage", "title": it.title, "url": it.url}}
            for it in named
            for at in (not message.metadata.get(TOOL_CALLS) and it.places) or (len(message.content),)
        ]
    if message.attachments:
        metadata["attachments"] = [
            {"id": _file_id(item), "name": item.name, "mime_type": item.media_type, "size": item.size}
            for item in message.attachments
        ]
    if message.finish == "stopped":
        metadata["finish_details"] = {"type": "interrupted"}
    return metadata


def _file_id(attachment: Attachment) -> str:
    return f"file-{attachment.id[:32]}"


def _text(text: str) -> Node:
    return {"content_type": "text", "parts": [text]}


def _node(
    role: str, content: Node, at: float | None, metadata: Node, *, recipient: str = "all", name: str | None = None
) -> Node:
    return {
        "author": {"role": role, "name": name, "metadata": {}},
        "create_time": at,
        "update_time": None,
        "content": content,
        "status": "finished_successfully",
        "end_turn": None,
        "weight": 1.0,
        "metadata": metadata,
        "recipient": recipient,
        "channel": None,
    }


def _seconds(text: str) -> float:
    at: datetime = stored_time(text)
    return at.timestamp()

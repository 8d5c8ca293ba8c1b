"""A session of aichat: what was summed up to save context stands in it before what is sent now."""

from __future__ import annotations

import hashlib
import re
from shlex import quote
from typing import Any

from ...chat_messages import ChatMessages, shown
from ...records import Attachment, Conversation, Message, Text, ToolCall
from ...times import naive_moment
from ...values import chosen, identifier, items, mapping, mappings, text

_NAMED_BY_ITSELF = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)-(.+)")


def session(path: str, value: Any) -> Conversation:
    """Return the conversation of a session file."""
    data = mapping(value)
    name, agent = _name(path)
    chat = ChatMessages()
    older = items(data.get("compressed_messages"))
    for each in older:
        _add(chat, each, mapping(data.get("data_urls")))
    for index, each in enumerate(items(data.get("messages"))):
        message = _add(chat, each, mapping(data.get("data_urls")))
        if older and index == 0 and message is not None and message.role == "system":
            message.hidden = True  # a summary of the older messages, for the model
    model = text(data.get("model")) or None
    for message in chat.messages:
        if message.role == "assistant":
            message.model = model
    title = name.rpartition("/")[2]
    created = None
    if found := _NAMED_BY_ITSELF.fullmatch(title):
        year, month, day, hour, minute, second, title = found.groups()
        created = naive_moment(f"{year}-{month}-{day}T{hour}:{minute}:{second}")
    settings = chosen(data, "temperature", "top_p", "role_name", "use_tools")
    return Conversation(
        id=f"{agent}{':' if agent else ''}{name}-{_first(chat)}",
        title=title,
        messages=chat.messages,
        created_at=created,
        model=model,
        system_prompt=chat.system_prompt or text(data.get("agent_instructions")),
        resume=f"aichat {f'--agent {quote(agent)} ' if agent else ''}--session {quote(name)}",
        metadata=settings | ({"agent": agent} if agent else {}),
    )


def _name(path: str) -> tuple[str, str]:
    """Return the names of the session and of the agent that it belongs to."""
    *folders, file = path.split("/")
    name = file.rsplit(".", 1)[0]
    if folders and folders[-1] == "_":
        folders.pop()
        name = f"_/{name}"
    is_of_agent = len(folders) > 2 and folders[-1] == "sessions" and folders[-3].startswith("agents")
    return name, folders[-2] if is_of_agent else ""


def _add(chat: ChatMessages, value: Any, names: dict[str, Any]) -> Message | None:
    content = mapping(mapping(value).get("content"))
    if "tool_results" not in content:
        message = chat.add(value)
        for part in message.parts if message is not None else []:
            if isinstance(part, Attachment):
                _rename(part, value, names)
        return message
    message = Message("", "assistant", [Text(said)] if (said := text(content.get("text"))) else [])
    chat.messages.append(message)
    for result in mappings(content["tool_results"]):
        message.parts.append(tool_call(result))
    return message


def tool_call(value: dict[str, Any]) -> ToolCall:
    """Return a call with its result, which aichat writes together."""
    call = mapping(value.get("call")) or value
    result = shown(value["output"]) if value.get("output") is not None else None
    return ToolCall(text(call.get("name")) or "tool", call.get("arguments"), result, id=identifier(call.get("id")))


def _rename(part: Attachment, value: Any, names: dict[str, Any]) -> None:
    """Give a picture the name of the file that it was read from."""
    for block in mappings(mapping(value).get("content")):
        url = text(mapping(block.get("image_url")).get("url"))
        path = text(names.get(hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()))
        if url and path and part.name.startswith("image."):
            part.name = path.replace("\\", "/").rpartition("/")[2]
            return


def _first(chat: ChatMessages) -> str:
    """Return a hash of what was said first: names of sessions are the same on many machines."""
    said = next((part.text for each in chat.messages for part in each.parts if isinstance(part, Text)), "")
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]

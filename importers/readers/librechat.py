"""LibreChat: one chat a file, as a tree or as a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..chat_messages import add_reasoning, attachment, shown
from ..documents import beginning, document, json_files
from ..inline import linked_file, without_thinking
from ..items import converted, empty
from ..json_stream import json_array
from ..parents import reparented
from ..reader import Reader
from ..records import ROOT, Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from ..times import moment
from ..tree import FileTree
from ..values import chosen, count, flag, identifier, items, mapping, mappings, one_or_more, parsed, text

Object = dict[str, Any]

_ROOT = "00000000-0000-0000-0000-000000000000"
_MARK = re.compile(
    "(?:\ue200|\\\\ue200)?(?:(?:\ue202|\\\\ue202)turn\\d+[a-z]+\\d+)+(?:\ue201|\\\\ue201)?|[\ue200-\ue206]"
)


class LibreChat(Reader):
    """Chats that LibreChat exports as JSON."""

    name = "librechat"
    label = "LibreChat"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path, head in json_files(tree, "conversationId") if _is_chat(head)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        return converted(_chats(tree, path), path, _conversation)


def _is_chat(head: bytes) -> bool:
    value = beginning(head)
    return any(
        "conversationId" in chat and any(isinstance(chat.get(name), list) for name in ("messages", "messagesTree"))
        for chat in one_or_more(value)
    )


def _chats(tree: FileTree, path: str) -> Iterator[Any]:
    if tree.head(path).lstrip().startswith(b"{"):
        yield document(tree, path)
        return
    with tree.open(path) as file:
        yield from json_array(file)


def _conversation(value: Object) -> Conversation | Skipped:
    native, title = identifier(value.get("conversationId")), text(value.get("title"))
    options = mapping(value.get("options"))
    messages = _messages(items(value.get("messagesTree")) or items(value.get("messages")))
    if not messages:
        return empty(title, native)
    prompts = (text(options.get(name)) for name in ("promptPrefix", "system", "instructions"))
    return Conversation(
        native,
        title,
        messages,
        created_at=moment(value.get("createdAt")),
        updated_at=moment(value.get("updatedAt")),
        model=text(options.get("model")) or text(value.get("model")) or None,
        system_prompt="\n\n".join(filter(None, prompts)),
        is_archived=flag(value.get("isArchived")),
        tags=tuple(tag for tag in items(value.get("tags")) if isinstance(tag, str)),
        metadata=chosen({"endpoint": text(value.get("endpoint"))}, "endpoint"),
    )


def _messages(values: list[Any]) -> list[Message]:
    """Return messages in the order of the file, those with branches below them in front of the branches."""
    found: list[Message] = []
    parents: dict[str, str | None] = {}
    waiting: list[tuple[Any, str | None]] = [(value, None) for value in reversed(values)]
    while waiting:
        value, above = waiting.pop()
        if not isinstance(value, dict):
            continue
        message = _message(value, above)
        if message.id in parents:
            message.id = f"{message.id}-{len(parents)}"
        message.id = message.id or f"message-{len(parents)}"
        parents[message.id] = message.parent
        waiting += [(child, message.id) for child in reversed(items(value.get("children")))]
        if message.parts or message.reasoning or message.error:
            found.append(message)
    nearest = reparented(parents, {message.id for message in found})
    for message in found:
        if message.parent is not None:
            message.parent = nearest[message.id]
    return found


def _message(value: Object, above: str | None) -> Message:
    parent = above or identifier(value.get("parentMessageId"))
    is_user = flag(value.get("isCreatedByUser")) or text(value.get("sender")).lower() == "user"
    message = Message(
        identifier(value.get("messageId")),
        "user" if is_user else "assistant",
        parent=ROOT if parent == _ROOT else parent or None,
        created_at=moment(value.get("createdAt")),
        stopped=flag(value.get("unfinished")),
    )
    message.parts += [_file(file) for file in mappings(value.get("files"))]
    content = items(value.get("content"))
    for block in content:
        _add_block(message, mapping(block), block)
    if not content:
        _add_text(message, text(value.get("text")))
    message.parts += [_file(file) for file in mappings(value.get("attachments")) if text(file.get("filename"))]
    if flag(value.get("error")) and not message.error:
        message.error = text(value.get("text")) or "The reply failed."
        message.parts = [part for part in message.parts if not isinstance(part, Text)]
    if not is_user:
        message.model = text(value.get("model")) or None
        message.input_tokens = count(value.get("promptTokens"))
        message.output_tokens = count(value.get("completionTokens")) or count(value.get("tokenCount"))
    return message


def _add_block(message: Message, block: Object, raw: Any) -> None:
    kind = text(block.get("type"))
    if kind == "text":
        said = block.get("text")
        _add_text(message, text(said) or text(mapping(said).get("value")))
    elif kind == "think":
        thought = block.get("think")
        add_reasoning(message, text(thought) or text(mapping(thought).get("value")))
    elif kind == "tool_call":
        call = mapping(block.get("tool_call"))
        function = mapping(call.get("function"))
        name = text(call.get("name")) or text(function.get("name")) or "tool"
        arguments = call["args"] if "args" in call else function.get("arguments")
        output = call["output"] if "output" in call else function.get("output")
        result = None if output is None else shown(output)
        message.parts.append(ToolCall(name, parsed(arguments), result, id=identifier(call.get("id"))))
    elif kind == "image_file":
        message.parts.append(_file(mapping(block.get("image_file"))))
    elif kind == "error":
        message.error = text(block.get("error")) or text(mapping(block.get("text")).get("value")) or "The reply failed."
    elif (file := attachment(block)) is not None:
        message.parts.append(file)
    else:
        message.parts.append(Unsupported(kind or "content", raw))


def _add_text(message: Message, value: str) -> None:
    if message.role == "assistant" and not message.parts:
        value, thoughts = without_thinking(value)
        add_reasoning(message, thoughts)
    value = _MARK.sub("", value)
    if value.strip():
        message.parts.append(Text(value))


def _file(value: Object) -> Attachment:
    path = text(value.get("filepath"))
    name = text(value.get("filename"))
    return (
        linked_file(path, name, text(value.get("type")))
        if path
        else Attachment(name or "file", text(value.get("type")))
    )

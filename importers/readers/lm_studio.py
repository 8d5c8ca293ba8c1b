"""LM Studio: one JSON file for each chat, in which each turn has versions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ..chat_messages import add_reasoning, shown
from ..documents import beginning, document
from ..json_stream import BrokenJson
from ..reader import Reader
from ..records import ROOT, Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from ..roles import role
from ..times import moment
from ..tree import FileTree
from ..values import amount, at, chosen, count, flag, identifier, items, mapping, text

_END = ".conversation.json"
_KEYS = ("versions", "usePerChatPredictionConfig")
_SILENT_STEPS = {"toolStatus", "debugInfoBlock"}


class LmStudio(Reader):
    name = "lm-studio"
    label = "LM Studio"

    def detect(self, tree: FileTree) -> list[str]:
        return [
            path
            for path in tree.paths
            if _is_chat(mapping(beginning(tree.head(path), "versions", "usePerChatPredictionConfig")))
        ]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        try:
            data = mapping(document(tree, path))
        except BrokenJson as error:
            yield Skipped(str(error), where=path)
            return
        yield _conversation(tree, path, data)


def _is_chat(data: dict[str, Any]) -> bool:
    turns = data.get("messages")
    if not isinstance(turns, list):
        return False
    first = mapping(turns[0]) if turns else {}
    return isinstance(first.get("versions"), list) or (not turns and "usePerChatPredictionConfig" in data)


def _conversation(tree: FileTree, path: str, data: dict[str, Any]) -> Conversation:
    *folders, file = path.split("/")
    inside = folders[folders.index("conversations") + 1 :] if "conversations" in folders else folders
    conversation = Conversation(
        id=file.removesuffix(_END).removesuffix(".json"),
        title=text(data.get("name")),
        created_at=moment(data.get("createdAt")),
        system_prompt=text(data.get("systemPrompt")),
        is_pinned=flag(data.get("pinned")),
        project="/".join(inside),
        metadata=chosen(data, "tokenCount", "notes"),
    )
    spoken = (moment(data.get(name)) for name in ("userLastMessagedAt", "assistantLastMessagedAt", "createdAt"))
    conversation.updated_at = max(filter(None, spoken), default=None)
    before = ROOT
    for number, turn in enumerate(items(data.get("messages"))):
        versions = items(mapping(turn).get("versions"))
        selected = count(mapping(turn).get("currentlySelected"))
        if not versions and turn is not None and not (isinstance(turn, dict) and "versions" in turn):
            versions = [turn]
        messages = [_message(tree, f"{number}.{index}", each) for index, each in enumerate(versions)]
        for message in messages:
            message.parent = before
        conversation.messages += messages
        if messages:
            before = messages[min(selected, len(messages) - 1)].id
    conversation.shown = before or None
    conversation.model = next((each.model for each in reversed(conversation.messages) if each.model), None)
    return conversation


def _message(tree: FileTree, number: str, value: Any) -> Message:
    data = mapping(value)
    known = role(data.get("role"))
    message = Message(number, known or "assistant")
    if not data:
        message.parts.append(Unsupported("message", value))
    elif known is None:
        message.metadata["role"] = data.get("role")
    calls: dict[str, ToolCall] = {}
    _add_content(tree, message, data.get("content"), calls, is_thinking=False)
    for step in items(data.get("steps")):
        kind = text(mapping(step).get("type"))
        if kind in _SILENT_STEPS:
            continue
        if kind != "contentBlock":
            message.parts.append(Unsupported(kind or "step", step))
            continue
        is_thinking = at(step, "style", "type") == "thinking"
        _add_content(tree, message, step.get("content"), calls, is_thinking=is_thinking)
        _add_generation(message, mapping(step.get("genInfo")))
    if message.role == "assistant":
        message.model = text(at(data, "senderInfo", "senderName")) or message.model
    return message


def _add_content(
    tree: FileTree, message: Message, content: Any, calls: dict[str, ToolCall], *, is_thinking: bool
) -> None:
    blocks = items(content) if isinstance(content, list) else [{"type": "text", "text": content}]
    for block in blocks if content is not None else []:
        kind = text(mapping(block).get("type"))
        data = mapping(block)
        call_id = identifier(data.get("callId")) or identifier(data.get("toolCallRequestId"))
        if kind == "text" and isinstance(data.get("text"), str):
            if is_thinking:
                add_reasoning(message, data["text"])
            elif data["text"]:
                message.parts.append(Text(data["text"]))
        elif kind == "file":
            message.parts.append(_file(tree, data))
        elif kind == "toolCallRequest":
            calls[call_id] = ToolCall(text(data.get("name")) or "tool", data.get("parameters"), id=call_id)
            message.parts.append(calls[call_id])
        elif kind == "toolCallResult":
            if call_id not in calls or calls[call_id].result is not None:
                calls[call_id] = ToolCall(text(data.get("name")) or "tool", id=call_id)
                message.parts.append(calls[call_id])
            calls[call_id].result = shown(data.get("content"))
        else:
            message.parts.append(Unsupported(kind or "content", block))


def _file(tree: FileTree, data: dict[str, Any]) -> Attachment:
    """Return a file, with its content where the export has what LM Studio keeps in its folder ``user-files``."""
    number = text(data.get("fileIdentifier")) or text(data.get("identifier"))
    name = text(data.get("name")) or number or "file"
    kept = next((path for path in tree.paths if number and path.rpartition("/")[2] == number), None)
    return Attachment(
        name.replace("\\", "/").rpartition("/")[2] or name, "", partial(tree.open, kept) if kept else None
    )


def _add_generation(message: Message, data: dict[str, Any]) -> None:
    """Add what the run of a model says: a reply may consist of several."""
    stats = mapping(data.get("stats"))
    message.model = text(data.get("identifier")) or text(data.get("indexedModelIdentifier")) or message.model
    message.input_tokens += count(stats.get("promptTokensCount"))
    message.output_tokens += count(stats.get("predictedTokensCount"))
    if (seconds := amount(stats.get("totalTimeSec"))) and 0 < seconds < 1e9:
        message.elapsed_ms += round(seconds * 1000)
    if reason := text(stats.get("stopReason")):
        message.metadata["stop_reason"] = reason
        message.stopped = reason == "userStopped"

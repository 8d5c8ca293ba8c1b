"""Requests of a chat session of GitHub Copilot in VS Code, each a prompt and its reply."""

from __future__ import annotations

import json
from typing import Any

from ..records import Attachment, Conversation, Message, Part, Text, ToolCall, Unsupported
from ..times import moment
from ..values import at, count, identifier, items, mapping, mappings, text

_NOT_SHOWN = {
    *("undoStop", "codeblockUri", "prepareToolInvocation", "progressMessage", "progressTask", "progressTaskSerialized"),
    *("mcpServersStarting", "mcpServersStartingSlow", "command", "confirmation", "references", "codeCitation"),
    *("usedContext", "contentReference", "workspaceEdit", "extensions", "pullRequest", "elicitation", "hook"),
    *("elicitationSerialized", "questionCarousel", "externalToolInvocationUpdate", "clearToPreviousToolInvocation"),
}


def conversation(session: dict[str, Any], name: str) -> Conversation:
    """Return a session; ``name`` stands for an id that it does not say."""
    messages: list[Message] = []
    shown: str | None = None
    is_removed = False
    for number, request in enumerate(mappings(session.get("requests"))):
        key = identifier(request.get("requestId")) or f"request {number}"
        messages += [_prompt(key, request), _reply(key, request)]
        # after "restore checkpoint", until the next prompt is sent
        is_removed = is_removed or bool(request.get("shouldBeRemovedOnSend"))
        if not is_removed:
            shown = messages[-1].id
    models = [message.model for message in messages if message.model]
    return Conversation(
        text(session.get("sessionId")) or name,
        text(session.get("customTitle")),
        messages,
        shown,
        moment(session.get("creationDate")),
        moment(session.get("lastMessageDate")) or (messages[-1].created_at if messages else None),
        models[-1] if models else None,
        is_archived=session.get("isArchived") is True,
    )


def _prompt(key: str, request: dict[str, Any]) -> Message:
    message = request.get("message")
    said = text(message) or text(at(message, "text"))
    parts: list[Part] = [Text(said)] if said else []
    variables = mappings(at(request, "variableData", "variables"))
    files = (text(variable.get("name")) for variable in variables if variable.get("kind") in ("file", "image"))
    parts.extend(Attachment(name) for name in files if name)
    return Message(key, "user", parts, created_at=moment(request.get("timestamp")))


def _reply(key: str, request: dict[str, Any]) -> Message:
    result = mapping(request.get("result"))
    details, metadata = mapping(result.get("errorDetails")), mapping(result.get("metadata"))
    model = text(metadata.get("resolvedModel")) or text(request.get("modelId")).removeprefix("copilot/")
    message = Message(
        f"{key}/reply",
        "assistant",
        created_at=moment(request.get("timestamp")),
        model=model or None,
        input_tokens=count(metadata.get("promptTokens")),
        output_tokens=count(metadata.get("outputTokens")),
        elapsed_ms=count(at(result, "timings", "totalElapsed")),
        error=text(details.get("message")),
        stopped=request.get("isCanceled") is True,
    )
    thoughts: list[str] = []
    said: list[str] = []
    for item in items(request.get("response")):
        words = _words(item)
        if words is not None:
            said.append(words)
            continue
        if said:
            message.parts.append(Text("".join(said)))
            said = []
        kind = text(at(item, "kind"))
        if kind == "thinking":
            value = item.get("value")
            thoughts.append(text(value) or "".join(text(one) for one in items(value)))
        elif kind not in _NOT_SHOWN:
            message.parts.append(_part(kind, item))
    if said:
        message.parts.append(Text("".join(said)))
    message.reasoning = "\n\n".join(thought for thought in thoughts if thought)
    return message


def _words(item: Any) -> str | None:
    """Return the text of an item of a reply; None where it is something else."""
    if isinstance(item, str):
        return item
    kind = text(at(item, "kind"))
    if not kind and "value" in mapping(item):
        return _markdown(item.get("value"))
    if kind in ("markdownContent", "markdownVuln", "warning"):
        return _markdown(item.get("content"))
    if kind == "inlineReference":
        reference = mapping(item.get("inlineReference"))
        path = (
            text(reference.get("path"))
            or text(at(reference, "uri", "path"))
            or text(at(reference, "location", "uri", "path"))
        )
        name = text(item.get("name")) or text(reference.get("name")) or path.rpartition("/")[2]
        return f"`{name}`" if name else ""
    return None


def _markdown(value: Any) -> str:
    return text(value) or text(at(value, "value"))


def _part(kind: str, item: dict[str, Any]) -> Part:
    if kind in ("toolInvocationSerialized", "toolInvocation"):
        done = _markdown(item.get("pastTenseMessage"))
        arguments = at(item, "toolSpecificData", "commandLine") or at(item, "toolSpecificData", "rawInput")
        output = mapping(item.get("resultDetails")).get("output")
        result = "\n".join(text(at(one, "value")) for one in mappings(output)) or done
        is_error = at(item, "resultDetails", "isError") is True
        called = arguments if arguments is not None else _markdown(item.get("invocationMessage")) or None
        return ToolCall(
            text(item.get("toolId")) or "tool", called, result or None, is_error, identifier(item.get("toolCallId"))
        )
    if kind in ("textEditGroup", "notebookEditGroup"):
        edits = json.dumps(item.get("edits"), ensure_ascii=False)
        return ToolCall("edit", {"path": text(at(item, "uri", "path"))}, edits)
    return Unsupported(kind or "response", item)

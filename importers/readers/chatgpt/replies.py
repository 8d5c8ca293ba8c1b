"""Replies of ChatGPT: reasoning, tool calls with their results, and text, each a node of its own in the export."""

from __future__ import annotations

from typing import Any

from ...records import Attachment, Message, Text, ToolCall, Unsupported
from ...values import amount, flag, items, mapping, mappings, parsed, text
from .content import RESULTS, as_content, pointed, tool_result, unknown_parts, visible_parts
from .files import ExportFiles, written

Object = dict[str, Any]

_PLUMBING: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("web.run", "search_query", frozenset({"response_length"})),
    ("web.run", "system1_search_query", frozenset({"response_length"})),
    ("web.run", "image_query", frozenset({"response_length"})),
    ("web.run", "open", frozenset({"response_length"})),
    ("web.run", "click", frozenset({"response_length"})),
    ("web.run", "find", frozenset({"response_length"})),
    ("canmore.create_textdoc", "content", frozenset({"name", "type"})),
    ("canmore.update_textdoc", "updates", frozenset()),
    ("image_gen", "prompt", frozenset({"size", "n", "referenced_image_ids", "transparent_background"})),
)
"""Tool, the key that tells it, and keys beside it: calls that new exports show as text without a recipient."""
_WEB = frozenset(key for tool, key, _ in _PLUMBING if tool == "web.run") | {"response_length"}


def add_reply(reply: Message, message: Object, role: object, files: ExportFiles) -> bool:
    """Add one node of a reply; return whether it says anything."""
    content, metadata = as_content(message.get("content")), mapping(message.get("metadata"))
    before = len(reply.parts), len(reply.reasoning)
    kind = text(content.get("content_type"))
    recipient = message.get("recipient")
    if role == "tool":
        _add_result(reply, message, content, metadata, files)
    elif isinstance(recipient, str) and recipient not in {"", "all"}:
        _add_call(reply, recipient, _called_with(content), message, files)
    elif kind in {"text", "multimodal_text"}:
        _add_text(reply, message, content, metadata, files)
    elif kind == "thoughts":
        _add_reasoning(reply, _thoughts(content.get("thoughts")))
    elif kind in RESULTS:
        _add_result(reply, message, content, metadata, files)
    elif kind == "reasoning_recap":
        _add_recap(reply, content, metadata)
    elif kind == "code":
        _add_code(reply, content, message, files)
    elif kind == "system_error":
        reply.error = tool_result(content)
    elif content:
        reply.parts.append(Unsupported(kind or "content", content))
    if metadata:
        _add_metadata(reply, metadata)
    return before != (len(reply.parts), len(reply.reasoning)) or bool(reply.error)


def _add_metadata(reply: Message, metadata: Object) -> None:
    if model := text(metadata.get("model_slug")):
        reply.model = model
    finish = metadata.get("finish_details")
    if isinstance(finish, dict) and finish.get("type") == "interrupted":
        reply.stopped = True
    canvas = metadata.get("canvas")
    if isinstance(canvas, dict) and (document := text(canvas.get("textdoc_id"))):
        reply.metadata["canvas"] = document


def _add_text(reply: Message, message: Object, content: Object, metadata: Object, files: ExportFiles) -> None:
    parts = visible_parts(content, metadata, files, reply.sources)
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text.startswith("{"):
        call = parsed(parts[0].text)
        if isinstance(call, dict) and (tool := _plumbing(call)):
            _add_call(reply, tool, call, message, files)
            return
    reply.parts += parts


def _plumbing(call: Object) -> str:
    keys = set(call)
    if keys and keys <= _WEB and keys != {"response_length"}:
        return "web.run"
    for tool, key, beside in _PLUMBING:
        if key in keys and keys - {key} <= beside and (tool != "canmore.create_textdoc" or "type" in keys):
            return tool
    return ""


def _called_with(content: Object) -> Any:
    value = text(content.get("text")) or "\n".join(
        part for part in items(content.get("parts")) if isinstance(part, str)
    )
    arguments = parsed(value) if value.lstrip().startswith(("{", "[")) else value
    return arguments or content.get("parts") or ""


def _add_call(reply: Message, name: str, arguments: Any, message: Object, files: ExportFiles) -> None:
    reply.parts.append(ToolCall(name, arguments, id=text(message.get("id"))))
    if name.startswith("canmore.") and isinstance(arguments, dict) and not files.has_canvases:
        _add_canvas(reply, arguments)


def _add_canvas(reply: Message, arguments: Object) -> None:
    """Attach a canvas document where a call writes all of it."""
    content = text(arguments.get("content"))
    if not content:
        edits = mappings(arguments.get("updates"))
        whole = [edit for edit in edits if text(edit.get("pattern")) in {".*", "^.*$", "(?s).*"}]
        content = text(whole[-1].get("replacement")) if whole else ""
    if content:
        reply.parts.append(written(text(arguments.get("name")), text(arguments.get("type")), content))


def _add_code(reply: Message, content: Object, message: Object, files: ExportFiles) -> None:
    code, language = text(content.get("text")), text(content.get("language"))
    call = parsed(code) if code.startswith("{") else None
    if isinstance(call, dict) and len(call) > 0:
        _add_call(reply, _plumbing(call) or next(iter(call)), call, message, files)
    elif code.strip():
        name = language if language not in {"unknown", "json"} else ""
        fence = "```" if "```" not in code else "````"
        reply.parts.append(Text(f"{fence}{name}\n{code}\n{fence}"))


def _thoughts(value: object) -> str:
    if isinstance(value, str):
        return value
    return "\n\n".join(
        "\n\n".join(filter(None, (f"**{summary}**" if (summary := text(thought.get("summary"))) else "", said)))
        for thought in mappings(value)
        if (said := text(thought.get("content")) or "\n".join(filter(None, map(text, items(thought.get("chunks"))))))
        or thought.get("summary")
    )


def _add_reasoning(reply: Message, reasoning: str) -> None:
    if reasoning.strip():
        reply.reasoning = f"{reply.reasoning}\n\n{reasoning}" if reply.reasoning else reasoning


def _add_recap(reply: Message, content: Object, metadata: Object) -> None:
    if recap := text(content.get("content")):
        reply.metadata["reasoning_recap"] = recap
    if seconds := amount(metadata.get("finished_duration_sec")):
        reply.metadata["reasoning_seconds"] = seconds


def _add_result(reply: Message, message: Object, content: Object, metadata: Object, files: ExportFiles) -> None:
    """Add what a tool returned to its last call, to which several nodes may belong, and its pictures to the reply."""
    result, pictures, unknown = tool_result(content), _pictures(content, metadata, files), unknown_parts(content)
    if not (result or pictures):
        reply.parts += unknown
        return
    name = text(mapping(message.get("author")).get("name")) or "tool"
    calls = (
        part for part in reversed(reply.parts) if isinstance(part, ToolCall) and _family(part.name) == _family(name)
    )
    call = next(calls, None)
    if call is None:
        call = ToolCall(name, _image_prompt(content), id=text(message.get("id")))
        reply.parts.append(call)
    call.result = f"{call.result}\n\n{result}" if call.result and result else call.result or result
    status = text(mapping(metadata.get("aggregate_result")).get("status"))
    call.is_error |= content.get("content_type") == "system_error" or status.startswith("failed")
    reply.parts += [*pictures, *unknown]


def _family(name: str) -> str:
    """Return what the names of a call and its result have in common: ``web`` answers ``web.run``."""
    return name.partition(".")[0]


def _pictures(content: Object, metadata: Object, files: ExportFiles) -> list[Attachment]:
    found = [picture for part in mappings(content.get("parts")) for picture in pointed(part, {}, files, set())]
    outputs = mappings(mapping(metadata.get("aggregate_result")).get("messages"))
    drawn = (text(output.get("image_url")) for output in outputs if output.get("message_type") == "image")
    return found + [files.attachment(pointer) for pointer in drawn if pointer]


def _image_prompt(content: Object) -> Any:
    for part in mappings(content.get("parts")):
        if prompt := text(mapping(mapping(part.get("metadata")).get("dalle")).get("prompt")):
            return {"prompt": prompt}
    return None


def is_hidden(metadata: Object) -> bool:
    return flag(metadata.get("is_visually_hidden_from_conversation"))

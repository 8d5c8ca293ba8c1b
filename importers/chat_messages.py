"""Messages in the form of the chat APIs: a role, and content of text or of typed blocks."""

from __future__ import annotations

import json
from typing import Any

from .inline import linked_file, without_thinking
from .records import Attachment, Message, Text, ToolCall, Unsupported
from .roles import TOOL_ROLES, role
from .times import moment
from .values import amount, at, chosen, count, flag, identifier, items, mapping, parsed, text

_TEXT = {"text", "input_text", "output_text", "markdown"}
_REASONING = {"thinking", "reasoning", "think", "reasoning_content", "summary_text"}
_CALLS = {"tool_use", "tool_call", "function_call", "tool-call", "server_tool_use"}
_RESULTS = {"tool_result", "tool-result", "function_call_output", "web_search_tool_result"}
_SILENT = {"redacted_thinking", "cache_control"}
_TIMES = ("created_at", "createdAt", "timestamp", "create_time", "created", "ts")


class ChatMessages:
    """Messages of one conversation, added one by one. Results of tools are attached to the calls before them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.system_prompt = ""
        self._calls: dict[str, ToolCall] = {}
        self._open: list[ToolCall] = []

    def extend(self, values: object) -> None:
        for value in items(values):
            self.add(value)

    def add(self, value: Any, **fields: Any) -> Message | None:
        """Add a message, and return it; None where it only says what the system prompt or the result of a tool is.

        ``fields`` are those of the message that the value itself does not say.
        """
        if value is None:
            return None
        data = mapping(value)
        named = text(data.get("role")) or text(data.get("from")) or text(data.get("author"))
        content = next((data[name] for name in ("content", "value", "parts", "text") if data.get(name)), None)
        if named.strip().lower() in TOOL_ROLES:
            return self._tool_message(data, content)
        known = role(named)
        message = Message(identifier(data.get("id")), known or "assistant", **fields)
        if not data:
            message.parts.append(Unsupported("message", value))
        elif known is None:
            message.metadata["role"] = data.get("role", named)
        self._add_content(message, content)
        self._add_fields(message, data)
        if message.role == "system" and not self.messages and not self.system_prompt and _is_text(message):
            self.system_prompt = "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
            return None
        if content and not message.parts and not message.reasoning:
            return None  # only results of tools
        self.messages.append(message)
        return message

    def result(self, call: str, name: str, result: str, *, is_error: bool = False) -> Message | None:
        """Attach a result to its call; where there is none, return a new message with a call of its own."""
        found = self._calls.get(call) if call else next((each for each in self._open if each.name == name), None)
        found = found or (self._open[0] if not call and self._open else None)
        if found is None or found.result is not None:
            self.messages.append(Message("", "assistant", [ToolCall(name or "tool", None, result, is_error, call)]))
            return self.messages[-1]
        found.result, found.is_error = result, is_error
        self._open = [each for each in self._open if each is not found]
        return None

    def call(self, message: Message, call: ToolCall) -> None:
        """Add a call to a message."""
        message.parts.append(call)
        self._open.append(call)
        if call.id:
            self._calls[call.id] = call

    def _tool_message(self, data: dict[str, Any], content: Any) -> Message | None:
        call = identifier(data.get("tool_call_id")) or identifier(data.get("tool_use_id"))
        message = self.result(call, text(data.get("name")), shown(content), is_error=flag(data.get("is_error")))
        if message is not None:
            message.id = identifier(data.get("id"))
        return message

    def _add_content(self, message: Message, content: Any) -> None:
        if isinstance(content, str):
            self._add_text(message, content)
            return
        blocks = content if isinstance(content, list) else [] if content is None else [content]
        for block in blocks:
            if isinstance(block, str):
                self._add_text(message, block)
            elif block is not None:
                self._add_block(message, mapping(block), block)

    def _add_text(self, message: Message, value: str) -> None:
        if message.role == "assistant" and not message.parts:
            value, thoughts = without_thinking(value)
            add_reasoning(message, thoughts)
        if value:
            message.parts.append(Text(value))

    def _add_block(self, message: Message, block: dict[str, Any], raw: Any) -> None:
        kind = text(block.get("type"))
        if kind in _TEXT or (not kind and isinstance(block.get("text"), str)):
            self._add_text(message, text(block.get("text")) or text(at(block, "text", "value")))
        elif kind in _REASONING:
            found = (text(block.get(name)) for name in ("thinking", "reasoning", "text", "think"))
            add_reasoning(message, next(filter(None, found), ""))
        elif kind in _CALLS:
            self._add_call(message, block)
        elif kind in _RESULTS:
            call = identifier(block.get("tool_use_id")) or identifier(block.get("call_id"))
            output = next((block[name] for name in ("content", "output", "result") if block.get(name)), None)
            self.result(call, text(block.get("name")), shown(output), is_error=flag(block.get("is_error")))
        elif kind == "refusal":
            self._add_text(message, text(block.get("refusal")))
        elif (file := attachment(block)) is not None:
            message.parts.append(file)
        elif kind not in _SILENT:
            message.parts.append(Unsupported(kind or "content", raw))

    def _add_call(self, message: Message, data: dict[str, Any]) -> None:
        function = mapping(data.get("function")) or data
        names = ("arguments", "input", "args", "parameters")
        arguments = next((function[name] for name in names if function.get(name) is not None), None)
        call_id = identifier(data.get("call_id")) or identifier(data.get("id")) or identifier(data.get("tool_call_id"))
        name = text(function.get("name")) or text(data.get("toolName")) or "tool"
        self.call(message, ToolCall(name, parsed(arguments), id=call_id))

    def _add_fields(self, message: Message, data: dict[str, Any]) -> None:
        for name in ("reasoning_content", "reasoning", "thinking"):
            add_reasoning(message, text(data.get(name)))
        if refusal := text(data.get("refusal")):
            message.parts.append(Text(refusal))
        if transcript := text(at(data, "audio", "transcript")):
            message.parts.append(Text(transcript))
        for image in items(data.get("images")):
            if text(image):
                message.parts.append(picture(image, len(message.parts)))
        calls = items(data.get("tool_calls")) + [each for each in [data.get("function_call")] if each]
        for call in calls:
            if isinstance(call, dict):
                self._add_call(message, call)
            elif call is not None:
                message.parts.append(Unsupported("tool_call", call))
        usage = mapping(data.get("usage"))
        message.model = message.model or text(data.get("model")) or None
        message.created_at = message.created_at or next(filter(None, (moment(data.get(name)) for name in _TIMES)), None)
        message.input_tokens = count(usage.get("prompt_tokens")) or count(usage.get("input_tokens"))
        message.output_tokens = count(usage.get("completion_tokens")) or count(usage.get("output_tokens"))
        message.total_tokens = count(usage.get("total_tokens"))
        message.cost = amount(usage.get("cost"))
        message.metadata |= chosen(data, "name") | ({"weight": 0} if data.get("weight") == 0 else {})


def add_reasoning(message: Message, value: str) -> None:
    """Add thoughts to those that a message has."""
    if value := value.strip():
        message.reasoning = f"{message.reasoning}\n\n{value}" if message.reasoning else value


def attachment(block: dict[str, Any]) -> Attachment | None:
    """Return the file that a block of content is; None where it is none."""
    kind = text(block.get("type"))
    link = block.get("image_url") or block.get("url") or block.get("image")
    url = text(link) or text(at(link, "url"))
    source = mapping(block.get("source")) or mapping(block.get("input_audio")) or mapping(block.get("file"))
    data = text(source.get("data")) or text(source.get("file_data")) or text(block.get("data"))
    media = text(source.get("media_type")) or text(block.get("mimeType")) or text(block.get("mime_type"))
    name = text(source.get("filename")) or text(block.get("filename")) or text(block.get("name"))
    if audio_format := text(source.get("format")):
        media = media or f"audio/{audio_format}"
    if kind not in {"image", "image_url", "input_image", "input_audio", "audio", "file", "input_file", "document"}:
        return None
    if data:
        return linked_file(data if data.startswith("data:") else f"data:{media};base64,{data}", name, media)
    if url := url or text(source.get("url")):
        return linked_file(url, name, media)
    return Attachment(name or text(source.get("file_id")) or kind, media) if source or name else None


def picture(image: str, number: int) -> Attachment:
    """Return a picture that is given as a ``data:`` address, as base64 or as a path."""
    if image.startswith(("data:", "http://", "https://")):
        return linked_file(image)
    if len(image) < 400 and ("/" in image[1:] or "\\" in image) and "." in image[-6:]:
        return Attachment(image.replace("\\", "/").rpartition("/")[2])
    return linked_file(f"data:;base64,{image}", f"image-{number + 1}")


def shown(content: Any) -> str:
    """Return the result of a tool as text: the text of its blocks, and JSON for anything else."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list):
        return "\n".join(filter(None, map(shown, content)))
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    if isinstance(content, dict) and text(content.get("type")) in {"image", "image_url"}:
        return "[image]"
    return json.dumps(content, ensure_ascii=False)


def _is_text(message: Message) -> bool:
    return bool(message.parts) and all(isinstance(part, Text) for part in message.parts)

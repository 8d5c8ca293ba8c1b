"""Google AI Studio: prompts as it stores them on Google Drive, files without an extension."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename
from typing import Any

from ..chat_messages import add_reasoning
from ..documents import beginning, document, json_files
from ..inline import linked_file
from ..items import converted, empty
from ..reader import Reader
from ..records import Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from ..times import moment
from ..tree import FileTree
from ..values import at, chosen, count, identifier, mapping, mappings, text

Object = dict[str, Any]

_DRIVE = ("driveDocument", "driveImage", "driveAudio", "driveVideo")
_INLINE = ("inlineData", "inlineImage", "inlineAudio", "inlineFile", "inlineVideo")
_KNOWN = {
    *("role", "text", "parts", "isThought", "tokenCount", "grounding", "finishReason", "branchParent", "isEdited"),
    *("branchChildren", "thinkingBudget", "thoughtSignatures", "createTime", "errorMessage", "isGeneratedUsingApiKey"),
    *("executableCode", "codeExecutionResult", "youtubeVideo", "id", "safetyRatings", "thought", "thoughtSignature"),
    *(*_DRIVE, *_INLINE),
}


class AiStudio(Reader):
    """Prompts of AI Studio. They have no id of their own: their first messages identify them."""

    name = "ai-studio"
    label = "Google AI Studio"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path, head in json_files(tree, "chunkedPrompt", "runSettings") if _is_prompt(head)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        title = basename(path).removesuffix(".json")
        return converted(_whole(tree, path), path, lambda value: _conversation(value, title))


def _whole(tree: FileTree, path: str) -> Iterator[Any]:
    yield document(tree, path)


def _is_prompt(head: bytes) -> bool:
    return bool(mapping(beginning(head)).keys() & {"chunkedPrompt", "runSettings"})


def _conversation(value: Object, title: str) -> Conversation | Skipped:
    messages: list[Message] = []
    for chunk in mappings(at(value, "chunkedPrompt", "chunks")):
        role = "user" if text(chunk.get("role")) == "user" else "assistant"
        if role == "user" or not messages or messages[-1].role == "user":
            messages.append(Message("", "user" if role == "user" else "assistant"))
        _add_chunk(messages[-1], chunk)
    messages = [message for message in messages if message.parts or message.reasoning or message.error]
    if not messages:
        return empty(title)
    model = text(at(value, "runSettings", "model")).removeprefix("models/") or None
    for message in messages:
        if message.role == "assistant":
            message.model = model
    return Conversation("", title, messages, model=model, system_prompt=_spoken(value.get("systemInstruction")))


def _spoken(value: object) -> str:
    if isinstance(value, str):
        return value
    joined = "".join(text(part.get("text")) for part in mappings(mapping(value).get("parts")))
    return joined or text(mapping(value).get("text"))


def _add_chunk(message: Message, chunk: Object) -> None:
    parts = mappings(chunk.get("parts"))
    is_thought = chunk.get("isThought") is True or chunk.get("thought") is True
    # the parts are pieces of one text, as it arrived
    thoughts = "".join(text(part.get("text")) for part in parts if part.get("thought") is True)
    said = "".join(text(part.get("text")) for part in parts if part.get("thought") is not True)
    whole = text(chunk.get("text"))
    if is_thought:
        add_reasoning(message, whole or thoughts + said)
    else:
        add_reasoning(message, thoughts)
        if value := said or (whole if not thoughts else ""):
            message.parts.append(Text(value))
    for place in (chunk, *parts):
        _add_files(message, place)
        if unknown := {name: found for name, found in place.items() if name not in _KNOWN}:
            message.parts.append(Unsupported(next(iter(unknown)), unknown))
    message.created_at = message.created_at or moment(chunk.get("createTime"))
    if message.role == "assistant":
        message.output_tokens += count(chunk.get("tokenCount"))
    message.error = text(chunk.get("errorMessage")) or message.error
    message.metadata |= chosen(chunk, "branchParent", "branchChildren")
    finish = text(chunk.get("finishReason"))
    if finish not in {"", "STOP"}:
        message.metadata["finish_reason"] = finish
    _add_sources(message, mapping(chunk.get("grounding")))


def _add_files(message: Message, place: Object) -> None:
    for name in _INLINE:
        data = mapping(place.get(name))
        if content := text(data.get("data")):
            media_type = text(data.get("mimeType"))
            message.parts.append(linked_file(f"data:{media_type};base64,{content}", text(data.get("displayName"))))
    for name in _DRIVE:
        if file_id := identifier(at(place, name, "id")):
            message.parts.append(Attachment(f"https://drive.google.com/file/d/{file_id}"))
    if video := identifier(at(place, "youtubeVideo", "id")):
        message.parts.append(Attachment(f"https://www.youtube.com/watch?v={video}"))
    if code := mapping(place.get("executableCode")):
        message.parts.append(ToolCall("code_execution", text(code.get("code"))))
    if outcome := mapping(place.get("codeExecutionResult")):
        call = next((part for part in reversed(message.parts) if isinstance(part, ToolCall)), None)
        if call is None or call.result is not None:
            call = ToolCall("code_execution")
            message.parts.append(call)
        call.result = text(outcome.get("output"))
        call.is_error = text(outcome.get("outcome")).endswith(("FAILED", "DEADLINE_EXCEEDED"))


def _add_sources(message: Message, grounding: Object) -> None:
    for source in mappings(grounding.get("groundingSources")) + mappings(grounding.get("groundingChunks")):
        page = mapping(source.get("web")) or source
        url = text(page.get("uri")) or text(page.get("url"))
        if url.startswith(("https://", "http://")):
            message.sources.append((text(page.get("title")) or url, url))

"""The API of Google Gemini: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any
from urllib.parse import quote

from .. import model_list
from ..citations import SUPPORTS
from ..endpoint import Endpoint
from ..events import ChatMessage, Model, Request
from ..options import Options, deep_merged
from ..quirks import Quirks
from ..request_body import arguments_object, parameters_of, system_prompt, with_images_after_results
from ..usage import is_map
from .wire_protocol import Translator, WireProtocol

_THINKS = re.compile(r"gemini-(2\.5|[3-9]|\w+-latest)")
_HAS_LEVELS = re.compile(r"gemini-[3-9]")
THINKING_BUDGETS = {"low": 1_024, "medium": 8_192, "high": 24_576}
"""Tokens for thinking, by the effort; newer models take the effort itself."""
_NAMES = {
    "top_p": "topP", "top_k": "topK", "stop": "stopSequences", "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens", "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}  # fmt: skip


class Gemini(WireProtocol):
    """``POST /models/MODEL:streamGenerateContent``."""

    default_path = "/v1beta"
    embeddings_path = ""
    dropped = ("/openai",)
    searches_web = True
    renamed = {"thinkingConfig": "reasoning_effort"}

    def reply_path(self, model: str, *, stream: bool) -> str:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/models/{quote(model.removeprefix('models/'), safe='')}:{method}"

    @property
    def list_path(self) -> str:
        return "/models?pageSize=1000"

    def key_headers(self, key: str | None) -> dict[str, str]:
        return {"x-goog-api-key": key} if key is not None else {}

    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        values = {**options.parameters, **request.parameters}
        effort = request.reasoning_effort or values.pop("reasoning_effort", None)
        web_search = values.pop("web_search", None)
        body: dict[str, Any] = {"contents": _contents(request.messages)}
        if system := system_prompt(request.messages):
            body["systemInstruction"] = {"parts": [{"text": system}]}
        config = {_NAMES.get(name, name): value for name, value in values.items()}
        if isinstance(stop := config.get("stopSequences"), str):
            config["stopSequences"] = [stop]
        if request.temperature is not None:
            config["temperature"] = request.temperature
        if request.max_tokens is not None:
            config["maxOutputTokens"] = request.max_tokens
        if request.schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": request.schema}
        if thinking := _thinking(request.model, str(effort or "")):
            config["thinkingConfig"] = thinking
        if request.tools:
            functions = [
                {"name": tool.name, "description": tool.description, "parametersJsonSchema": parameters_of(tool)}
                for tool in request.tools
            ]
            body["tools"] = [{"functionDeclarations": functions}]
        elif web_search:  # which no model takes beside functions
            body["tools"] = [{"googleSearch": {}}]
        for name in (*quirks.omit, *options.omit):
            config.pop(_NAMES.get(name, name), None)
        if "tools" in (*quirks.omit, *options.omit):
            body.pop("tools", None)
        if config:
            body["generationConfig"] = config
        return deep_merged(body, options.extra_body)

    def translator(self) -> Translator:
        return GeminiTranslator()

    def models(self, endpoint: Endpoint, payload: object) -> list[Model] | None:
        rows = payload.get("models") if is_map(payload) else None
        if isinstance(rows, list):
            payload = {"models": [row for row in rows if not is_map(row) or _generates(row)]}
        return model_list.models(endpoint.name, payload, endpoint.context_length)


class GeminiTranslator(Translator):
    """Translation of responses, each of which has the next parts of the reply."""

    def __init__(self) -> None:
        self._parts: list[Mapping[str, Any]] = []

    @property
    def opaque(self) -> Any:
        """Return the parts as they came, among them signatures of thoughts, without their summaries."""
        return [part for part in self._parts if not part.get("thought")]

    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        chunk = self.whole(payload)
        if chunk is not None:
            yield chunk

    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        candidates, feedback = payload.get("candidates"), payload.get("promptFeedback")
        head = {"id": payload.get("responseId"), "model": payload.get("modelVersion")}
        usage = {"usage": _usage(payload["usageMetadata"])} if is_map(payload.get("usageMetadata")) else {}
        if is_map(feedback) and feedback.get("blockReason"):
            return {"choices": [{"delta": {}, "finish_reason": "content_filter"}], **head, **usage}
        if isinstance(candidates, list) and candidates and is_map(candidates[0]):
            parts = _parts_of(candidates[0])
            self._parts += parts
            return {"choices": [_choice(candidates[0], parts)], **head, **usage}
        return {"choices": [], **head, **usage} if usage else None


def _parts_of(candidate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = candidate.get("content")
    parts = content.get("parts") if is_map(content) else None
    return list(filter(is_map, parts)) if isinstance(parts, list) else []


def _choice(candidate: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"content": [], "tool_calls": []}
    for part in parts:
        if is_map(call := part.get("functionCall")):
            function = {"name": call.get("name"), "arguments": call.get("args") or {}}
            message["tool_calls"].append({"id": call.get("id"), "function": function})
        elif is_map(data := part.get("inlineData")):
            message["content"].append({"type": str(data.get("mimeType"))})
        elif isinstance(part.get("text"), str):
            message["content"].append({"type": "thinking" if part.get("thought") else "text", "text": part["text"]})
    grounding = candidate.get("groundingMetadata")
    sources = grounding.get("groundingChunks") if is_map(grounding) else None
    supports = grounding.get("groundingSupports") if is_map(grounding) else None
    pieces = list(filter(is_map, supports)) if isinstance(supports, list) else []
    message["annotations"] = [
        {"url": web.get("uri"), "title": web.get("title"), SUPPORTS: _supported(pieces, number)}
        for number, row in enumerate(sources if isinstance(sources, list) else ())
        if is_map(row) and is_map(web := row.get("web"))
    ]
    reason = candidate.get("finishReason")
    return {"delta": message, "finish_reason": reason if reason != "FINISH_REASON_UNSPECIFIED" else None}


def _supported(pieces: Iterable[Mapping[str, Any]], number: int) -> list[dict[str, Any]]:
    """Return the pieces of the text that stand on one source."""
    found = []
    for piece in pieces:
        indices, segment = piece.get("groundingChunkIndices"), piece.get("segment")
        if isinstance(indices, list) and number in indices and is_map(segment):
            found.append({"text": segment.get("text"), "end": segment.get("endIndex")})
    return found


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    thought, answer = usage.get("thoughtsTokenCount"), usage.get("candidatesTokenCount")
    received = sum(count for count in (thought, answer) if isinstance(count, int) and not isinstance(count, bool))
    return {
        "prompt_tokens": usage.get("promptTokenCount"),
        "completion_tokens": received,
        "total_tokens": usage.get("totalTokenCount"),
        "prompt_tokens_details": {"cached_tokens": usage.get("cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def _thinking(model: str, effort: str) -> dict[str, Any]:
    if not _THINKS.match(model):
        return {}
    if effort not in THINKING_BUDGETS:
        return {"includeThoughts": True}
    if _HAS_LEVELS.match(model):
        return {"includeThoughts": True, "thinkingLevel": effort}
    return {"includeThoughts": True, "thinkingBudget": THINKING_BUDGETS[effort]}


def _contents(messages: tuple[ChatMessage, ...]) -> list[dict[str, Any]]:
    """Return the turns; neighbours of one role are one turn."""
    turns = []
    spoken = with_images_after_results(each for each in messages if each.role != "system")
    calls = {call.id: {"name": call.name} for message in messages for call in message.tool_requests}
    for part in (part for message in messages for part in message.opaque or ()):
        if id_ := part.get("functionCall", {}).get("id"):
            calls.setdefault(id_, {})["id"] = id_
    for role, group in groupby(spoken, key=lambda each: "model" if each.role == "assistant" else "user"):
        if parts := [part for message in group for part in _parts(message, calls)]:
            turns.append({"role": role, "parts": parts})
    return turns


def _parts(message: ChatMessage, calls: Mapping[str, Mapping[str, str]]) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a message. ``calls``: name of the tool, and Gemini's own id if it gave one, by the id here."""
    if message.opaque:
        yield from message.opaque
        return
    if message.role == "tool":
        call = calls.get(message.tool_id, {"name": "tool"})
        yield {"functionResponse": {**call, "response": {"result": message.content}}}
        return
    for image in message.images:
        data = base64.b64encode(image.content).decode("ascii")
        yield {"inlineData": {"mimeType": image.media_type, "data": data}}
    if message.content:
        yield {"text": message.content}
    for request in message.tool_requests:
        yield {"functionCall": {"name": request.name, "args": arguments_object(request.arguments)}}


def _generates(row: Mapping[str, Any]) -> bool:
    methods = row.get("supportedGenerationMethods")
    return not isinstance(methods, list) or "generateContent" in methods

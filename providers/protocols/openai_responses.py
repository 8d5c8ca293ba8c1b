"""The Responses API of OpenAI: https://platform.openai.com/docs/api-reference/responses. Nothing is kept there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .. import model_list
from ..endpoint import Endpoint
from ..events import ChatMessage, Model, Request
from ..options import Options, deep_merged
from ..quirks import Quirks
from ..request_body import (
    arguments_object,
    data_uri,
    encode_body,
    function_of,
    stream_wanted,
    system_prompt,
    with_images_after_results,
)
from ..usage import is_map
from .wire_protocol import Translator, WireProtocol

_REASONING_MODEL = re.compile(r"(o\d|gpt-[5-9])")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class OpenAIResponses(WireProtocol):
    """``POST /responses``."""

    dropped = ("/responses", "/chat/completions")
    searches_web = True
    renamed = {"reasoning": "reasoning_effort", "max_output_tokens": "max_tokens"}

    def reply_path(self, model: str, *, stream: bool) -> str:
        return "/responses"

    def key_headers(self, key: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key is not None else {}

    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        values = {**options.parameters, **request.parameters}
        effort = request.reasoning_effort or values.pop("reasoning_effort", None)
        limit = request.max_tokens or values.pop("max_completion_tokens", values.pop("max_tokens", None))
        verbosity, web_search = values.pop("verbosity", None), values.pop("web_search", None)
        spoken = with_images_after_results(each for each in request.messages if each.role != "system")
        items = [item for each in spoken for item in _items(each)]
        body: dict[str, Any] = {"model": request.model, "input": items, "store": False}
        if system := system_prompt(request.messages):
            body["instructions"] = system
        body |= {"stream": stream_wanted(options, quirks), **values}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if limit is not None:
            body["max_output_tokens"] = limit
        if effort or _REASONING_MODEL.match(request.model):
            body["reasoning"] = {"summary": "auto"} | ({"effort": effort} if effort else {})
        text: dict[str, Any] = {"verbosity": verbosity} if verbosity else {}
        if request.schema is not None:
            text["format"] = {"type": "json_schema", "name": "reply", "schema": request.schema}
        if text:
            body["text"] = text
        tools: list[dict[str, Any]] = [{"type": "web_search"}] if web_search else []
        tools += [{"type": "function", **function_of(tool), "strict": False} for tool in request.tools]
        if tools:
            body["tools"] = tools
        if request.tools and "reasoning" in body:  # without a copy at the provider it has to come with each request
            body["include"] = ["reasoning.encrypted_content"]
        for name in (*quirks.omit, *options.omit):
            body.pop(name, None)
        return deep_merged(body, options.extra_body)

    def translator(self) -> Translator:
        return ResponsesTranslator()

    def models(self, endpoint: Endpoint, payload: object) -> list[Model] | None:
        return model_list.models(endpoint.name, payload, endpoint.context_length)


class ResponsesTranslator(Translator):
    """Translation of a response's events."""

    def __init__(self) -> None:
        self._parts = 0
        self._items: list[Mapping[str, Any]] = []

    @property
    def opaque(self) -> Any:
        """Return the items of the response as the API takes them back.

        Where reasoning came without its encrypted content, it is left out, and so are all ids: the API would miss what
        they name, because it has kept nothing.
        """
        sealed = [item for item in self._items if item.get("type") != "reasoning" or item.get("encrypted_content")]
        dropped = () if len(sealed) == len(self._items) else ("id", "status")
        return [{key: item[key] for key in item if key not in dropped and item[key] is not None} for item in sealed]

    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        kind, delta = payload.get("type"), payload.get("delta")
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            yield _choice({"content": delta})
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            yield _choice({"reasoning": delta})
        elif kind == "response.reasoning_summary_part.added":
            self._parts += 1
            if self._parts > 1:
                yield _choice({"reasoning": "\n\n"})
        elif kind == "response.output_text.annotation.added":
            yield _choice({"annotations": [payload.get("annotation")]})
        elif kind in ("response.output_item.added", "response.output_item.done") and is_map(payload.get("item")):
            item = payload["item"]
            if kind.endswith("done"):
                self._items.append(item)
            if item.get("type") == "function_call":
                yield _choice({"tool_calls": [_call(item, payload.get("output_index"))]})
        elif kind == "response.function_call_arguments.delta":
            piece = {"index": payload.get("output_index"), "function": {"arguments": delta}}
            yield _choice({"tool_calls": [piece]})
        elif kind in _ENDS and is_map(response := payload.get("response")):
            self.is_complete = True
            yield _end(response)

    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        output = payload.get("output")
        if not isinstance(output, list):
            return None
        parts: list[Any] = []
        message: dict[str, Any] = {"content": parts, "annotations": [], "tool_calls": []}
        self._items = list(filter(is_map, output))
        for item in self._items:
            if item.get("type") == "reasoning":
                parts.append({"type": "reasoning", "text": item.get("summary") or item.get("content")})
            elif item.get("type") == "function_call":
                message["tool_calls"].append(_call(item))
            content = item.get("content") if item.get("type") == "message" else None
            for part in filter(is_map, content if isinstance(content, list) else ()):
                parts.append({"type": "text", "text": part.get("text") or part.get("refusal")})
                notes = part.get("annotations")
                message["annotations"] += notes if isinstance(notes, list) else []
        return _end(payload, message)


def _end(response: Mapping[str, Any], message: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the last chunk: how the response ended, and its counts."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if is_map(details) else None
    if response.get("status") == "completed" or reason is None:
        reason = "stop"
    choice: dict[str, Any] = {"delta": message or {}, "finish_reason": reason}
    if response.get("error") or response.get("status") == "failed":
        error = response.get("error")
        choice["error"] = error if is_map(error) else {"message": "The response failed."}
    head = {"id": response.get("id"), "model": response.get("model"), "usage": response.get("usage")}
    return {"choices": [choice], **head}


def _choice(delta: Mapping[str, Any]) -> dict[str, Any]:
    return {"choices": [{"delta": delta}]}


def _call(item: Mapping[str, Any], index: object = None) -> dict[str, Any]:
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    return {"index": index, "id": item.get("call_id"), "function": function}


def _items(message: ChatMessage) -> Iterator[Mapping[str, Any]]:
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_id, "output": message.content}
        return
    if message.opaque:
        yield from message.opaque
        return
    kind = "output_text" if message.role == "assistant" else "input_text"
    parts: list[dict[str, Any]] = [{"type": kind, "text": message.content}] if message.content else []
    parts += [{"type": "input_image", "image_url": data_uri(image)} for image in message.images]
    if parts or not message.tool_requests:
        yield {"role": message.role, "content": parts}
    for call in message.tool_requests:
        arguments = encode_body(arguments_object(call.arguments)).decode()
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}

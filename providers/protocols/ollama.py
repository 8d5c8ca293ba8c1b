"""The API of Ollama: https://github.com/ollama/ollama/blob/main/docs/api.md.

Ollama cuts off the beginning of what does not fit its context window, without a word. So a window that fits is asked
for where the messages may need more than the usual one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .. import model_list
from ..endpoint import Endpoint
from ..events import ChatMessage, Model, Request
from ..model_traits import traits_of
from ..options import Options, deep_merged
from ..quirks import Quirks
from ..request_body import arguments_object, function_tool, stream_wanted, with_images_after_results
from ..usage import is_map
from .wire_protocol import Translator, WireProtocol

USUAL_WINDOW = 4_096
"""Tokens of the window that Ollama opens if nothing is asked for."""
REPLY = 1_024
"""Tokens to leave for a reply."""
CHARACTERS = 3
"""Characters of a token, cautiously."""
_TOP_LEVEL = ("keep_alive", "think", "format", "raw", "logprobs", "top_logprobs", "truncate")
_NAMES = {"max_tokens": "num_predict", "max_completion_tokens": "num_predict"}


class Ollama(WireProtocol):
    """``POST /api/chat``."""

    is_lines = True
    default_path = ""
    embeddings_path = "/v1/embeddings"
    pull_path = "/api/pull"
    dropped = ("/api/chat", "/api", "/v1")
    renamed = {"think": "reasoning_effort"}

    def reply_path(self, model: str, *, stream: bool) -> str:
        return "/api/chat"

    @property
    def list_path(self) -> str:
        return "/api/tags"

    def key_headers(self, key: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key is not None else {}

    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        values = {**options.parameters, **request.parameters}
        effort = request.reasoning_effort or values.pop("reasoning_effort", None)
        body: dict[str, Any] = {"model": request.model, "messages": list(_messages(request.messages))}
        body["stream"] = stream_wanted(options, quirks)
        body |= {name: values.pop(name) for name in _TOP_LEVEL if name in values}
        if effort:
            body.setdefault("think", effort)
        if request.schema is not None:
            body["format"] = request.schema
        if request.tools:
            body["tools"] = [function_tool(tool) for tool in request.tools]
        choices = {_NAMES.get(name, name): value for name, value in values.items()}
        if isinstance(stop := choices.get("stop"), str):
            choices["stop"] = [stop]
        if request.temperature is not None:
            choices["temperature"] = request.temperature
        if request.max_tokens is not None:
            choices["num_predict"] = request.max_tokens
        if window := _window(request, options):
            choices.setdefault("num_ctx", window)
        for name in (*quirks.omit, *options.omit):
            body.pop(name, None)
            choices.pop(_NAMES.get(name, name), None)
        if choices:
            body["options"] = choices
        return deep_merged(body, options.extra_body)

    def translator(self) -> Translator:
        return OllamaTranslator()

    def models(self, endpoint: Endpoint, payload: object) -> list[Model] | None:
        return model_list.models(endpoint.name, payload, endpoint.context_length)

    def details(self, model: Model) -> tuple[str, dict[str, Any]]:
        return "/api/show", {"model": model.id}

    def with_details(self, model: Model, payload: Mapping[str, Any]) -> Model:
        info, abilities = payload.get("model_info"), payload.get("capabilities")
        lengths = [value for name, value in info.items() if name.endswith(".context_length")] if is_map(info) else []
        length = next((value for value in lengths if isinstance(value, int) and 0 < value < 2**31), None)
        can = abilities if isinstance(abilities, list) else []
        supported = [name for ability, name in (("tools", "tools"), ("thinking", "reasoning")) if ability in can]
        inputs = ["text", "image"] if "vision" in can else ["text"]
        traits = traits_of({"input_modalities": inputs, "supported_parameters": supported}) if can else model.traits
        return replace(model, context_length=model.context_length or length, traits=traits)


class OllamaTranslator(Translator):
    """Translation of lines, each of which has the next piece of the reply."""

    def __init__(self) -> None:
        self._thoughts: list[str] = []

    @property
    def opaque(self) -> Any:
        """Return the thinking, without which models lose their thread between two calls."""
        return {"thinking": "".join(self._thoughts)} if self._thoughts else None

    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        chunk = self.whole(payload)
        if chunk is not None:
            yield chunk

    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        message = payload.get("message")
        if not is_map(message):
            return None
        if isinstance(thought := message.get("thinking"), str) and thought:
            self._thoughts.append(thought)
        delta = {"content": message.get("content"), "reasoning": message.get("thinking")}
        if isinstance(calls := message.get("tool_calls"), list):
            delta["tool_calls"] = calls
        head: dict[str, Any] = {"model": payload.get("model")}
        reason = None
        if payload.get("done") is True:
            self.is_complete = True
            reason = payload.get("done_reason") or "stop"
            head["usage"] = {
                "prompt_tokens": payload.get("prompt_eval_count"),
                "completion_tokens": payload.get("eval_count"),
            }
        return {"choices": [{"delta": delta, "finish_reason": reason}], **head}


def _window(request: Request, options: Options) -> int | None:
    """Return the tokens of the window to ask for; None where the usual one is enough."""
    needed = sum(len(each.content) for each in request.messages) // CHARACTERS + (request.max_tokens or REPLY)
    if needed <= USUAL_WINDOW:
        return None
    window = 1 << (needed - 1).bit_length()
    return min(window, options.context_length) if options.context_length else window


def _messages(messages: Iterable[ChatMessage]) -> Iterator[dict[str, Any]]:
    names: dict[str, str] = {}
    for message in with_images_after_results(messages):
        result: dict[str, Any] = {"role": message.role, "content": message.content}
        if images := [base64.b64encode(image.content).decode("ascii") for image in message.images]:
            result["images"] = images
        if message.role == "tool":
            result["tool_name"] = names.get(message.tool_id, "tool")
        if message.tool_requests:
            names |= {call.id: call.name for call in message.tool_requests}
            functions = ((call.name, arguments_object(call.arguments)) for call in message.tool_requests)
            result["tool_calls"] = [{"function": {"name": name, "arguments": given}} for name, given in functions]
            result |= message.opaque or {}
        yield result

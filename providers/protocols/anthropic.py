"""The Messages API of Anthropic: https://docs.anthropic.com/en/api/messages.

The system prompt and the messages before the newest one are marked to be cached: what a long conversation sends again
with each prompt then costs a tenth.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from .. import model_list
from ..citations import PLACE
from ..endpoint import Endpoint
from ..events import ChatMessage, Model, Request
from ..options import Options, deep_merged
from ..quirks import Quirks
from ..request_body import arguments_object, parameters_of, stream_wanted, system_prompt
from ..usage import is_map
from .wire_protocol import Translator, WireProtocol

VERSION = "2023-06-01"
CONTEXT_LENGTH = 200_000
"""Tokens that every current model takes; the list of models does not say."""
CACHED = {"cache_control": {"type": "ephemeral"}}
THINKING_BUDGETS = {"low": 2_048, "medium": 8_192, "high": 24_576}
"""Tokens for thinking, by the effort."""
OUTPUT = 16_384
"""Most tokens of a reply beside its thinking, which the API demands, where nothing is set."""
_OLD_OUTPUT = ((re.compile(r"claude-3-(opus|sonnet|haiku)"), 4_096), (re.compile("claude-3-5"), 8_192))
"""Lower limits of old models."""
WEB_SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
"""Search that Anthropic itself carries out."""


class Anthropic(WireProtocol):
    """``POST /messages``."""

    embeddings_path = ""
    searches_web = True
    renamed = {"thinking": "reasoning_effort"}

    def reply_path(self, model: str, *, stream: bool) -> str:
        return "/messages"

    @property
    def list_path(self) -> str:
        return "/models?limit=1000"

    def key_headers(self, key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION} | ({"x-api-key": key} if key is not None else {})

    def body(self, request: Request, options: Options, quirks: Quirks) -> dict[str, Any]:
        body: dict[str, Any] = {"model": request.model, "messages": _messages(request.messages)}
        if system := system_prompt(request.messages):
            body["system"] = [{"type": "text", "text": system, **CACHED}]
        body["stream"] = stream_wanted(options, quirks)
        body |= _parameters({**options.parameters, **request.parameters})
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        if request.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
        limit = next((tokens for pattern, tokens in _OLD_OUTPUT if pattern.search(request.model)), OUTPUT)
        effort = request.reasoning_effort or body.pop("reasoning_effort", None)
        tools = [WEB_SEARCH] if body.pop("web_search", None) else []
        tools += [
            {"name": tool.name, "description": tool.description, "input_schema": parameters_of(tool)}
            for tool in request.tools
        ]
        if tools:
            body["tools"] = tools
        if budget := THINKING_BUDGETS.get(str(effort), 0):
            body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        for name in (*quirks.omit, *options.omit):
            body.pop(name, None)
        body.setdefault("max_tokens", limit)
        if "thinking" in body:  # which is part of the limit, and allows no other temperature
            body["max_tokens"] = max(body["max_tokens"], budget + 1_024)
            body.pop("temperature", None)
        return deep_merged(body, options.extra_body)

    def translator(self) -> Translator:
        return MessagesTranslator()

    def models(self, endpoint: Endpoint, payload: object) -> list[Model] | None:
        models = model_list.models(endpoint.name, payload, endpoint.context_length)
        if models is None:
            return None
        return [replace(model, context_length=model.context_length or CONTEXT_LENGTH) for model in models]


class MessagesTranslator(Translator):
    """Translation of a message's events: text, thinking, sources, tool calls, counts and the end."""

    def __init__(self) -> None:
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        """Blocks of the message so far, by their index."""

    @property
    def opaque(self) -> Any:
        """Return the blocks as they came: their order counts, and thinking is signed."""
        return list(filter(None, map(_finished, self._blocks.values())))

    def chunks(self, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        kind = payload.get("type")
        if kind == "message_start" and is_map(message := payload.get("message")):
            self._count(message.get("usage"))
            yield {"id": message.get("id"), "model": message.get("model"), "choices": []}
        elif kind == "content_block_start" and is_map(block := payload.get("content_block")):
            self._blocks[_index(payload)] = dict(block)
            yield _choice(_content(block, _index(payload)))
        elif kind == "content_block_delta" and is_map(delta := payload.get("delta")):
            block = self._blocks.get(_index(payload), {})
            _extend(block, delta)
            if delta.get("type") != "input_json_delta" or block.get("type") == "tool_use":
                yield _choice(_content(delta, _index(payload)))
        elif kind == "content_block_stop" and (found := _citations(self._blocks.get(_index(payload), {}))):
            yield _choice({"annotations": [{**cited, PLACE: True} for cited in found]})
        elif kind == "message_delta":
            self._count(payload.get("usage"))
            delta = payload.get("delta")
            reason = delta.get("stop_reason") if is_map(delta) else None
            yield {**_choice({}, reason), "usage": self._usage}
        elif kind == "message_stop":
            self.is_complete = True

    def whole(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        blocks = payload.get("content")
        if not isinstance(blocks, list):
            return None
        self._count(payload.get("usage"))
        self._blocks = {index: dict(block) for index, block in enumerate(blocks) if is_map(block)}
        tools = [call for index, block in self._blocks.items() for call in _content(block, index).get("tool_calls", ())]
        message = {"content": blocks, "annotations": _cited(self._blocks.values()), "tool_calls": tools}
        head = {"id": payload.get("id"), "model": payload.get("model"), "usage": self._usage}
        return {**_choice(message, payload.get("stop_reason")), **head}

    def _count(self, usage: object) -> None:
        """Add counts; input that was cached is counted apart by the API, and part of the input here."""
        if not is_map(usage):
            return
        counts = {
            name: value
            for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
            if isinstance(value := usage.get(name), int) and not isinstance(value, bool) and value >= 0
        }
        cached = counts.get("cache_read_input_tokens", 0) + counts.get("cache_creation_input_tokens", 0)
        if "input_tokens" in counts:
            self._usage["input_tokens"] = counts["input_tokens"] + cached
            self._usage["cache_read_input_tokens"] = counts.get("cache_read_input_tokens", 0)
        if "output_tokens" in counts:
            self._usage["output_tokens"] = counts["output_tokens"]


def _choice(delta: Mapping[str, Any], reason: object = None) -> dict[str, Any]:
    return {"choices": [{"delta": delta, "finish_reason": reason}]}


def _index(payload: Mapping[str, Any]) -> int:
    index = payload.get("index")
    return index if isinstance(index, int) else -1


def _extend(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a piece to its block."""
    for name in ("text", "thinking", "signature", "partial_json"):
        if isinstance(piece := delta.get(name), str):
            block[name] = (before if isinstance(before := block.get(name), str) else "") + piece
    if is_map(citation := delta.get("citation")):
        block["citations"] = [*(block.get("citations") or ()), citation]


def _citations(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = block.get("citations")
    return list(filter(is_map, found)) if isinstance(found, list) else []


def _cited(blocks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the sources of blocks that came whole; each stands for the end of its block."""
    found, length = [], 0
    for block in blocks:
        text = block.get("text")
        length += len(text) if isinstance(text, str) else 0
        found += [{**cited, PLACE: length} for cited in _citations(block)]
    return found


def _finished(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a block as the API takes it back; None for one without text, which it refuses."""
    if block.get("type") == "text" and not str(block.get("text") or "").strip():
        return None
    result = {name: value for name, value in block.items() if name != "partial_json"}
    if arguments := block.get("partial_json"):
        result["input"] = arguments_object(arguments)
    return result


def _content(block: Mapping[str, Any], index: int) -> dict[str, Any]:
    """Return a content block, or a piece of one, as a message of the chat API."""
    kind = str(block.get("type"))
    if kind in ("text", "text_delta"):
        return {"content": block.get("text")}
    if kind in ("thinking", "thinking_delta"):
        return {"reasoning": block.get("thinking")}
    if kind == "citations_delta":
        return {"annotations": [block.get("citation")]}
    if kind == "tool_use":
        function = {"name": block.get("name"), "arguments": block.get("input") or None}
        return {"tool_calls": [{"index": index, "id": block.get("id"), "function": function}]}
    if kind == "input_json_delta":
        return {"tool_calls": [{"index": index, "function": {"arguments": block.get("partial_json")}}]}
    return {}


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters under their names here."""
    values = dict(parameters)
    stop = values.pop("stop", None)
    if stop is not None:
        values["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if "max_completion_tokens" in values:
        values.setdefault("max_tokens", values.pop("max_completion_tokens"))
    return values


def _messages(messages: tuple[ChatMessage, ...]) -> list[dict[str, Any]]:
    """Return the turns: neighbours of one role are one turn, and blank text, which the API refuses, is left out."""
    turns: list[dict[str, Any]] = []
    spoken = (each for each in messages if each.role != "system")
    for role, group in groupby(spoken, key=lambda each: "assistant" if each.role == "assistant" else "user"):
        blocks = [block for message in group for block in _blocks(message)]
        if blocks:
            turns.append({"role": role, "content": blocks})
    if turns and turns[-1]["role"] == "assistant":  # to be continued: the API refuses blanks at its end
        last = turns[-1]["content"][-1]
        if "text" in last:
            last["text"] = last["text"].rstrip()
    if len(turns) > 1:
        turns[-2]["content"][-1].update(CACHED)
    return turns


def _blocks(message: ChatMessage) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        result = message._replace(role="user", tool_id="")
        yield {"type": "tool_result", "tool_use_id": message.tool_id, "content": list(_blocks(result))}
        return
    if message.opaque:
        yield from (dict(block) for block in message.opaque)
        return
    for image in message.images:
        data = base64.b64encode(image.content).decode("ascii")
        yield {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": data}}
    if message.content.strip():
        yield {"type": "text", "text": message.content}
    for call in message.tool_requests:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_object(call.arguments)}

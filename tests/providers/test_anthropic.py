"""Requests to the Messages API of Anthropic, as its documentation describes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from raw_server import RawServer, answer, serving
from vendor_streams import MESSAGE

from sterna.providers import (
    ChatMessage,
    Delta,
    Done,
    Endpoint,
    Event,
    Failed,
    FailureKind,
    ImagePart,
    ParametersOmitted,
    Request,
)
from sterna.providers.endpoint_provider import EndpointProvider

WHOLE = answer("200 OK", json.dumps(MESSAGE))
ASK = Request(
    "claude-sonnet-4-5",
    (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "hello"),
        ChatMessage("assistant", "Hi."),
        ChatMessage("user", "  "),
        ChatMessage("user", "What is this?", (ImagePart("image/png", b"\x89PNG"),)),
    ),
)


async def ask(server: RawServer, request: Request = ASK, **fields: Any) -> list[Event]:
    endpoint = Endpoint("anthropic", server.url, protocol="anthropic", key=lambda: "sk-ant-1")
    provider = EndpointProvider(replace(endpoint, **fields))
    try:
        return [event async for event in provider.stream(request)]
    finally:
        await provider.aclose()


async def test_the_request_is_the_one_of_the_documentation_and_marks_what_is_to_be_cached() -> None:
    async with serving(WHOLE) as server:
        events = await ask(server)
    seen = server.requests[0]
    assert seen.line == "POST /v1/messages HTTP/1.1"
    assert seen.headers["x-api-key"] == "sk-ant-1"
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in seen.headers
    ephemeral = {"cache_control": {"type": "ephemeral"}}
    assert seen.json == {
        "model": "claude-sonnet-4-5",
        "system": [{"type": "text", "text": "Be brief.", **ephemeral}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hi.", **ephemeral}]},
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
                    {"type": "text", "text": "What is this?"},
                ],
            },
        ],
        "stream": True,
        "max_tokens": 16384,
    }
    assert [event for event in events if isinstance(event, Delta)] == [Delta("Hello.")]
    assert events[-1] == Done("stop", "msg_1", "claude-1")


async def test_parameters_have_their_names_here() -> None:
    schema = {"type": "object"}
    request = ASK._replace(
        temperature=0.2,
        max_tokens=100,
        reasoning_effort="low",
        schema=schema,
        parameters={"stop": "END", "web_search": True},
    )
    async with serving(WHOLE) as server:
        await ask(server, request)
        await ask(server, ASK._replace(model="claude-3-haiku-20240307", temperature=0.2))
    body, old = server.requests[0].json, server.requests[1].json
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["max_tokens"] == 3072
    assert "temperature" not in body
    assert body["stop_sequences"] == ["END"]
    assert body["tools"] == [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}]
    assert "web_search" not in body
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert (old["max_tokens"], old["temperature"]) == (4096, 0.2)


async def test_a_reply_to_be_continued_ends_without_blanks() -> None:
    request = Request("m", (ChatMessage("user", "Count"), ChatMessage("assistant", "one, \n")))
    async with serving(WHOLE) as server:
        await ask(server, request)
    assert server.requests[0].json["messages"][-1]["content"][-1]["text"] == "one,"


async def test_thinking_that_a_model_does_not_know_is_left_out_and_said() -> None:
    refused = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "thinking: this model does not support thinking"},
    }
    async with serving(answer("400 Bad Request", refused), WHOLE) as server:
        events = await ask(server, ASK._replace(reasoning_effort="high"))
    assert "thinking" not in server.requests[1].json
    assert ParametersOmitted(("reasoning_effort",)) in events
    assert isinstance(events[-1], Done)


async def test_a_wrong_key_is_a_sentence_without_the_key() -> None:
    refused = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key sk-ant-1"}}
    async with serving(answer("401 Unauthorized", refused)) as server:
        events = await ask(server)
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is FailureKind.AUTH
    assert "sk-ant-1" not in events[-1].message


async def test_the_list_names_the_models_with_their_window() -> None:
    rows = [{"type": "model", "id": "claude-opus-4-5", "display_name": "Claude Opus 4.5", "created_at": "2025-11-24"}]
    async with serving(answer("200 OK", {"data": rows, "has_more": False})) as server:
        provider = EndpointProvider(Endpoint("anthropic", server.url, protocol="anthropic", key=lambda: "k"))
        (model,) = await provider.models()
        await provider.aclose()
    assert server.requests[0].line == "GET /v1/models?limit=1000 HTTP/1.1"
    assert (model.id, model.name, model.context_length) == ("claude-opus-4-5", "Claude Opus 4.5", 200_000)

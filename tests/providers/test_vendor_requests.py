"""Requests in the protocols of OpenAI's Responses, Gemini and Ollama, as their documentation describes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from raw_server import RawServer, Seen, answer, serving
from vendor_streams import COUNTS, HELLO, OUTPUT, last, parts, response

from sterna.providers import ChatMessage, Delta, Done, Endpoint, Event, ImagePart, ParametersOmitted, Request
from sterna.providers.endpoint_provider import EndpointProvider

WHOLE = {
    "openai-responses": answer("200 OK", json.dumps(response(output=OUTPUT))),
    "gemini": answer("200 OK", json.dumps(parts(HELLO, finish="STOP") | COUNTS)),
    "ollama": answer("200 OK", json.dumps(last("Hello."))),
}
PICTURE = ImagePart("image/png", b"\x89PNG")
SCHEMA = {"type": "object"}
ASK = Request(
    "m-1",
    (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "hello"),
        ChatMessage("assistant", "Hi."),
        ChatMessage("user", "What is this?", (PICTURE,)),
    ),
)
FULL = ASK._replace(
    temperature=0.5, max_tokens=100, reasoning_effort="low", schema=SCHEMA,
    parameters={"top_p": 0.9, "stop": "END", "seed": 7},
)  # fmt: skip


def endpoint(server: RawServer, protocol: str, path: str = "") -> Endpoint:
    return Endpoint("acme", server.url.removesuffix("/v1") + path, protocol=protocol, key=lambda: "key-1")


async def asked(protocol: str, request: Request = ASK, path: str = "", *answers: bytes) -> tuple[Seen, list[Event]]:
    """Return the last request that a server received, and the events of the reply."""
    async with serving(*(answers or (WHOLE[protocol],))) as server:
        provider = EndpointProvider(endpoint(server, protocol, path))
        events = [event async for event in provider.stream(request)]
        await provider.aclose()
        return server.requests[-1], events


async def test_a_response_is_asked_for_and_not_kept_by_the_provider() -> None:
    seen, events = await asked("openai-responses")
    assert seen.line == "POST /v1/responses HTTP/1.1"
    assert seen.headers["authorization"] == "Bearer key-1"
    assert seen.json == {
        "model": "m-1",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
                ],
            },
        ],
        "stream": True,
        "store": False,
    }
    assert Delta("Hello.") in events
    assert events[-1] == Done("stop", "resp_1", "gpt-5")


async def test_parameters_of_a_response_have_their_names() -> None:
    request = FULL._replace(model="gpt-5", parameters={"verbosity": "low", "web_search": True})
    seen, _ = await asked("openai-responses", request, "/v1/chat/completions")
    body = seen.json
    assert seen.line == "POST /v1/responses HTTP/1.1"
    assert body["reasoning"] == {"summary": "auto", "effort": "low"}
    assert body["max_output_tokens"] == 100
    assert body["text"] == {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "reply", "schema": SCHEMA},
    }
    assert body["tools"] == [{"type": "web_search"}]


async def test_summaries_that_a_key_may_not_see_are_left_out() -> None:
    error = {"message": "Your organization must be verified to generate reasoning summaries.",
             "type": "invalid_request_error", "param": "reasoning.summary", "code": "unsupported_value"}  # fmt: skip
    refused = answer("400 Bad Request", {"error": error})
    request = ASK._replace(model="gpt-5", reasoning_effort="high")
    seen, events = await asked("openai-responses", request, "/v1", refused, WHOLE["openai-responses"])
    assert "reasoning" not in seen.json
    assert ParametersOmitted(("reasoning_effort",)) in events


async def test_gemini_is_asked_by_model_in_the_path() -> None:
    seen, events = await asked("gemini", ASK._replace(model="gemini-2.5-pro"), "/v1beta/openai")
    assert seen.line == "POST /v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse HTTP/1.1"
    assert seen.headers["x-goog-api-key"] == "key-1"
    assert "authorization" not in seen.headers
    assert seen.json == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"text": "Hi."}]},
            {
                "role": "user",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}, {"text": "What is this?"}],
            },
        ],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    }
    assert events[-1] == Done("stop", None, "gemini-2.5-pro")


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-2.5-flash", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-3-pro-preview", {"includeThoughts": True, "thinkingLevel": "low"}),
        ("gemini-2.0-flash", None),
    ],
)
async def test_parameters_of_gemini_have_their_names(model: str, thinking: object) -> None:
    seen, _ = await asked("gemini", FULL._replace(model=model))
    config = seen.json["generationConfig"]
    assert config.pop("thinkingConfig", None) == thinking
    assert config == {
        "temperature": 0.5,
        "maxOutputTokens": 100,
        "topP": 0.9,
        "stopSequences": ["END"],
        "seed": 7,
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }


async def test_gemini_lists_the_models_that_generate() -> None:
    rows = [
        {"name": "models/gemini-2.5-pro", "displayName": "Gemini 2.5 Pro", "inputTokenLimit": 1048576,
         "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/aqa", "supportedGenerationMethods": ["generateAnswer"]},
    ]  # fmt: skip
    async with serving(answer("200 OK", {"models": rows})) as server:
        provider = EndpointProvider(endpoint(server, "gemini"))
        models = await provider.models()
        await provider.aclose()
    assert server.requests[0].line == "GET /v1beta/models?pageSize=1000 HTTP/1.1"
    assert [(each.id, each.name, each.context_length) for each in models] == [
        ("gemini-2.5-pro", "Gemini 2.5 Pro", 1048576)
    ]


async def test_ollama_is_asked_in_its_own_api_wherever_the_address_points() -> None:
    for path in ("", "/v1", "/api"):
        seen, events = await asked("ollama", FULL, path)
        assert seen.line == "POST /api/chat HTTP/1.1"
        assert seen.json == {
            "model": "m-1",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "What is this?", "images": ["iVBORw=="]},
            ],
            "stream": True,
            "think": "low",
            "format": SCHEMA,
            "options": {"top_p": 0.9, "stop": ["END"], "seed": 7, "temperature": 0.5, "num_predict": 100},
        }
        assert events[-1] == Done("stop", None, "llama3.2")


async def test_ollama_is_asked_for_a_window_that_holds_a_long_conversation() -> None:
    long = ASK._replace(messages=(ChatMessage("user", "word " * 6_000),))
    seen, _ = await asked("ollama", long)
    assert seen.json["options"] == {"num_ctx": 16_384}
    seen, _ = await asked("ollama", long._replace(parameters={"num_ctx": 5_000, "keep_alive": "1h"}))
    assert seen.json["options"] == {"num_ctx": 5_000}
    assert seen.json["keep_alive"] == "1h"


async def test_ollama_says_what_each_model_can_do() -> None:
    details: dict[str, Any] = {
        "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
        "capabilities": ["completion", "vision", "tools", "thinking"],
    }
    rows = [{"name": "llama3.2:latest", "model": "llama3.2:latest"}, {"name": "odd", "model": "odd"}]
    answers = [answer("200 OK", {"models": rows}), answer("200 OK", details), answer("404 Not Found", {"error": "no"})]
    async with serving(*answers) as server:
        provider = EndpointProvider(endpoint(server, "ollama"))
        models = {model.context_length: model for model in await provider.models()}
        await provider.aclose()
    assert server.requests[0].line == "GET /api/tags HTTP/1.1"
    assert {seen.line for seen in server.requests[1:]} == {"POST /api/show HTTP/1.1"}
    assert models.keys() == {131072, None}
    assert "image" in models[131072].traits.input_modalities
    assert {"tools", "reasoning"} <= set(models[131072].traits.supported_parameters)

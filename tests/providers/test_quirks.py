"""A parameter that a provider rejects is omitted or renamed, once, and remembered for that model."""

# ruff: noqa: E501  - the messages stand as the servers send them

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_server import answer, piece, serving, sse

from sterna.providers import ChatMessage, Delta, Done, Endpoint, Event, Failed, ParametersOmitted, Request
from sterna.providers.endpoint_provider import EndpointProvider
from sterna.providers.model_cache import ModelCache
from sterna.providers.options import Options

ASK = Request("m", (ChatMessage("system", "Be brief."), ChatMessage("user", "hello")), 0.5, 100, "low")
GOOD = sse(piece("Hi", finish="stop"))
WHOLE = answer("200 OK", {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})


def refusal(message: str, status: str = "400 Bad Request", **more: Any) -> bytes:
    return answer(status, {"error": {"message": message, **more}})


async def reply(provider: EndpointProvider, ask: Request = ASK) -> list[Event]:
    return [event async for event in provider.stream(ask)]


CASES: tuple[tuple[str, bytes, dict[str, Any], tuple[str, ...]], ...] = (
    (
        "max_tokens",
        refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            param="max_tokens",
        ),
        {"max_tokens": None, "max_completion_tokens": 100},
        (),
    ),
    (
        "max_tokens, by its words",
        refusal("max_tokens is not supported, please use max_completion_tokens"),
        {"max_tokens": None, "max_completion_tokens": 100},
        (),
    ),
    (
        "max_tokens without another name",
        refusal("Unrecognized request argument supplied: max_tokens"),
        {"max_tokens": None},
        ("max_tokens",),
    ),
    (
        "temperature",
        refusal(
            "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
            param="temperature",
        ),
        {"temperature": None},
        ("temperature",),
    ),
    (
        "temperature, deprecated",
        refusal("`temperature` is deprecated for this model."),
        {"temperature": None},
        ("temperature",),
    ),
    (
        "reasoning_effort",
        refusal("Unrecognized request argument supplied: reasoning_effort"),
        {"reasoning_effort": None},
        ("reasoning_effort",),
    ),
    (
        "reasoning, in other words",
        refusal('"llama3.2" does not support thinking'),
        {"reasoning_effort": None},
        ("reasoning_effort",),
    ),
    (
        "FastAPI's place",
        answer(
            "422 Unprocessable Entity",
            {"detail": [{"loc": ["body", "reasoning_effort"], "msg": "Extra inputs are not permitted"}]},
        ),
        {"reasoning_effort": None},
        ("reasoning_effort",),
    ),
    ("stream_options", refusal("Unknown field: stream_options"), {"stream_options": None, "stream": True}, ()),
    (
        "stream",
        refusal("Your organization must be verified to stream this model.", param="stream"),
        {"stream": False, "stream_options": None},
        (),
    ),
    ("streaming, as 501", refusal("Streaming is not supported", "501 Not Implemented"), {"stream": False}, ()),
    (
        "streaming, as 405",
        refusal("stream=true is not supported by this server", "405 Method Not Allowed"),
        {"stream": False},
        (),
    ),
)


@pytest.mark.parametrize(("first", "sent", "without"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
async def test_what_is_refused_is_changed_once_and_remembered(
    first: bytes, sent: dict[str, Any], without: tuple[str, ...], tmp_path: Path
) -> None:
    good = WHOLE if sent.get("stream") is False else GOOD
    async with serving(first, good, good, good) as server:
        cache = ModelCache(tmp_path / "models.json")
        provider = EndpointProvider(Endpoint("acme", server.url), cache=cache)
        events = await reply(provider)
        again = await reply(provider)
        await provider.aclose()
        later = EndpointProvider(Endpoint("acme", server.url), cache=ModelCache(tmp_path / "models.json"))
        await reply(later)
        await later.aclose()
    assert [item for item in events if isinstance(item, Delta)] == [Delta("Hi")]
    assert isinstance(events[-1], Done)
    assert [item.parameters for item in events if isinstance(item, ParametersOmitted)] == ([without] if without else [])
    assert not [item for item in again if isinstance(item, ParametersOmitted)], "it is said once"
    assert len(server.requests) == 4
    for request in server.requests[1:]:
        assert {name: request.json.get(name) for name in sent} == sent
    assert "max_tokens" in server.requests[0].json


@pytest.mark.parametrize(
    "first",
    [
        sse({"error": {"message": "Unsupported parameter: temperature", "param": "temperature"}}),
        answer("200 OK", {"error": {"message": "temperature is not supported"}}),
    ],
    ids=["as an event", "as an object"],
)
async def test_a_refusal_may_come_with_status_200(first: bytes) -> None:
    async with serving(first, GOOD) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        events = await reply(provider)
        await provider.aclose()
    assert events[0] == ParametersOmitted(("temperature",))
    assert isinstance(events[-1], Done)
    assert ["temperature" in item.json for item in server.requests] == [True, False]


async def test_an_error_after_the_first_word_is_not_asked_again() -> None:
    body = sse(piece("Hi"), {"error": {"message": "temperature is not supported", "param": "temperature"}})
    async with serving(body) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        events = await reply(provider)
        await provider.aclose()
    assert events[0] == Delta("Hi")
    assert isinstance(events[-1], Failed)
    assert len(server.requests) == 1


async def test_several_are_refused_one_after_the_other() -> None:
    first = refusal("Use 'max_completion_tokens' instead of max_tokens", param="max_tokens")
    second = refusal("temperature is not supported", param="temperature")
    async with serving(first, second, GOOD) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        events = await reply(provider)
        await provider.aclose()
    assert isinstance(events[-1], Done)
    last = server.requests[-1].json
    assert ("temperature" in last, "max_tokens" in last, last["max_completion_tokens"]) == (False, False, 100)


@pytest.mark.parametrize(
    "first",
    [
        refusal("System role not supported", "500 Internal Server Error"),
        refusal("Developer instruction is not enabled for models/gemma"),
        refusal(
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.", param="messages[0].role"
        ),
    ],
)
async def test_without_a_system_role_the_question_has_what_it_said(first: bytes) -> None:
    async with serving(first, GOOD) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        events = await reply(provider)
        await provider.aclose()
    assert isinstance(events[-1], Done)
    assert server.requests[1].json["messages"] == [{"role": "user", "content": "Be brief.\n\nhello"}]


@pytest.mark.parametrize(
    "message",
    [
        "The message is not acceptable",
        "messages: roles must alternate",
        "Invalid model",
        "The stream was aborted",
        "top_p is not supported",
    ],
)
async def test_other_refusals_are_not_asked_again(message: str) -> None:
    async with serving(refusal(message)) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        (failed,) = await reply(provider)
        await provider.aclose()
    assert isinstance(failed, Failed)
    assert len(server.requests) == 1


async def test_a_server_that_refuses_everything_is_given_up() -> None:
    async with serving(
        refusal("temperature, max_tokens, reasoning_effort, stream and stream_options are not supported")
    ) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        events = await reply(provider)
        await provider.aclose()
    assert isinstance(events[-1], Failed)
    assert len(server.requests) <= 6


async def test_another_model_is_asked_as_usual() -> None:
    async with serving(refusal("temperature is not supported"), GOOD) as server:
        provider = EndpointProvider(Endpoint("acme", server.url))
        await reply(provider)
        await reply(provider, ASK._replace(model="other"))
        await provider.aclose()
    assert ["temperature" in item.json for item in server.requests] == [True, False, True]


async def test_options_are_of_the_endpoint_and_of_its_models() -> None:
    own = {
        "big": Options(
            parameters={"top_p": 0.5},
            omit=("temperature",),
            extra_body={"a": {"y": 2}},
            headers={"X-M": "1"},
            stream=False,
        )
    }
    general = Options(parameters={"top_p": 0.1, "top_k": 5, "temperature": 1}, extra_body={"a": {"x": 1}})
    async with serving(GOOD, WHOLE, GOOD) as server:
        provider = EndpointProvider(Endpoint("acme", server.url, options=general, model_options=own))
        await reply(provider)
        await reply(provider, ASK._replace(model="big"))
        await reply(provider, Request("m", ASK.messages))
        await provider.aclose()
    small, big, plain = (item.json for item in server.requests)
    assert (small["top_p"], small["top_k"], small["temperature"], small["a"]) == (0.1, 5, 0.5, {"x": 1})
    assert (big["top_p"], big["top_k"], big["a"], big["stream"]) == (0.5, 5, {"x": 1, "y": 2}, False)
    assert "temperature" not in big
    assert plain["temperature"] == 1
    assert [item.headers.get("x-m") for item in server.requests] == [None, "1", None]


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    for text in (
        "",
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 1, "places": {"x": 5}}',
        '{"version": 99, "places": {}}',
    ):
        path.write_text(text)
        cache = ModelCache(path)
        assert cache.context_length("http://a", "m") is None
        cache.save_context_length("http://a", "m", 4096)
        assert ModelCache(path).context_length("http://a", "m") == 4096
        assert "http://a" not in path.read_text(), "an address may hold a password"
    assert path.stat().st_mode & 0o077 == 0


def test_a_memory_that_cannot_be_written_lasts_as_long_as_the_process(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "nowhere" / "models.json")
    cache.save_context_length("http://a", "m", 4096)
    assert cache.context_length("http://a", "m") == 4096

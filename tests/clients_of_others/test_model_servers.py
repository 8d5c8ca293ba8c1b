"""Model servers of other projects, each a program of its own on a real socket.

They are installed with ``make clients``; without them these tests are skipped.
"""

# ruff: noqa: E501  - a fixture stands on a line

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sterna.providers import (
    ChatMessage,
    Delta,
    Done,
    Endpoint,
    Event,
    Failed,
    FailureKind,
    Reasoning,
    Request,
    Tool,
    ToolRequests,
    Usage,
)
from sterna.providers.endpoint_provider import EndpointProvider
from sterna.providers.protocols import PROTOCOLS

HERE = Path(__file__).parent
PROGRAMS = HERE / "node_modules" / ".bin"
START = 60.0
"""Time limit until a program listens, on a busy computer."""


def needs(name: str) -> None:
    if shutil.which("node") is None or not (PROGRAMS / name).exists():
        pytest.skip(f"{name} is not installed: make clients")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(name: str, folder: Path, *arguments: str, port: int, **environ: str) -> Iterator[None]:
    """Run a program until the end of the test."""
    log = (folder / f"{name}.log").open("wb")
    process = subprocess.Popen(
        [str(PROGRAMS / name), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, **environ},
    )
    try:
        until = time.monotonic() + START
        while not listens(port):
            assert process.poll() is None, (folder / f"{name}.log").read_text("utf-8", "replace")
            assert time.monotonic() < until, f"{name} does not listen"
            time.sleep(0.05)  # nothing announces that a foreign program listens
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def ask(url: str, text: str, *, key: str | None = "k", **fields: Any) -> list[Event]:
    provider = EndpointProvider(Endpoint("acme", url, key=lambda: key))
    try:
        request = Request("gpt-4o", (ChatMessage("system", "Be brief."), ChatMessage("user", text)), **fields)
        return [event async for event in provider.stream(request)]
    finally:
        await provider.aclose()


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def reasoning(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Reasoning))


def end(events: list[Event]) -> Done | Failed:
    assert isinstance(events[-1], Done | Failed)
    return events[-1]


LONG = "The tern crosses two oceans – and 日本 – 🐦 remembers. " * 20
FIXTURES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("hello", {"content": "Hello there.", "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}, {}),
    ("long", {"content": LONG}, {}),
    ("think", {"content": "Yes.", "reasoning": "Hm, well."}, {}),
    ("tool", {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Ny-Ålesund"}}]}, {}),
    ("cut", {"content": "Half of", "finishReason": "length"}, {}),
    ("filter", {"content": "Half of", "finishReason": "content_filter"}, {}),
    ("limited", {"error": {"message": "Rate limit reached. Try again in 7s.", "type": "rate_limit_error"}, "status": 429}, {}),
    ("unpaid", {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}, "status": 429}, {}),
    ("unknown", {"error": {"message": "The model `gpt-4o` does not exist", "code": "model_not_found"}, "status": 404}, {}),
    ("context", {"error": {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", "code": "context_length_exceeded"}, "status": 400}, {}),
    ("trouble", {"error": {"message": "The server is overloaded"}, "status": 503}, {}),
    ("broken", {"content": LONG}, {"truncateAfterChunks": 5, "latency": 30}),
    ("malformed", {"content": "never"}, {"chaos": {"malformedRate": 1}}),
    ("gone", {"content": "never"}, {"chaos": {"disconnectRate": 1}}),
]  # fmt: skip


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs("llmock")
    folder, port = tmp_path_factory.mktemp("aimock"), free_port()
    fixtures = [{"match": {"hasToolResult": True}, "response": {"content": "It snows."}}]
    fixtures += [{"match": {"userMessage": text}, "response": response, **more} for text, response, more in FIXTURES]
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures}), "utf-8")
    options = ("-p", str(port), "-f", "fixtures.json", "--strict", "--log-level", "warn")
    with running("llmock", folder, *options, port=port):
        yield f"http://127.0.0.1:{port}/v1"


async def test_aimock_answers_in_pieces_with_its_counts(aimock: str) -> None:
    events = await ask(aimock, "hello")
    assert text(events) == "Hello there."
    assert [event.total_tokens for event in events if isinstance(event, Usage)] == [12]
    assert end(events) == Done("stop", end(events).completion_id, "gpt-4o")  # type: ignore[union-attr]
    events = await ask(aimock, "long")
    assert text(events) == LONG
    assert len([event for event in events if isinstance(event, Delta)]) > 10


async def test_aimock_answers_as_openrouter_does(aimock: str) -> None:
    events = await ask(aimock.replace("/v1", "/api/v1"), "hello")
    assert text(events) == "Hello there."
    assert isinstance(end(events), Done)


async def test_aimock_lists_models(aimock: str) -> None:
    provider = EndpointProvider(Endpoint("acme", aimock))
    assert await provider.models()
    await provider.aclose()


@pytest.mark.parametrize(("prompt", "finish"), [("cut", "length"), ("filter", "content_filter")])
async def test_aimock_ends_a_reply_early(aimock: str, prompt: str, finish: str) -> None:
    events = await ask(aimock, prompt)
    assert text(events) == "Half of"
    assert isinstance(end(events), Done)
    assert end(events).finish_reason == finish  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("prompt", "kind", "sentence"),
    [
        ("tool", FailureKind.EMPTY, "the tool “get_weather”"),
        ("limited", FailureKind.RATE_LIMIT, "Rate limit reached"),
        ("unpaid", FailureKind.PAYMENT, "Add credit"),
        ("unknown", FailureKind.NOT_FOUND, "has no model “gpt-4o”"),
        ("context", FailureKind.TOO_LONG, "8192 tokens"),
        ("trouble", FailureKind.SERVER, "overloaded"),
        ("malformed", FailureKind.MALFORMED, "not a chat reply"),
        ("gone", FailureKind.NETWORK, "dropped the connection"),
    ],
)
async def test_aimock_fails_in_every_way(aimock: str, prompt: str, kind: FailureKind, sentence: str) -> None:
    failed = end(await ask(aimock, prompt))
    assert isinstance(failed, Failed)
    assert failed.kind is kind
    assert sentence in failed.message


async def test_aimock_breaks_off_and_what_came_is_kept(aimock: str) -> None:
    events = await ask(aimock, "broken")
    failed = end(events)
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.TRUNCATED
    assert LONG.startswith(text(events))
    assert text(events)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_aimock_asks_for_a_tool_and_goes_on_with_its_result_in_every_protocol(aimock: str, protocol: str) -> None:
    url = aimock.removesuffix("/v1") if protocol in ("ollama", "gemini") else aimock
    provider = EndpointProvider(Endpoint("acme", url, key=lambda: "k", protocol=protocol))
    weather = Tool("get_weather", "Tell the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
    question = Request("gpt-4o", (ChatMessage("user", "tool"),), tools=(weather,))
    events = [event async for event in provider.stream(question)]
    (wanted,) = (event for event in events if isinstance(event, ToolRequests))
    (call,) = wanted.calls
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Ny-Ålesund"})
    call = call._replace(id=call.id or "call00001")
    results = (
        ChatMessage("assistant", text(events), tool_requests=(call,), opaque=wanted.opaque),
        ChatMessage("tool", "Snow.", tool_id=call.id),
    )
    answer = [event async for event in provider.stream(question._replace(messages=(*question.messages, *results)))]
    await provider.aclose()
    assert (text(answer), isinstance(end(answer), Done)) == ("It snows.", True)


MOCK_LLM = """
streaming: { chunkSize: 7, chunkIntervalMs: 1 }
rules:
  - path: "/v1/chat/completions"
    match: "@"
    response:
      status: 200
      content: |
        {"id": "c-1", "object": "chat.completion", "model": "{{jmes request body.model}}", "choices": [{"message":
         {"role": "assistant", "content": "{{jmes request body.messages[-1].content}}"}, "finish_reason": "stop"}]}
  - path: "/v1/chat/completions"
    match: "contains(body.messages[-1].content, 'error-401')"
    response:
      status: 401
      content: '{"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}'
  - path: "/v1/chat/completions"
    match: "contains(body.messages[-1].content, 'no-temperature') && body.temperature"
    response:
      status: 400
      content: '{"error": {"message": "Unsupported parameter: temperature", "param": "temperature"}}'
  - path: "/v1/models"
    method: "GET"
    match: "@"
    response:
      status: 200
      content: '{"object": "list", "data": [{"id": "gpt-4o", "object": "model", "context_length": 4096}]}'
"""


@pytest.fixture(scope="module")
def mock_llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs("mock-llm")
    folder, port = tmp_path_factory.mktemp("mock-llm"), free_port()
    (folder / "mock-llm.yaml").write_text(MOCK_LLM, "utf-8")
    with running("mock-llm", folder, "--config", "mock-llm.yaml", port=port, PORT=str(port), HOST="127.0.0.1"):
        yield f"http://127.0.0.1:{port}/v1"


async def test_mock_llm_echoes_and_lists_its_models(mock_llm: str) -> None:
    events = await ask(mock_llm, "Grüße an die Seeschwalbe, wo auch immer sie ist")
    assert text(events) == "Grüße an die Seeschwalbe, wo auch immer sie ist"
    assert isinstance(end(events), Done)
    provider = EndpointProvider(Endpoint("acme", mock_llm))
    assert [(model.id, model.context_length) for model in await provider.models()] == [("gpt-4o", 4096)]
    await provider.aclose()


async def test_mock_llm_refuses_a_key_and_a_parameter(mock_llm: str) -> None:
    failed = end(await ask(mock_llm, "error-401"))
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.AUTH
    events = await ask(mock_llm, "no-temperature please", temperature=0.5)
    assert text(events) == "no-temperature please"
    assert isinstance(end(events), Done)

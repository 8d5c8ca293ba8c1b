"""Available providers are found, however busy the computer is, and nothing else is contacted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from raw_server import RawServer, answer, serving

from sterna.providers import Catalog, ChatMessage, Endpoint, Failed, HistoryHit, Request, discover, guide
from sterna.providers.discovery import Discovery
from sterna.providers.endpoint_provider import EndpointProvider


async def nothing(_: str) -> list[HistoryHit]:
    return []


LIST = answer("200 OK", {"data": [{"id": "nomic-embed-text"}, {"id": "llama3.2"}]})
KEYS = {
    "OPENAI_API_KEY": "k1",
    "OPENROUTER_API_KEY": "k2",
    "ANTHROPIC_API_KEY": "k3",
    "GOOGLE_API_KEY": "k4",
    "GROQ_API_KEY": "k5",
    "MISTRAL_API_KEY": "k6",
}


def asleep(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.url} was contacted")


async def test_every_usual_key_gives_an_endpoint_and_no_service_is_contacted() -> None:
    endpoints = await discover(KEYS, transport=httpx.MockTransport(asleep), local=())
    assert [item.name for item in endpoints] == ["openai", "openrouter", "anthropic", "gemini", "groq", "mistral"]
    assert [item.key() for item in endpoints] == ["k1", "k2", "k3", "k4", "k5", "k6"]
    assert all(item.default_model for item in endpoints)
    assert endpoints[3].key_hint == "GOOGLE_API_KEY"
    assert not any(key in repr(endpoints) for key in KEYS.values())


async def test_with_nothing_there_nothing_is_found() -> None:
    assert await discover({"OPENAI_API_KEY": " "}, local=()) == []


async def test_a_gemini_key_comes_before_a_google_key() -> None:
    endpoints = await discover({"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}, local=())
    assert [item.key() for item in endpoints] == ["a"]


async def test_an_own_base_url_is_asked_for_its_models_with_its_key() -> None:
    async with serving(LIST) as server:
        endpoints = await discover({"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "k1"}, local=())
        assert server.requests[0].headers["authorization"] == "Bearer k1"
    (item,) = endpoints
    assert (item.name, item.url, item.default_model) == ("openai", server.url, "llama3.2")
    assert item.title.startswith("127.0.0.1:")


async def test_an_own_base_url_is_kept_though_it_does_not_answer() -> None:
    async with serving(b"") as server:
        endpoints = await discover({"OPENAI_BASE_URL": server.url}, local=())
    assert [(item.name, item.default_model, item.key()) for item in endpoints] == [("openai", "", None)]


async def test_a_base_url_that_cannot_be_reached_is_looked_for_where_it_was_given() -> None:
    (item,) = await discover({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, local=())
    events = [event async for event in EndpointProvider(item).stream(Request("m", (ChatMessage("user", "hi"),)))]
    (failed,) = events
    assert isinstance(failed, Failed)
    assert "Check OPENAI_BASE_URL" in failed.message
    assert "config.toml" not in failed.message


async def test_local_servers_that_answer_with_models_are_found_at_once() -> None:
    async def silent(_: Any) -> None:
        await slow.over.wait()

    slow: RawServer
    none, web = answer("200 OK", {"data": []}), answer("200 OK", "<html>")
    async with serving(LIST) as item, serving(silent) as slow, serving(web) as page, serving(none) as empty:
        local = [Endpoint(f"l{n}", server.url) for n, server in enumerate((slow, page, item, empty))]
        began = time.monotonic()
        endpoints = await discover({}, local=local, limit=0.4)
        assert time.monotonic() - began < 1
        assert "authorization" not in item.requests[0].headers
    assert [(endpoint.name, endpoint.default_model) for endpoint in endpoints] == [("l2", "llama3.2")]


async def test_keys_come_before_local_servers_and_a_server_is_found_once() -> None:
    async with serving(LIST) as server:
        local = [Endpoint("ollama", server.url)]
        both = await discover({"OPENAI_BASE_URL": server.url.replace("127.0.0.1", "localhost")}, local=local)
        assert [item.name for item in both] == ["openai"]
        named = await discover({"GROQ_API_KEY": "k"}, local=local)
        assert [item.name for item in named] == ["groq", "ollama"]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("", "127.0.0.1:11434"),
        ("0.0.0.0", "127.0.0.1:11434"),
        ("0.0.0.0:9999", "127.0.0.1:9999"),
        (":9999", "127.0.0.1:9999"),
        ("gpu-box", "gpu-box:11434"),
        ("gpu-box:9999", "gpu-box:9999"),
        ("http://gpu-box", "gpu-box:80"),
        ("https://gpu-box/", "gpu-box:443"),
        ("'gpu-box:1'", "gpu-box:1"),
        ("[::1]:9999", "[::1]:9999"),
        ("gpu-box:port:x", "127.0.0.1:11434"),
    ],
)
async def test_ollama_is_looked_for_where_its_own_variable_says(value: str, host: str) -> None:
    asked: list[httpx.URL] = []

    def listen(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"data": [{"id": "m"}]})

    local = [Endpoint("ollama", "http://127.0.0.1:11434/v1")]
    (endpoints,) = await discover({"OLLAMA_HOST": value}, transport=httpx.MockTransport(listen), local=local)
    assert endpoints.host == host
    assert [url.path for url in asked] == ["/v1/models"]


async def test_looking_can_be_cancelled() -> None:
    arrived = asyncio.Event()

    async def silent(_: Any) -> None:
        arrived.set()
        await server.over.wait()

    server: RawServer
    async with serving(silent) as server:
        task = asyncio.create_task(discover({}, local=[Endpoint("l", server.url)], limit=30))
        await asyncio.wait_for(arrived.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_local_server_on_a_busy_machine_is_found() -> None:
    async def late(writer: Any) -> None:
        await asyncio.sleep(1.2)  # longer than a machine takes that has nothing else to do
        writer.write(LIST)
        await writer.drain()

    async with serving(late) as server:
        endpoints = await discover({}, local=[Endpoint("l", server.url)])
    assert [item.default_model for item in endpoints] == ["llama3.2"]


async def test_a_local_server_that_is_not_there_costs_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a client was opened")

    monkeypatch.setattr("sterna.providers.endpoint_provider.open_client", refuse)
    assert await discover({}, local=[Endpoint("l", "http://127.0.0.1:9/v1"), Endpoint("m", "http://[::1]:9/v1")]) == []


async def test_a_server_that_the_environment_names_is_kept_though_it_does_not_answer() -> None:
    (item,) = await discover({"OLLAMA_HOST": "127.0.0.1:9"}, local=[Endpoint("ollama", "http://127.0.0.1:11434/v1")])
    assert (item.name, item.host, item.default_model) == ("ollama", "127.0.0.1:9", "")
    (failed,) = [event async for event in EndpointProvider(item).stream(Request("m", (ChatMessage("user", "hi"),)))]
    assert isinstance(failed, Failed)
    assert "OLLAMA_HOST" in failed.message


async def test_a_server_that_hangs_keeps_nobody_waiting_where_another_has_answered() -> None:
    async def silent(_: Any) -> None:
        await hung.over.wait()

    hung: RawServer
    async with serving(silent) as hung, serving(LIST) as one:
        local = [Endpoint("hung", hung.url), Endpoint("l", one.url)]
        async with asyncio.timeout(20):
            found = await discover({}, local=local, limit=60)
            assert [endpoint.name for endpoint in found] == ["l"]
            named = await discover({"GROQ_API_KEY": "k"}, local=local[:1], limit=60)
            assert [endpoint.name for endpoint in named] == ["groq"]
            assert await discover({}, local=local[:1], limit=60) == []


async def test_a_slow_server_is_added_when_it_answers() -> None:
    async def slow(writer: Any) -> None:
        await answers.wait()
        writer.write(LIST)
        await writer.drain()

    answers, added = asyncio.Event(), asyncio.Event()
    async with serving(slow) as late, serving(LIST) as one:
        catalog = Catalog([], guide=guide(lambda _: "", nothing))

        async def on_added() -> None:
            added.set()

        catalog.on_added = on_added
        search = Discovery({}, local=[Endpoint("late", late.url), Endpoint("l", one.url)], limit=60)
        assert catalog.add(await search.first()) == ["l"]
        assert not search.is_over
        catalog.add_later(search)
        answers.set()
        await asyncio.wait_for(added.wait(), 20)
        assert catalog.names()[:2] == ["l", "late"]
        assert catalog.resolve("late/")[1] == "llama3.2"
        await catalog.aclose()


async def test_a_search_that_goes_on_ends_with_the_catalog() -> None:
    async def silent(_: Any) -> None:
        await hung.over.wait()

    hung: RawServer
    async with serving(silent) as hung, serving(LIST) as one:
        catalog = Catalog([], guide=guide(lambda _: "", nothing))
        search = Discovery({}, local=[Endpoint("hung", hung.url), Endpoint("l", one.url)], limit=60)
        await search.first()
        catalog.add_later(search)
        async with asyncio.timeout(20):
            await catalog.aclose()
        assert search.is_over


async def test_the_one_that_is_wanted_is_waited_for() -> None:
    async def late(writer: Any) -> None:
        await asyncio.sleep(1.2)  # longer than a slow server keeps others waiting
        writer.write(LIST)
        await writer.drain()

    async with serving(late) as slow, serving(LIST) as one:
        search = Discovery({}, local=[Endpoint("late", slow.url), Endpoint("l", one.url)])
        found = await search.first(wanted="late")
        assert [endpoint.name for endpoint in found] == ["late", "l"]
        await search.aclose()


@pytest.mark.parametrize(
    ("answers", "lines", "protocol"),
    [
        (
            (answer("200 OK", {"models": [{"model": "llama3.2"}]}), answer("200 OK", {})),
            ["GET /api/tags HTTP/1.1", "POST /api/show HTTP/1.1"],
            "ollama",
        ),
        ((answer("404 Not Found", "no"), LIST), ["GET /api/tags HTTP/1.1", "GET /v1/models HTTP/1.1"], ""),
    ],
)
async def test_ollama_is_asked_in_its_own_protocol_and_what_imitates_it_in_the_usual_one(
    answers: tuple[bytes, ...], lines: list[str], protocol: str
) -> None:
    async with serving(*answers) as server:
        local = Endpoint("ollama", server.url, label="Ollama", protocol="ollama")
        (item,) = await discover({}, local=(local,))
        assert [seen.line for seen in server.requests] == lines
    assert (item.protocol, item.default_model) == (protocol, "llama3.2")

"""A request fits into the model's context length from the first turn on; omitted messages are noted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sterna.chat import Reply, Turns, build_catalog
from sterna.config import Settings
from sterna.config.settings import EndpointSettings
from sterna.storage import Settled, Store, StoreThread
from tests.fake_openai import Script, Server, by_prompt

QUESTIONS = 12
LONG = "the tern crosses two oceans and remembers the way back " * 8


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@asynccontextmanager
async def turns_of(store: StoreThread, folder: Path, server: Server, **endpoint: Any) -> AsyncIterator[Turns]:
    """Return the turns of a new process."""
    settings = Settings(endpoints=(EndpointSettings("acme", server.url, **endpoint),))
    catalog = build_catalog(settings, store, environ={}, cache_dir=folder)
    turns = Turns(store, catalog, settings=settings)
    yield turns
    await turns.close()
    await catalog.aclose()


async def conversation(store: StoreThread, length: int = QUESTIONS) -> str:
    """Create a conversation of that many long questions and answers."""

    def fill(opened: Store) -> str:
        session_id = None
        for number in range(length):
            begun = opened.live_replies.begin_turn(session_id, f"question {number} {LONG}", model="acme/tiny")
            session_id = begun.session.id
            opened.live_replies.settle(begun.reply.id, Settled("done", f"answer {number} {LONG}", model="acme/tiny"))
        assert session_id is not None
        return session_id

    return await store.run(fill)


async def ask(turns: Turns, session_id: str, model: str, text: str = "and now?") -> Reply:
    _, reply = await turns.begin(session_id, text, model=model)
    while reply.running:
        await reply.changed(reply.version)
    assert reply.message is not None
    return reply


def sent(server: Server) -> list[str]:
    return [item["content"][:12] for item in server.fake.requests[-1]["messages"]]


def refusing(limit: int, say: str) -> Any:
    """Run a server that rejects more than ``limit`` characters."""

    def reply(body: dict[str, Any]) -> Script:
        if sum(len(item["content"]) for item in body["messages"]) > limit:
            return Script(status=400, body=json.dumps({"error": {"message": say, "code": 400}}))
        return by_prompt(body)

    return reply


async def test_the_length_that_the_list_states_is_known_from_the_first_turn_and_kept(
    store: StoreThread, tmp_path: Path, server: Server
) -> None:
    session_id = await conversation(store)
    async with turns_of(store, tmp_path, server) as turns:
        reply = await ask(turns, session_id, "acme/tiny")  # 512 tokens
    assert server.fake.listed == 1
    assert len(server.fake.requests) == 1
    assert reply.message is not None
    assert sent(server) == ["and now?"]
    assert reply.message.metadata["left_out"] == 2 * QUESTIONS
    async with turns_of(store, tmp_path, server) as turns:  # another process
        await ask(turns, session_id, "acme/tiny")
        assert turns.catalog.context_length("acme/model") == 8192
    assert server.fake.listed == 1


async def test_a_long_window_is_used(store: StoreThread, tmp_path: Path, server: Server) -> None:
    session_id = await conversation(store)
    async with turns_of(store, tmp_path, server) as turns:
        reply = await ask(turns, session_id, "acme/other")  # 32768 tokens
    assert len(sent(server)) == 2 * QUESTIONS + 1
    assert reply.message is not None
    assert "left_out" not in reply.message.metadata


async def test_a_short_conversation_does_not_wait_for_a_list(
    store: StoreThread, tmp_path: Path, server: Server
) -> None:
    async with turns_of(store, tmp_path, server) as turns:
        begun, reply = await turns.begin(None, "hello", model="acme/tiny")
        while reply.running:
            await reply.changed(reply.version)
        assert begun.reply.id == reply.id
    assert server.fake.listed == 0


async def test_without_a_stated_length_everything_is_sent(store: StoreThread, tmp_path: Path, server: Server) -> None:
    session_id = await conversation(store, 120)
    async with turns_of(store, tmp_path, server) as turns:
        await ask(turns, session_id, "acme/unlisted")
    assert len(sent(server)) == 241


WORDS = (
    "This model's maximum context length is 2048 tokens. However, your messages resulted in 2752 tokens.",
    "the request exceeds the available context size",
    "prompt is too long: 2752 tokens > 2048 maximum",
)


@pytest.mark.parametrize("say", WORDS)
async def test_a_request_that_is_too_long_is_made_once_more_with_less(
    store: StoreThread, tmp_path: Path, server: Server, say: str
) -> None:
    session_id = await conversation(store)
    server.fake.reply = refusing(8200, say)
    async with turns_of(store, tmp_path, server) as turns:
        reply = await ask(turns, session_id, "acme/unlisted")
        assert reply.message is not None
        assert reply.message.finish == "done"
        assert len(server.fake.requests) == 2
        count = len(sent(server))
        assert 1 < count < 2 * QUESTIONS + 1
        assert sent(server)[-1] == "and now?"
        assert server.fake.requests[-1]["messages"][0]["role"] == "user"
        assert reply.message.metadata["left_out"] == 2 * QUESTIONS + 1 - count
        known = turns.catalog.context_length("acme/unlisted")
        assert known == (2048 if "2048" in say else None)
    if known:
        async with turns_of(store, tmp_path, server) as turns:  # another process knows it at once
            await ask(turns, session_id, "acme/unlisted")
        assert len(server.fake.requests) == 3


async def test_what_is_too_long_by_itself_is_not_sent_again(store: StoreThread, tmp_path: Path, server: Server) -> None:
    server.fake.reply = refusing(10, "prompt is too long")
    async with turns_of(store, tmp_path, server) as turns:
        _, reply = await turns.begin(None, "a question that is too long", model="acme/unlisted")
        while reply.running:
            await reply.changed(reply.version)
    assert reply.message is not None
    assert reply.message.finish == "failed"
    assert "Shorten the message" in (reply.message.error_message or "")
    assert len(server.fake.requests) == 1


async def test_a_server_that_refuses_whatever_is_sent_is_asked_twice(
    store: StoreThread, tmp_path: Path, server: Server
) -> None:
    session_id = await conversation(store)
    server.fake.reply = refusing(0, "prompt is too long")
    async with turns_of(store, tmp_path, server) as turns:
        reply = await ask(turns, session_id, "acme/unlisted")
    assert reply.message is not None
    assert reply.message.finish == "failed"
    assert len(server.fake.requests) == 2


async def test_the_settings_of_one_model_say_how_much_it_takes(
    store: StoreThread, tmp_path: Path, server: Server
) -> None:
    from sterna.config.request_settings import RequestSettings

    session_id = await conversation(store)
    own = {"other": RequestSettings(context_length=512, parameters={"top_p": 0.5}, stream=False)}
    server.fake.reply = lambda body: Script(body=json.dumps({"choices": [{"message": {"content": "whole"}}]}))
    async with turns_of(store, tmp_path, server, model_options=own, parameters={"top_k": 5}) as turns:
        reply = await ask(turns, session_id, "acme/other")
        await ask(turns, session_id, "acme/model", "again")
    first, second = server.fake.requests
    assert [item["content"] for item in first["messages"]] == ["and now?"]
    assert (first["top_p"], first["top_k"], first["stream"], "stream_options" in first) == (0.5, 5, False, False)
    assert reply.content == "whole"
    assert (second.get("top_p"), second["top_k"], second["stream"]) == (None, 5, True)

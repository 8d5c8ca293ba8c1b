"""What no longer fits is summarised where that is wanted, and the summary is sent until it is too old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sterna.chat import Reply, Turns
from sterna.config import Settings
from sterna.providers import Catalog, Delta, Done, Event, Failed, FailureKind, Model, Request, Usage
from sterna.storage import Conversations, Settled, Store, StoreThread
from tests.chat.scripted_model import LIMIT

LONG = "the tern crosses two oceans and remembers the way back " * 8


class Summarising:
    """Provider whose one model takes 2,000 tokens, and summarises where it is asked to."""

    name = "small"

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.summary: Event = Delta("They spoke of terns.")

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        self.requests.append(request)
        if request.messages[0].content.startswith("Summarise"):
            yield self.summary
            yield Usage(100, 10, 110, cost=0.125)
        else:
            yield Delta(f"Answer. {LONG}")
            yield Usage(100, 10, 110, cost=0.25)
        yield Done()

    async def models(self) -> list[Model]:
        return [Model(self.name, "m", context_length=2_000)]

    async def aclose(self) -> None:
        return


@pytest.fixture
async def turns(store: StoreThread) -> AsyncIterator[Turns]:
    catalog = Catalog([], guide=Summarising(), default="small/m")
    await catalog.models()
    made = Turns(store, catalog, settings=Settings())
    yield made
    await made.close()


def provider(turns: Turns) -> Summarising:
    found, _ = turns.catalog.resolve("small/m")
    assert isinstance(found, Summarising)
    return found


async def conversation(store: StoreThread, **settings: Any) -> str:
    def fill(opened: Store) -> str:
        session_id = None
        for number in range(8):
            begun = opened.live_replies.begin_turn(session_id, f"question {number} {LONG}", model="small/m")
            session_id = begun.session.id
            opened.live_replies.settle(begun.reply.id, Settled("done", f"answer {number} {LONG}", model="small/m"))
        assert session_id is not None
        opened.conversations.set_settings(session_id, settings)
        return session_id

    return await store.run(fill)


async def ask(turns: Turns, session_id: str) -> Reply:
    _, reply = await turns.begin(session_id, "and now?")
    async with asyncio.timeout(LIMIT):
        while reply.running:
            await reply.changed(reply.version)
    return reply


async def test_a_summary_is_sent_kept_changed_by_hand_and_made_again_when_it_is_too_old(
    store: StoreThread, turns: Turns
) -> None:
    session_id = await conversation(store, context="summarise")
    model = provider(turns)
    first = await ask(turns, session_id)
    assert first.message is not None
    *asked, sent = model.requests
    assert "question 0" in asked[0].messages[1].content
    assert "They spoke of terns." in sent.messages[0].content
    assert sent.messages[1].role == "user"
    summarised = first.message.metadata["summarised"]
    assert summarised + len(sent.messages) - 1 == 17
    assert first.message.metadata["summary"] == "They spoke of terns."
    assert first.message.metadata["cost"] == 0.25 + 0.125 * len(asked)
    assert "left_out" not in first.message.metadata

    saved = (await store.run(Conversations.settings, session_id))["summary"]
    await store.run(Conversations.set_setting, session_id, "summary", {**saved, "text": "Mine."})
    second = await ask(turns, session_id)
    assert len(model.requests) == len(asked) + 2
    assert "Mine." in model.requests[-1].messages[0].content
    assert second.message is not None
    assert (second.message.metadata["summarised"], "summary" in second.message.metadata) == (summarised, False)

    for _ in range(6):
        newest = await ask(turns, session_id)
    assert any("Summary so far:\nMine." in request.messages[-1].content for request in model.requests)
    assert newest.message is not None
    assert newest.message.metadata["summarised"] > summarised


async def test_without_a_summary_the_oldest_is_left_out_and_the_reply_says_so(store: StoreThread, turns: Turns) -> None:
    session_id = await conversation(store, context="summarise")
    provider(turns).summary = Failed(FailureKind.SERVER, "No.")
    reply = await ask(turns, session_id)
    assert reply.message is not None
    assert reply.message.finish == "done"
    assert (reply.message.metadata["left_out"] > 0, reply.message.metadata["summary_failed"]) == (True, True)
    await store.run(Conversations.set_setting, session_id, "context", "drop")
    before = len(provider(turns).requests)
    dropped = await ask(turns, session_id)
    assert dropped.message is not None
    assert len(provider(turns).requests) == before + 1
    assert "summary_failed" not in dropped.message.metadata

"""Replies outlive a full disk and the end of the program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from turn_results import WHOLE, requested, saved, saved_as, settled

from sterna.chat import Reply, Turns
from sterna.chat import turns as turns_module
from sterna.config import Settings
from sterna.providers import Catalog, Delta, Done
from sterna.storage import (
    ArrivingReplies,
    Store,
    StoreThread,
)
from tests.chat.scripted_model import FakeClock, ScriptedModel, until


async def test_a_full_disk_costs_time_and_no_text(
    turns: Turns, model: ScriptedModel, store: StoreThread, clock: FakeClock
) -> None:
    problems: list[str | None] = []
    turns.subscribe(lambda reply: problems.append(reply.problem))
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    await store.run(_fill_up)
    text = "word " * 20_000
    model.say(Delta(text))
    await until(lambda: reply.problem)
    assert "No space is left" in (reply.problem or "")
    model.say(Done())
    await until(lambda: reply.finish == "done")
    await until(lambda: clock.sleeping() == 1)
    assert reply.running
    assert turns.live(begun.session.id) is reply
    await store.run(_make_room)
    clock.advance(8)
    message = await settled(reply)
    assert message.content == text
    assert reply.problem is None
    await until(lambda: problems and problems[-1] is None)


async def test_a_disk_that_is_full_for_a_while_is_tried_again_while_the_reply_still_comes(
    turns: Turns, model: ScriptedModel, store: StoreThread, clock: FakeClock
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    await store.run(_fill_up)
    model.say(Delta("x" * 100_000))
    await until(lambda: reply.problem)
    await store.run(_make_room)
    await until(lambda: clock.sleeping() >= 1)
    clock.advance(0.5)
    await until(lambda: clock.sleeping() >= 1)
    clock.advance(0.5)
    await saved_as(store, begun.session.id, "x" * 100_000)
    await until(lambda: reply.problem is None)


def _fill_up(store: Store) -> None:
    pages = store.db.execute("pragma page_count").fetchone()[0]
    store.db.execute(f"pragma max_page_count = {pages}")


def _make_room(store: Store) -> None:
    store.db.execute("pragma max_page_count = 1000000")


async def test_closing_keeps_every_reply_as_interrupted(turns: Turns, model: ScriptedModel, store: StoreThread) -> None:
    pairs = [await turns.begin(None, text) for text in ("one", "two")]
    await requested(model, 2)
    for text in ("one", "two"):
        model.say(Delta(f"about {text}"), to=text)
    await until(lambda: all(reply.content for _, reply in pairs))
    await turns.close()
    for text, (_, reply) in zip(("one", "two"), pairs, strict=True):
        assert reply.message is not None
        assert (reply.message.content, reply.message.finish) == (f"about {text}", "interrupted")
    assert await store.run(ArrivingReplies.of) == []


async def test_a_provider_that_does_not_stop_holds_up_neither_stop_nor_close(
    turns: Turns, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "CLOSE_SECONDS", 0.05)
    model.stubborn = True
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("Hello"))
    await until(lambda: reply.content)
    async with asyncio.timeout(5):
        await turns.halt(begun.session.id)
        await turns.close()
    assert reply.message is not None
    assert model.ended == 0


async def test_a_disk_that_stays_full_does_not_hold_up_the_close(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("x" * 3000))
    await saved_as(store, begun.session.id, "x" * 3000)
    await store.run(_fill_up)
    model.say(Delta("y" * 200_000))
    await until(lambda: reply.problem)
    async with asyncio.timeout(5):
        await turns.close()
    assert not reply.running
    assert (reply.problem or "").endswith("Saved so far: your question, 3,000 characters of the reply.")
    assert await saved(store, begun.session.id) == "x" * 3000
    await store.run(_make_room)


async def test_a_caller_that_goes_away_does_not_take_its_turn_along(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    caller = asyncio.create_task(turns.begin(None, "Hi"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await requested(model)
    (reply,) = turns.running()
    model.say(*WHOLE)
    assert (await settled(reply)).content == "Hello there"


def test_a_loop_that_ends_without_close_keeps_the_text(tmp_path: Path) -> None:
    replies: list[Reply] = []
    store_thread = StoreThread(lambda: Store.open(tmp_path / "account.db"))

    async def crash() -> None:
        store = store_thread
        await store.start()
        model = ScriptedModel()
        turns = Turns(store, Catalog([], guide=model, default="fake/m"), settings=Settings())
        _, reply = await turns.begin(None, "Hi")
        replies.append(reply)
        await requested(model)
        model.say(Delta("As far as this"))
        await until(lambda: reply.content)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        asyncio.run(crash())
    store = Store.open(tmp_path / "account.db")
    message = store.messages.get(replies[0].id)
    assert (message.content, message.finish) == ("As far as this", "interrupted")
    store.close()
    asyncio.run(store_thread.close())

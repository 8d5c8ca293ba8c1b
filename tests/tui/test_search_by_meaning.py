"""Search by meaning on the screen: words at once, meaning behind them, and the background work that makes vectors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lists import Clock, ListApp, fill, frame, running, until

from sterna.chat.meaning import embedders
from sterna.config import MeaningSettings
from sterna.providers.embedder import EmbedderError
from sterna.providers.local_embedder import LocalEmbedder
from sterna.storage import Conversations, Hit, MeaningQuery, Store, StoreThread, vectors_path
from sterna.tui.search import SearchScreen
from sterna.tui.services import meaning
from sterna.tui.services.meaning import MeaningService
from tests.tiny_model import write_model

TALKS = (
    (1.0, "My automobile does not start", "Look at the battery."),
    (2.0, "Where do I park a vehicle?", "In the street."),
    (3.0, "How long in the oven?", "Until it is brown."),
)


async def no_catalog() -> None:
    return None


async def reaches(service: MeaningService, state: str) -> None:
    while service.state != state:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.001)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_SECONDS", "QUIET_SECONDS", "PAUSE", "BUSY_PART", "FIRST_WAIT", "TYPED_SECONDS"):
        monkeypatch.setattr(meaning, name, 0.0, raising=False)


@pytest.mark.usefixtures("at_once")
async def test_words_are_found_first_then_the_meaning_and_a_key_chooses_one(tmp_path: Path) -> None:
    file, clock = tmp_path / "me.db", Clock()
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    service = MeaningService()
    async with running(app, (90, 40)) as pilot:
        service.start(app.store, MeaningSettings(True, str(write_model(tmp_path / "tiny"))), no_catalog)
        screen = SearchScreen(app.store, meaning=service, clock=clock)
        await app.push_screen(screen, app.keep_result)
        await until(pilot, lambda: screen.field.has_focus and service.state == "ready")

        def shown() -> str:
            return " ".join(" ".join(frame(app)).split())

        await pilot.press(*"automobile")
        await until(pilot, lambda: "3 results." in shown())
        assert "You (meaning, 100%): Where do I park a vehicle?" in shown()
        assert shown().index("You: My automobile") < shown().index("Where do I park")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "2 results by words." in shown())
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "2 results by meaning." in shown())
        find, gate = service.find, asyncio.Event()

        async def find_later(query: MeaningQuery) -> list[Hit]:
            await gate.wait()
            return await find(query)

        service.find = find_later  # type: ignore[method-assign,assignment]
        await pilot.press("ctrl+t", *["backspace"] * 10, *"~driving", "enter")
        assert app.result == "nothing yet"
        gate.set()  # enter waited for what is found
        await until(pilot, lambda: app.result != "nothing yet")
        assert isinstance(app.result, Hit)
        assert (app.result.why, app.result.message_id is None) == ("meaning", False)
        await service.stop()


@pytest.mark.usefixtures("at_once")
async def test_a_model_that_fails_is_said_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "me.db"
    fill(file, Clock(), *TALKS)
    store = StoreThread(lambda: Store.open(file))
    await store.start()
    embed = LocalEmbedder.embed
    failing, said = [True], []

    async def fails_first(model: LocalEmbedder, texts: Any) -> list[bytes]:
        if failing[0]:
            raise EmbedderError("Acme is out of vectors.", wait=0.001)
        return await embed(model, texts)

    async def in_this_process(model: str, *_: Any, **__: Any) -> LocalEmbedder:
        return await LocalEmbedder.load(model)

    monkeypatch.setattr(LocalEmbedder, "embed", fails_first)
    monkeypatch.setattr(embedders, "open_embedder", in_this_process)
    service = MeaningService()
    service.start(store, MeaningSettings(True, str(write_model(tmp_path / "tiny"))), no_catalog)
    async with asyncio.timeout(30):
        await reaches(service, "failing")
        said.append(service.sentence)
        failing[0] = False
        await reaches(service, "ready")
    assert said == ["By meaning: Acme is out of vectors."]
    assert service.sentence == ""
    assert [hit.snippet for hit in await service.find(MeaningQuery("bread", 3))] == ["How long in the oven?"]
    vectors_path(file).unlink()  # as a command does that turns it off
    await store.run(Conversations.create, "More")
    async with asyncio.timeout(30):
        await reaches(service, "failing")
    assert "made anew at the next start" in service.sentence
    await asyncio.sleep(0)
    assert not vectors_path(file).exists()
    await service.stop()
    service.start(store, MeaningSettings(True, str(tmp_path / "tiny")), no_catalog)
    async with asyncio.timeout(30):
        await reaches(service, "ready")
    service.state = "beginning"  # as it is while the search is quicker than the background
    assert service.sentence == ""
    assert vectors_path(file).exists()
    await service.forget(store)
    assert not vectors_path(file).exists()
    assert not service.is_on
    await store.close()

"""Fixtures: a real store in a file, and turns over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sterna.chat import Turns
from sterna.config import Settings
from sterna.providers import Catalog
from sterna.storage import Store, StoreThread
from tests.chat.scripted_model import FakeClock, ScriptedModel


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[StoreThread]:
    thread = StoreThread(lambda: Store.open(tmp_path / "account.db"))
    await thread.start()
    yield thread
    await thread.close()


@pytest.fixture
async def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def turns(store: StoreThread, model: ScriptedModel, clock: FakeClock) -> AsyncIterator[Turns]:
    catalog = Catalog([], guide=model, default="fake/m")
    made = Turns(store, catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    yield made
    model.let_go.set()
    await made.close()

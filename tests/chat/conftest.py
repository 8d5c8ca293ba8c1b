"""A real store in a file, and turns over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sterna.chat import Turns
from sterna.config import Settings
from sterna.providers import Catalog
from sterna.storage import Store, StoreThread
from tests.chat.speaking import Hours, Speaker


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[StoreThread]:
    thread = StoreThread(lambda: Store.open(tmp_path / "account.db"))
    await thread.start()
    yield thread
    await thread.close()


@pytest.fixture
async def model() -> Speaker:
    return Speaker()


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
async def turns(store: StoreThread, model: Speaker, hours: Hours) -> AsyncIterator[Turns]:
    catalog = Catalog([], guide=model, default="fake/m")
    made = Turns(store, catalog, settings=Settings(), monotonic=hours.monotonic, sleep=hours.sleep)
    yield made
    model.let_go.set()
    await made.close()

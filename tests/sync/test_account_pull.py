"""When the server is asked for the profile, and that nothing it answers breaks the sync."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_time import FakeTime, until

from sterna.storage import Profiles, ServerProfile, Store, StoreThread
from sterna.sync.errors import CannotReach
from sterna.sync.network.json_api import RequestRejected
from sterna.sync.profile import EVERY, LONGEST, AccountData, check_data

USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"
DAY = {"usage_date": "2026-03-01", "messages_sent": 1, "models_used": {"g/m": 1}}
ANSWER: dict[str, Any] = {
    "profile": {"email": "ada@example.org", "full_name": "Ada", "subscription_tier": "pro", "credits": 0},
    "preferences": {"model": {"default_model": "g/m"}, "ui": {}, "session": {}},
    "today": DAY,
    "recentDays": [DAY],
    "allTime": {},
}
MODELS: dict[str, Any] = {
    "relays": True,
    "images": True,
    "models": [
        {"id": "g/m", "tier": "free", "daily_limit": 3, "pricing": {"prompt": "0", "completion": "0"},
         "input_modalities": ["text", "image"]},
        {"id": 7},
        {"id": "bad", "tier": "gold"},
        {"id": "inf", "tier": "free", "pricing": {"prompt": "inf", "completion": "0"}},
        {"id": "x", "tier": "free", "daily_limit": "many", "pricing": {"prompt": "0", "completion": "0"}},
    ],
}  # fmt: skip


class FakeServer:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answer: Any = ANSWER
        self.away: Exception | None = None
        self.hangs = False

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> Any:
        self.asked.append((method, path, body))
        if self.hangs:
            await asyncio.Event().wait()
        if self.away is not None and path != "/api/models":
            raise self.away
        return MODELS if path == "/api/models" else self.answer

    @property
    def of_data(self) -> list[tuple[str, Any]]:
        return [(method, body) for method, path, body in self.asked if path == "/api/user/data"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[StoreThread]:
    def opened() -> Store:
        found = Store.open(tmp_path / "me.db")
        found.linking.adopt("https://chat.example.org", USER, "ada@example.org")
        return found

    thread = StoreThread(opened)
    await thread.start()
    yield thread
    await thread.close()


async def test_it_is_asked_once_and_again_after_a_while(store: StoreThread) -> None:
    server, time = FakeServer(), FakeTime()
    data = AccountData(store, server, time.timing)  # type: ignore[arg-type]
    for _ in range(3):
        await data.refresh()
    assert server.of_data == [("GET", None)]
    assert await store.run(ServerProfile.server_relays)
    assert [model["images"] for model in await store.run(ServerProfile.server_models)] == [True]
    assert [one["model_id"] for one in await store.run(ServerProfile.server_models)] == ["g/m"]
    time.advance(EVERY)
    await data.refresh()
    assert len(server.of_data) == 2
    profile = await store.run(Profiles.get_user_complete_profile, USER)
    assert (profile["full_name"], profile["subscription_tier"]) == ("Ada", "pro")


async def test_what_was_changed_here_is_told_at_once_and_once(store: StoreThread) -> None:
    server = FakeServer()
    data = AccountData(store, server, FakeTime().timing)  # type: ignore[arg-type]
    await data.refresh()
    await store.run(ServerProfile.change_preferences, "ui", {"theme": "light"})
    await data.refresh()
    await data.refresh()
    assert server.of_data == [("GET", None), ("PUT", {"ui": {"theme": "light"}})]


async def test_what_the_server_refuses_is_not_said_again_and_again(store: StoreThread) -> None:
    server, time = FakeServer(), FakeTime()
    data = AccountData(store, server, time.timing)  # type: ignore[arg-type]
    await store.run(ServerProfile.change_preferences, "ui", {"theme": "light"})
    server.away = RequestRejected("No.", 400, "bad_request")
    for _ in range(3):
        await data.refresh()
    assert [method for method, _ in server.of_data] == ["PUT"]
    server.away = None
    time.advance(EVERY)
    await data.refresh()
    assert [method for method, _ in server.of_data] == ["PUT", "GET"]
    assert await store.run(ServerProfile.pending_profile) == {"ui": {"theme": "light"}}
    await store.run(ServerProfile.change_preferences, "ui", {"theme": "dark"})
    await data.refresh()
    assert server.of_data[-1] == ("PUT", {"ui": {"theme": "dark"}})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        ANSWER | {"profile": {"subscription_tier": "gold"}},
        ANSWER | {"allTime": []},
        ANSWER | {"recentDays": [{"usage_date": "yesterday"}]},
        ANSWER | {"recentDays": [DAY | {"messages_sent": "9"}]},
        ANSWER | {"recentDays": [DAY | {"models_used": {"g/m": "x"}}]},
    ],
)
async def test_an_answer_that_makes_no_sense_changes_nothing(store: StoreThread, answer: Any) -> None:
    server = FakeServer()
    server.answer = answer
    with pytest.raises((ValueError, KeyError, TypeError)):
        check_data(answer)
    await AccountData(store, server, FakeTime().timing).refresh()  # type: ignore[arg-type]
    profile = await store.run(Profiles.get_user_complete_profile, USER)
    assert profile["subscription_tier"] == "free"


async def test_a_server_that_does_not_answer_holds_nothing_up(store: StoreThread) -> None:
    server, time = FakeServer(), FakeTime()
    server.hangs = True
    refreshing = asyncio.create_task(AccountData(store, server, time.timing).refresh())  # type: ignore[arg-type]
    await until(lambda: server.asked and time.sleeping)
    time.advance(LONGEST)
    assert await asyncio.wait_for(refreshing, 10) is False


async def test_a_server_that_is_away_is_no_accident(store: StoreThread) -> None:
    server = FakeServer()
    server.away = CannotReach("No way.", "network")
    await AccountData(store, server, FakeTime().timing).refresh()  # type: ignore[arg-type]
    assert await store.run(ServerProfile.server_relays), "models had come before"

"""Events of a person's use: which get to the server, when, and which never do.

See docs/specification/features.md#interaction-analytics and docs/specification/decisions.md#features.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from fake_time import FakeTime, until

from sterna.storage import Store, StoreThread
from sterna.sync.analytics import client
from sterna.sync.analytics.client import EVENTS, AnalyticsService, harmless, harmless_id
from sterna.sync.analytics.tracker import InteractionTracker
from sterna.sync.analytics.visits import AnalyticsSession, session_token, user_agent
from sterna.sync.errors import CannotReach, SyncDisabled
from sterna.sync.network.json_api import RequestRejected

USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"
CANARY = "my secret words"


class FakeServer:
    """The server's functions in memory. ``away`` is what every request meets."""

    def __init__(self) -> None:
        self.away: Exception | None = None
        self.calls: list[tuple[str, Any]] = []
        self.sessions: dict[str, bool] = {}
        self.events: list[dict[str, Any]] = []

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> Any:
        self.calls.append((path.rpartition("/")[2], json.loads(json.dumps(body))))
        if self.away is not None:
            raise self.away
        match self.calls[-1]:
            case ("start", _):
                return {"success": True}
            case ("start_user_session", _):
                key = f"00000000-0000-4000-8000-{len(self.sessions):012}"
                self.sessions[key] = True
                return {"success": True, "session_id": key}
            case ("end_user_session", answer):
                return self.sessions.pop(answer["p_session_id"], False)
            case ("batch_track_user_interactions", answer):
                errors = []
                for index, one in enumerate(answer["p_interactions"]):
                    if one["session_id"] in self.sessions:
                        self.events.append(one)
                    else:
                        errors.append({"index": index, "error": "Session has ended"})
                return {"success": True, "inserted": 0, "failed": len(errors), "errors": errors}
        raise AssertionError(path)

    async def close(self) -> None:
        return

    def named(self, name: str) -> list[Any]:
        return [answer for called, answer in self.calls if called == name]

    @property
    def kinds(self) -> list[str]:
        return [one["event_type"] for one in self.events]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "me.db"
    store = Store.open(path)
    store.linking.adopt("https://chat.example.org", USER, "ada@example.org")
    store.close()
    return path


@asynccontextmanager
async def run(file: Path, server: FakeServer | None, time: FakeTime, **more: Any) -> AsyncIterator[InteractionTracker]:
    """One run of the program; killed at the end, unless the test ends it."""
    store = StoreThread(lambda: Store.open(file))
    await store.start()
    service = AnalyticsService(server, USER) if server else None  # type: ignore[arg-type]
    chat = AnalyticsSession(server, time.timing) if server else None  # type: ignore[arg-type]
    tracker = InteractionTracker(store, service, chat=chat, timing=time.timing, **more)
    tracker.begin()
    try:
        yield tracker
    finally:
        for task in tracker._tasks:
            task.cancel()
        await asyncio.gather(*tracker._tasks, return_exceptions=True)
        await store.close()


def waiting(file: Path) -> list[str]:
    store = Store.open(file)
    try:
        return [one.event_type for one in store.interactions.waiting_interactions(1000)]
    finally:
        store.close()


async def kept(file: Path, count: int) -> None:
    await until(lambda: len(waiting(file)) == count)


async def test_events_are_gathered_for_five_seconds_and_carry_the_session(
    file: Path, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    time = FakeTime()
    caplog.set_level("INFO", "sterna.sync")
    async with run(file, server, time) as tracker:
        tracker.track("conversation_opened", "conv_1700000000000_abcdefghijkl", 12, {"count": 3})
        await kept(file, 2)
        assert server.calls == []
        await until(lambda: time.sleeping)
        time.advance(5)
        await until(lambda: len(server.events) == 2)
        assert [name for name, _ in server.calls] == ["start", "start_user_session", "batch_track_user_interactions"]
        assert "[InteractionTracker] Session started successfully" in caplog.text
        opened = server.events[1]
        assert (opened["session_id"], opened["duration"], opened["event_data"]) == (
            tracker.session_id,
            12,
            {"count": 3},
        )
        assert opened["content_id"] == "conv_1700000000000_abcdefghijkl"
        await kept(file, 0)


async def test_fifty_events_do_not_wait(file: Path, server: FakeServer) -> None:
    async with run(file, server, FakeTime()) as tracker:
        for _ in range(60):
            tracker.track("message_sent")
        await until(lambda: len(server.events) == 61)


async def test_the_end_sends_what_waits_and_only_then_ends_the_session(file: Path, server: FakeServer) -> None:
    async with run(file, server, FakeTime()) as tracker:
        tracker.track("message_sent")
        await tracker.end()
        assert server.kinds == ["app_started", "message_sent", "app_closed"]
        assert server.calls[-1][0] == "end_user_session"
        assert server.sessions == {}
    store = Store.open(file)
    row = store.db.one("select ended_at, session_token from user_sessions")
    assert row is not None
    assert row["ended_at"] is not None
    store.close()


async def test_no_event_is_sent_before_a_session_and_none_is_dropped(file: Path, server: FakeServer) -> None:
    time, server.away = FakeTime(), CannotReach("No way.", "network")
    async with run(file, server, time) as tracker:
        await kept(file, 1)
        for _ in range(3):
            await until(lambda: time.sleeping)
            time.advance(600)
        assert server.named("batch_track_user_interactions") == []
        server.away = None
        tracker.track("message_sent")
        for _ in range(3):
            await until(lambda: time.sleeping or len(server.events) == 2)
            time.advance(600)
        await until(lambda: server.kinds == ["app_started", "message_sent"])


async def test_what_a_killed_run_left_is_sent_by_the_next_one(file: Path, server: FakeServer) -> None:
    time = FakeTime()
    async with run(file, server, time) as tracker:
        await kept(file, 1)
        await until(lambda: time.sleeping)
        time.advance(5)
        await until(lambda: tracker.session_id is not None and len(server.events) == 1)
        await kept(file, 0)
        tracker.track("message_sent")
        await kept(file, 1)
    server.away = CannotReach("No way.", "network")
    async with run(file, server, FakeTime()) as tracker:
        tracker.track("search_opened")
        await kept(file, 3)
    assert waiting(file) == ["message_sent", "app_started", "search_opened"]
    server.away = None
    async with run(file, server, FakeTime()) as tracker:
        await tracker.flush()
        assert server.kinds[1:4] == ["message_sent", "app_started", "search_opened"]
        first, second = server.events[0]["session_id"], server.events[2]["session_id"]
        assert server.events[1]["session_id"] == first, "it belongs to the run in which it happened"
        assert second == tracker.session_id, "a run that no server knew has no session of its own"


async def test_an_event_of_a_session_that_is_gone_goes_with_this_one(file: Path, server: FakeServer) -> None:
    time = FakeTime()
    async with run(file, server, time) as tracker:
        await kept(file, 1)
        await tracker.flush()
        await kept(file, 0)
        tracker.track("message_sent")
        await kept(file, 1)
    server.sessions.clear()
    server.sessions["somebody"] = True
    async with run(file, server, FakeTime()) as tracker:
        await tracker.flush()
        sent = next(one for one in server.events if one["event_type"] == "message_sent")
        assert sent["session_id"] == tracker.session_id


async def test_a_server_that_has_forgotten_the_session_gets_another_one(file: Path, server: FakeServer) -> None:
    """It was set back to a backup, or took the session for ended."""
    async with run(file, server, FakeTime()) as tracker:
        await kept(file, 1)
        await tracker.flush()
        await kept(file, 0)
        first = tracker.session_id
        server.sessions.clear()
        server.sessions["somebody"] = True
        tracker.track("message_sent")
        await kept(file, 1)
        await tracker.flush()
        assert tracker.session_id not in (None, first)
        assert [(one["event_type"], one["session_id"]) for one in server.events[1:]] == [
            ("message_sent", tracker.session_id)
        ]
        await kept(file, 0)


async def test_what_is_noted_while_the_file_is_busy_outlives_the_end(file: Path, server: FakeServer) -> None:
    async with run(file, None, FakeTime()) as tracker:
        await kept(file, 1)
        busy = asyncio.create_task(tracker._store.run(lambda store: sleep(0.3)))
        await asyncio.sleep(0.05)
        tracker.track("message_sent")
        await asyncio.sleep(0.05)
        await tracker.end()
        await busy
    assert waiting(file) == ["app_started", "message_sent", "app_closed"]


async def test_a_no_of_the_person_counts_at_once(file: Path, server: FakeServer) -> None:
    async def refuse() -> None:
        raise SyncDisabled("Analytics are off.")

    async with run(file, server, FakeTime(), may_send=refuse) as tracker:
        with pytest.raises(SyncDisabled):
            await tracker.flush()
        await tracker.end()
    assert server.calls == []


async def test_without_a_server_events_wait(file: Path) -> None:
    async with run(file, None, FakeTime()) as tracker:
        tracker.track("message_sent")
        await tracker.end()
    assert waiting(file) == ["app_started", "message_sent", "app_closed"]


async def test_no_text_gets_into_an_event_whatever_it_is_given(file: Path, server: FakeServer) -> None:
    """The canary: text in every place where an event takes something."""
    async with run(file, server, FakeTime()) as tracker:
        for kind in EVENTS:
            data = {CANARY: 1, "text": CANARY, "finish": "done", "nested": {"text": CANARY}, "list": [CANARY]}
            tracker.track(kind, CANARY, 1, data)
        await tracker.end()
    assert len(server.events) == len(EVENTS) + 2
    assert CANARY not in json.dumps(server.calls)
    assert CANARY.encode() not in b"".join(one.read_bytes() for one in file.parent.iterdir() if one.is_file())
    assert {"finish": "done"} in [one["event_data"] for one in server.events]


@pytest.mark.parametrize("value", ["words", b"bytes", None, ["done"], {"done": 1}, 1j])
def test_only_numbers_yes_or_no_and_known_words_are_harmless(value: Any) -> None:
    assert harmless({"x": value}) == {}
    assert harmless({"n": 1, "f": 1.5, "b": True, "w": "stopped", "é": 1, "a b": 1}) == {
        "n": 1, "f": 1.5, "b": True, "w": "stopped",
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, "", "my words", "conv_1_my words", "conv_1_a\n", "CONV_1_A", "x" * 300])
def test_only_ids_of_this_program_are_harmless(value: str | None) -> None:
    assert harmless_id(value) is None
    assert harmless_id("msg_1700000000000_0123456789ab") == "msg_1700000000000_0123456789ab"


async def test_a_visit_is_announced_once_and_a_failure_is_silent(server: FakeServer) -> None:
    time = FakeTime()
    chat = AnalyticsSession(server, time.timing)  # type: ignore[arg-type]
    server.away = RequestRejected("Failed to create session", 500, "")
    await chat.start_session()
    assert (chat.is_active, chat.session_token is not None) == (False, True)
    server.away = None
    await chat.start_session()
    await chat.start_session()
    assert chat.is_active
    first, second = server.named("start")
    assert first == second
    assert first["sessionToken"] == chat.session_token
    assert (first["userAgent"], first["referrer"], first["deviceType"]) == (user_agent(), "", "desktop")


def test_a_token_has_the_form_that_web_clients_give_it() -> None:
    import re

    assert re.fullmatch(r"sess_1772000000000_[0-9a-z]{9}", session_token(1_772_000_000_000))
    assert session_token(1) != session_token(1)


async def test_a_server_without_the_functions_is_told_as_a_failure(server: FakeServer) -> None:
    server.away = RequestRejected("There is no such function.", 404, "PGRST202")
    service = AnalyticsService(server, USER)  # type: ignore[arg-type]
    answer = await client.test_session_and_event_creation(service)
    assert (answer["success"], answer["eventCount"], answer["error"]) == (False, 0, "There is no such function.")

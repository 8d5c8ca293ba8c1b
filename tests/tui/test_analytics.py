"""Usage analytics: events reach the tracker where analytics are on, and never the text that was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chat_app import Home, until, write

from sterna import config
from sterna.storage import StoreThread
from sterna.sync.analytics.client import EVENTS
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.panels import CheckField
from sterna.tui.factory import make_tracker


class RecordingTracker:
    """Tracker that records events."""

    session_id: str | None = None

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, int | None, dict[str, Any]]] = []
        self.ended = False

    def begin(self, *, started: bool = True) -> None:
        return

    def track(
        self,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: dict[str, Any] | None = None,
    ) -> None:
        self.events.append((event_type, content_id, duration, event_data or {}))

    async def end(self, *, closed: bool = True) -> None:
        self.ended = True

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, *_ in self.events]


def record_events(app: SternaApp) -> RecordingTracker:
    tracker = RecordingTracker()

    async def made(store: StoreThread) -> RecordingTracker:
        return tracker

    app.context.analytics._factory = made
    return tracker


async def test_each_action_is_recorded_by_its_name(home: Home) -> None:
    home.seed(("hello", "Yes."))
    app = home.app()
    tracker = record_events(app)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.context.analytics._tracker is not None)
        await write(pilot, "a question of mine")
        await pilot.press("enter")
        await until(pilot, lambda: "reply_finished" in tracker.kinds)
        await pilot.press("f8")
        await until(pilot, lambda: "conversation_deleted" in tracker.kinds)
        await pilot.press("f3")
        await until(pilot, lambda: "search_opened" in tracker.kinds)
        await pilot.press("escape")
    assert {"message_sent", "conversation_opened", "reply_finished"} <= set(tracker.kinds) <= set(EVENTS)
    finished = [one for one in tracker.events if one[0] == "reply_finished"]
    assert len(finished) == 1, "a reply ends once"
    assert finished[0][3]["finish"] == "done"
    assert "question of mine" not in str(tracker.events)
    assert tracker.ended


async def test_events_before_the_tracker_is_ready_are_not_dropped(home: Home) -> None:
    app = home.app()
    tracker = record_events(app)
    app.context.analytics.track("search_opened")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "search_opened" in tracker.kinds)


async def test_turning_analytics_on_or_off_takes_effect_at_once(home: Home) -> None:
    app = home.app()
    tracker = record_events(app)
    made = app.context.analytics._factory
    app.context.analytics._factory = None
    async with app.run_test(size=(100, 50)) as pilot:
        await until(pilot, lambda: app.context.analytics._early is None)  # it has looked, and nobody listens
        app.context.analytics._factory = made
        await pilot.press("f9")
        await until(pilot, lambda: app.screen.query("CheckField"))
        box = next(one for one in app.screen.query(CheckField) if one.name == "analytics.enabled")
        assert not box.value
        box.toggle()
        await until(pilot, lambda: app.context.analytics._tracker is tracker)
        assert config.load(home.folder, {}).analytics.enabled
        box.toggle()
        await until(pilot, lambda: tracker.ended and app.context.analytics._tracker is None)
        assert not config.load(home.folder, {}).analytics.enabled


async def test_without_consent_there_is_no_tracker(tmp_path: Path, home: Home) -> None:
    thread = StoreThread(home.open)
    await thread.start()
    try:
        assert await make_tracker(tmp_path, tmp_path, {}, thread) is None
        config.save_value("analytics.enabled", True, tmp_path)
        assert await make_tracker(tmp_path, tmp_path, {}, thread) is not None
    finally:
        await thread.close()

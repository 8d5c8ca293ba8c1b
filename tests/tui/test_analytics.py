"""What a person does gets to the tracker where they said yes, and nothing of what they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from home import Home, until, write

from sterna import config
from sterna.storage import StoreThread
from sterna.sync.analytics.client import EVENTS
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.panels import CheckField
from sterna.tui.factory import make_tracker


class Noting:
    """A tracker that notes."""

    session_id: str | None = None

    def __init__(self) -> None:
        self.noted: list[tuple[str, str | None, int | None, dict[str, Any]]] = []
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
        self.noted.append((event_type, content_id, duration, event_data or {}))

    async def end(self, *, closed: bool = True) -> None:
        self.ended = True

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, *_ in self.noted]


def noted_by(app: SternaApp) -> Noting:
    noting = Noting()

    async def made(store: StoreThread) -> Noting:
        return noting

    app.context.analytics._factory = made
    return noting


async def test_what_is_done_is_noted_by_its_name(home: Home) -> None:
    home.seed(("hello", "Yes."))
    app = home.app()
    noting = noted_by(app)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.context.analytics._tracker is not None)
        await write(pilot, "a question of mine")
        await pilot.press("enter")
        await until(pilot, lambda: "reply_finished" in noting.kinds)
        await pilot.press("f8")
        await until(pilot, lambda: "conversation_deleted" in noting.kinds)
        await pilot.press("f3")
        await until(pilot, lambda: "search_opened" in noting.kinds)
        await pilot.press("escape")
    assert {"message_sent", "conversation_opened", "reply_finished"} <= set(noting.kinds) <= set(EVENTS)
    finished = [one for one in noting.noted if one[0] == "reply_finished"]
    assert len(finished) == 1, "a reply ends once"
    assert finished[0][3]["finish"] == "done"
    assert "question of mine" not in str(noting.noted)
    assert noting.ended


async def test_what_happens_before_anybody_listens_is_not_dropped(home: Home) -> None:
    app = home.app()
    noting = noted_by(app)
    app.context.analytics.track("search_opened")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "search_opened" in noting.kinds)


async def test_a_yes_and_a_no_in_the_settings_count_at_once(home: Home) -> None:
    app = home.app()
    noting = noted_by(app)
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
        await until(pilot, lambda: app.context.analytics._tracker is noting)
        assert config.load(home.folder, {}).analytics.enabled
        box.toggle()
        await until(pilot, lambda: noting.ended and app.context.analytics._tracker is None)
        assert not config.load(home.folder, {}).analytics.enabled


async def test_without_a_yes_there_is_no_tracker(tmp_path: Path, home: Home) -> None:
    thread = StoreThread(home.open)
    await thread.start()
    try:
        assert await make_tracker(tmp_path, tmp_path, {}, thread) is None
        config.save_value("analytics.enabled", True, tmp_path)
        assert await make_tracker(tmp_path, tmp_path, {}, thread) is not None
    finally:
        await thread.close()

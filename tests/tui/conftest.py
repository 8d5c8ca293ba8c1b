"""A person's home for each test; what it is made of stands in home.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from home import ANSWER, Home
from idle import wait_for_idle
from parsed_css import parse_once
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen
from undrawn import pass_on


@pytest.fixture(scope="session", autouse=True)
def _style_sheets_are_parsed_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _keys_wait_no_longer_than_they_need() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("app", "pilot"):
            patch.setattr(f"textual.{module}.wait_for_idle", wait_for_idle)
        yield


@pytest.fixture(autouse=True)
def _frames_are_drawn_when_they_are_looked_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the frames for a terminal that is not there, which take a fifth of the time: ``frame`` draws.

    Not for tests that are about what is drawn when: they are marked ``drawn``.
    """
    if request.node.get_closest_marker("drawn") is None:
        monkeypatch.setattr(Screen, "_compositor_refresh", pass_on)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh one, with nothing of the machine's own in reach."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return Home(tmp_path)


@pytest.fixture
def shelf(home: Home) -> Home:
    """A home with a few conversations of two days."""
    home.write_config("[ui]\nanimation = false\n")
    home.seed(
        ("Backup plan for photos", "3-2-1: three copies, two media, one elsewhere."),
        ("SQLite WAL or rollback journal", "WAL, unless the file is on a network share."),
        ("日本語の練習", "はい、もちろん。"),
    )
    home.clock.forward(hours=16)
    home.seed(("Names for a boat [/b]", "Sterna, of course."), ("How do terns find their way?", ANSWER))
    store = home.open()
    store.local_state.set("last_conversation", store.conversations.page(0, 1)[0].id)
    store.close()
    return home

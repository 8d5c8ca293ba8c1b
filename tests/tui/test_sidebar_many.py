"""A list of 30,000 conversations reads what it shows, and no more."""

from __future__ import annotations

from functools import wraps
from pathlib import Path

import pytest
from lists import Clock, ListApp, fill_many, frame, line_of, running, until

from sterna.storage import Conversations, ConversationSummary, Store
from sterna.tui.sidebar.queries import PAGE
from sterna.tui.sidebar.rows import PAGES_KEPT

MANY = 30_000


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Path:
    file = tmp_path_factory.mktemp("many") / "me.db"
    fill_many(file, clock, MANY)
    return file


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each page held that was read."""
    found: list[int] = []
    original = Conversations.page

    @wraps(original)
    def session_page(store: Store, offset: int, limit: int, text: str = "") -> list[ConversationSummary]:
        rows = original(store, offset, limit, text)
        found.append(len(rows))
        return rows

    monkeypatch.setattr(Conversations, "page", session_page)
    return found


async def test_the_first_picture_needs_one_page(file: Path, clock: Clock, reads: list[int]) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        await until(pilot, lambda: line_of(app, "Conversation 0 ") is not None)
        assert "filter 30,000" in frame(app)[0]
        assert sum(reads) <= 2 * PAGE


async def test_a_jump_to_the_other_end_reads_what_is_there(file: Path, clock: Clock, reads: list[int]) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        reads.clear()
        await pilot.press("G")
        await until(pilot, lambda: line_of(app, f"Conversation {MANY - 1}") == 22)
        assert len(reads) <= 3
        await pilot.press("enter")
        await until(pilot, lambda: app.posted)
        assert app.posted == [("opened", f"conv_{MANY - 1:06}")]


async def test_a_dragged_scrollbar_leaves_nothing_behind_to_read(file: Path, clock: Clock, reads: list[int]) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        reads.clear()
        rows = app.sidebar.rows
        for part in range(500):
            rows.scroll_to(y=rows.max_scroll_y * part // 499, animate=False)
        await until(pilot, lambda: line_of(app, f"Conversation {MANY - 1}") is not None)
        assert len(reads) <= 5
        for part in range(40):
            rows.scroll_to(y=rows.max_scroll_y * part // 39, animate=False)
            await until(pilot, lambda: rows.row(rows.lines.near(rows.top)) is not None)
        assert sum(map(len, rows.pages.values())) <= PAGES_KEPT * PAGE


async def test_a_change_deep_in_the_list_reads_a_page_and_moves_nothing(
    file: Path, clock: Clock, reads: list[int]
) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.selected = "conv_020004"
        await until(pilot, lambda: line_of(app, "Conversation 20004") is not None)
        app.sidebar.focus()
        await until(pilot, lambda: any(line.startswith("›") for line in frame(app)))
        before = frame(app, 30)
        reads.clear()
        await app.store.run(Conversations.rename, "conv_020002", "Another name")
        await app.sidebar.reload()
        await until(pilot, lambda: line_of(app, "Another name") is not None)
        after = frame(app, 30)
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
        assert sum(reads) <= 3 * PAGE + 2


async def test_typing_a_filter_reads_pages_of_what_matches(file: Path, clock: Clock, reads: list[int]) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus_filter()
        reads.clear()
        await pilot.press(*"999")
        await until(pilot, lambda: line_of(app, "Conversation 999 ") == 2)
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 57)
        assert sum(reads) <= 5 * PAGE

"""Pinned, archived and tagged conversations in the list, and commands for several at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from lists import Clock, ListApp, fill, frame, hours, line_of, opened, running, until

from sterna.storage import LabelChange
from sterna.tui.pickers.tags import TagPicker

WORDS = [f"Talk number {number}" for number in range(6)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ids(tmp_path: Path, clock: Clock) -> list[str]:
    return fill(tmp_path / "me.db", clock, *hours(WORDS))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "me.db"


def label(file: Path, clock: Clock, *ids: str, **change: object) -> None:
    store = opened(file, clock)
    store.labels.change(ids, LabelChange(**change))  # type: ignore[arg-type]
    store.close()


def marked(app: ListApp) -> list[str]:
    """The titles of the rows that are marked as selected."""
    return [line[3:22].strip() for line in frame(app, 30) if line[1:2] == "✓"]


async def test_a_list_that_is_empty_says_where_the_archived_ones_are(file: Path, clock: Clock, ids: list[str]) -> None:
    label(file, clock, *ids, archived=True)
    app = ListApp(file, clock)
    async with running(app):
        assert [line.strip() for line in frame(app, 30)[2:4]] == ["All are archived. Filter:", "is:archived"]


async def test_pinned_ones_stand_under_their_heading_and_archived_ones_are_asked_for(
    file: Path, clock: Clock, ids: list[str]
) -> None:
    label(file, clock, ids[4], pinned=True, add=("work", "urgent"))
    label(file, clock, ids[0], archived=True)
    app = ListApp(file, clock)
    async with running(app) as pilot:
        assert frame(app, 30)[2:7] == [
            "   Pinned",
            " ◆ Talk number 4       07:00",
            "   Yes.           #urgent #…",
            "",
            "   Today",
        ]
        assert "Talk number 1" in frame(app, 30)[7]
        assert line_of(app, "Talk number 0") is None
        app.sidebar.focus_filter()
        await pilot.press(*"is:archived")
        await until(pilot, lambda: line_of(app, "Talk number 0") is not None)
        assert app.sidebar.rows.lines.rows == 1


async def test_the_filter_completes_conditions(file: Path, clock: Clock, ids: list[str]) -> None:
    label(file, clock, ids[4], add=("work",))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus_filter()
        await pilot.press(*"talk #w")
        await until(pilot, lambda: app.sidebar.filter._suggestion == "talk #work")
        await pilot.press("right", *" is:p")
        await until(pilot, lambda: app.sidebar.filter._suggestion == "talk #work is:pinned")
        await pilot.press("right")
        assert app.sidebar.filter.value == "talk #work is:pinned"
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 0)


async def test_space_and_shift_select_and_a_command_is_for_all_of_them(
    file: Path, clock: Clock, ids: list[str]
) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("space", "down", "down", "shift+down", "shift+down", "shift+up")
        assert marked(app) == [WORDS[0], WORDS[2], WORDS[3]]
        assert line_of(app, "3 selected, esc clears") is not None
        await pilot.press("d")
        await pilot.press("space")
        assert app.posted[-1] == ("deleted", ids[0], ids[2], ids[3])
        await pilot.press("p", "a", "t")
        assert [posted[0] for posted in app.posted[1:]] == ["pin", "archive", "tag"]
        assert app.posted[-1][1:] == (ids[0], ids[2])  # space took out the one under the cursor
        await pilot.press("escape")
        assert marked(app) == []
        assert line_of(app, "selected") is None
        await pilot.press("p")
        assert app.posted[-1] == ("pin", ids[3])


async def test_all_are_selected_and_none_again(file: Path, clock: Clock, ids: list[str]) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("asterisk")
        await until(pilot, lambda: line_of(app, "6 selected"))
        await pilot.press("asterisk")
        await until(pilot, lambda: line_of(app, "selected") is None)
        await pilot.press("asterisk")
        await until(pilot, lambda: line_of(app, "6 selected"))
        app.sidebar.focus_filter()
        await pilot.press("4")
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 1)
        assert app.sidebar.selection.ids == ()  # what is not shown is not selected


async def test_ctrl_and_shift_select_with_the_mouse(file: Path, clock: Clock, ids: list[str]) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        lines = [line_of(app, words) or 0 for words in WORDS]
        await pilot.click(offset=(5, lines[1]), control=True)
        await pilot.click(offset=(5, lines[3]), shift=True)
        await until(pilot, lambda: marked(app) == WORDS[1:4])
        await pilot.click(offset=(5, lines[5]), control=True)
        await pilot.click(offset=(5, lines[2]), control=True)
        await until(pilot, lambda: marked(app) == [WORDS[1], WORDS[3], WORDS[5]])
        assert app.posted == []
        await pilot.click(offset=(5, lines[0]))
        await until(pilot, lambda: app.posted == [("opened", ids[0])])


async def test_a_selected_conversation_that_is_gone_is_selected_no_more(
    file: Path, clock: Clock, ids: list[str]
) -> None:
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("space", "down", "space")
        await app.store.run(lambda store: store.trash.delete_conversation(ids[0]))
        await app.sidebar.reload()
        await until(pilot, lambda: marked(app) == [WORDS[1]])


async def test_the_tag_picker_adds_makes_and_removes_tags(file: Path, clock: Clock, ids: list[str]) -> None:
    label(file, clock, ids[0], ids[1], add=("both",))
    label(file, clock, ids[0], add=("some",))
    label(file, clock, ids[5], add=("other",))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        known, current = await app.store.run(lambda store: (store.tags.all(), store.tags.of(ids[:2])))
        app.push_screen(TagPicker(known, current, 2), app.keep_result)
        await until(pilot, lambda: any("[-] #some  1" in line for line in frame(app)))
        assert any("[x] #both  2" in line for line in frame(app))
        assert any("[ ] #other  1" in line for line in frame(app))
        await pilot.press("space", "down", "enter")
        await pilot.press(*"New", "enter")
        await until(pilot, lambda: any("[x] #new" in line for line in frame(app)))
        await pilot.press(*"a/b")
        await until(pilot, lambda: any("A tag is one word" in line for line in frame(app)))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.result != "nothing yet")
        assert app.result == LabelChange(add=("some", "new"), remove=("both",))


async def test_a_tag_picker_that_changes_nothing_returns_nothing(file: Path, clock: Clock, ids: list[str]) -> None:
    label(file, clock, ids[0], add=("one",))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        known, current = await app.store.run(lambda store: (store.tags.all(), store.tags.of(ids[:1])))
        app.push_screen(TagPicker(known, current, 1), app.keep_result)
        await until(pilot, lambda: any("[x] #one" in line for line in frame(app)))
        await pilot.press("space", "space", "escape")
        await until(pilot, lambda: app.result is None)


async def test_a_gathered_conversation_shows_where_it_comes_from(file: Path, clock: Clock, ids: list[str]) -> None:
    store = opened(file, clock)
    store.conversations.set_settings(ids[4], {"source": "codex", "project": "/home/ana/src/app"})
    store.close()
    app = ListApp(file, clock)
    async with running(app) as pilot:
        row = line_of(app, "Talk number 4")
        assert row is not None
        assert "codex · app" in frame(app, 30)[row + 1]
        app.sidebar.focus_filter()
        await pilot.press(*"from:c")
        await until(pilot, lambda: app.sidebar.filter._suggestion == "from:codex")
        await pilot.press("right")
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 1)
        app.sidebar.focus()
        await pilot.press("o")
        assert app.posted[-1] == ("resume", ids[4])

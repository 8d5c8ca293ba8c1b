"""Search while one types: results, states, and what Enter returns."""

from __future__ import annotations

import threading
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from lists import Clock, ListApp, fill, frame, line_of, running, until
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input

from sterna.storage import Hit, SavedSearches, Search, SearchHistory, Store, StoreError
from sterna.tui.dialogs.name_search import NameSearch
from sterna.tui.dialogs.panels import Field
from sterna.tui.search import SearchScreen
from sterna.tui.search.drawing import highlighted

TALKS = (
    (1.0, "Plan a week in Lisbon", "Go by train and stay near the river."),
    (30.0, "Which bird flies furthest", "The arctic tern: from pole to pole, past Lisbon."),
    (24.0 * 50, "[/x] markup [@click=app.quit]", "A \x1b[31mred\x1b[0m river of [b]lava[/b]."),
)


SIZES = [(80, 24), (100, 48)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "me.db"


async def open_search(app: ListApp, pilot: Pilot[Any], session_id: str | None = None) -> SearchScreen:
    screen = SearchScreen(app.store, conversation_id=session_id, clock=app.clock)
    await app.push_screen(screen, app.keep_result)
    await until(pilot, lambda: app.screen is screen and screen.field.has_focus)
    return screen


def note(app: ListApp) -> str:
    """Everything on the screen, the line that says how things stand among it."""
    return " ".join(" ".join(frame(app)).split())


async def test_results_have_a_title_a_time_a_speaker_and_the_words_around_the_match(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        assert "Type to search everything." in note(app)
        await pilot.press(*"lis")
        await until(pilot, lambda: "4 results" in note(app) or "3 results" in note(app))
        shown = "\n".join(frame(app))
        assert "Plan a week in Lisbon" in shown
        assert "11:00" in shown
        assert "Conversation" in shown
        assert "Reply: The arctic tern: from pole to pole, past Lisbon." in shown
        assert "You: Plan a week in Lisbon" in shown
        assert "Fri 06:00" in shown


@pytest.mark.parametrize("size", SIZES)
async def test_enter_returns_the_highlighted_result(file: Path, clock: Clock, size: tuple[int, int]) -> None:
    ids = fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, size) as pilot:
        await open_search(app, pilot)
        await pilot.press(*"river")
        await until(pilot, lambda: "2 results" in note(app))
        newest, older = await app.store.run(Search.search, "river")
        await pilot.press("down", "up", "down", "down", "enter")
        await until(pilot, lambda: app.result != "nothing yet")
        assert app.result == older != newest
        assert older.session_id in ids


async def test_enter_before_the_answer_waits_for_what_is_typed(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        screen = await open_search(app, pilot)
        screen.field.value = "pole"
        screen.field.post_message(screen.field.Submitted(screen.field, "pole"))
        await until(pilot, lambda: app.result != "nothing yet")
        assert isinstance(app.result, Hit)
        assert app.result.session_id == ids[1]


async def test_a_burst_of_keys_is_answered_once_and_closes_one_screen(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(file, clock, *TALKS)
    asked: list[str] = []
    original = Search.search

    @wraps(original)
    def search(store: Store, text: str, **options: Any) -> list[Hit]:
        asked.append(text)
        return original(store, text, **options)

    monkeypatch.setattr(Search, "search", search)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        screen = await open_search(app, pilot)
        await app.workers.wait_for_complete()
        for end in range(1, len("furthest") + 1):  # no worker begins between two of these
            screen.search_typed(Input.Changed(screen.field, "furthest"[:end]))
        screen.choose_highlighted()
        await until(pilot, lambda: app.result != "nothing yet")
        await pilot.pause()
        assert isinstance(app.result, Hit)
        assert app.result.session_id == ids[1]
        assert (asked, len(app.screen_stack)) == (["furthest"], 1)


async def test_a_click_returns_a_result_and_escape_none(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        await pilot.press(*"pole")
        await until(pilot, lambda: "1 result" in note(app))
        line = line_of(app, "Reply:")
        assert line is not None
        await pilot.click(offset=(30, line))
        await until(pilot, lambda: isinstance(app.result, Hit))
        app.result = "nothing yet"
        await open_search(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.result is None)


async def test_the_last_search_is_there_again_and_typed_over(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        await pilot.press(*"river", "escape")
        await until(pilot, lambda: app.result is None)
        screen = await open_search(app, pilot)
        assert screen.field.value == "river"
        await until(pilot, lambda: "2 results" in note(app))
        await pilot.press(*"pole")
        assert screen.field.value == "pole"
        await until(pilot, lambda: "1 result" in note(app))
    other = ListApp(file, clock)
    async with running(other, (80, 24)) as pilot:
        assert (await open_search(other, pilot)).field.value == ""


async def test_nothing_found_is_said(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        await pilot.press(*"xylophone")
        await until(pilot, lambda: "No matches for “xylophone”." in note(app))
        await pilot.press("home", "~")
        await until(pilot, lambda: "No matches for “~xylophone”. The search by meaning is off." in note(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: any("Turn it on in the settings" in each.message for each in app._notifications))
        await pilot.press("home", "delete")
        await until(pilot, lambda: "No matches for “xylophone”." in note(app))
        await pilot.press("enter")
        assert app.result == "nothing yet"


async def test_only_this_conversation(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot, ids[2])
        await pilot.press(*"river")
        await until(pilot, lambda: "2 results" in note(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "1 result in this conversation" in note(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.result, Hit))
        assert isinstance(app.result, Hit)
        assert app.result.session_id == ids[2]


async def test_what_was_typed_over_is_never_asked_and_a_slow_answer_is_said(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(file, clock, *TALKS)
    asked: list[str] = []
    gate = threading.Event()
    original = Search.search

    @wraps(original)
    def search(store: Store, text: str, **options: Any) -> list[Hit]:
        asked.append(text)
        assert gate.wait(10)
        return original(store, text, **options)

    monkeypatch.setattr(Search, "search", search)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        try:
            await pilot.press("r")
            await until(pilot, lambda: asked == ["r"])
            await pilot.press(*"iver")
            await until(pilot, lambda: "Searching…" in note(app))
        finally:
            gate.set()
        await until(pilot, lambda: "2 results" in note(app))
        assert asked == ["r", "river"]


async def test_a_store_that_fails_says_why(file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(store: Store, text: str, **options: Any) -> list[Hit]:
        raise StoreError("The disk went away. Plug it in again.")

    fill(file, clock, *TALKS)
    monkeypatch.setattr(Search, "search", search)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        await pilot.press("r")
        await until(pilot, lambda: "The disk went away. Plug it in again." in note(app))


async def test_hostile_text_is_shown_as_it_is_at_any_size(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        await pilot.press(*"lava")
        await until(pilot, lambda: line_of(app, "[/x] markup [@click=app.quit]") is not None)
        assert line_of(app, "[b]lava[/b]") is not None
        for size in ((40, 12), (12, 6), (160, 48), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await until(pilot, lambda: line_of(app, "[/x] markup [@click=app.quit]") is not None)
        assert "\x1b" not in "".join(frame(app))


def test_only_what_stands_between_the_marks_is_highlighted() -> None:
    content = highlighted("one \x02two\x03 [b]three[/b] \x02four\x03")
    assert content.plain == "one two [b]three[/b] four"
    lit = [content.plain[span.start : span.end] for span in content.spans if "underline" in str(span.style)]
    assert lit == ["two", "four"]
    assert highlighted("\x03odd\x02 \x02\x02x\x03").plain == "odd x"
    assert isinstance(highlighted(""), Content)


async def noted(app: ListApp) -> list[str]:
    return await app.store.run(SearchHistory.recent)


async def test_what_was_looked_for_is_offered_again_and_can_be_forgotten(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        for word in ("river", "pole"):
            screen = await open_search(app, pilot)
            screen.field.value = ""
            await pilot.press(*word)
            await until(pilot, lambda: "result" in note(app))
            await pilot.press("enter")
            await until(pilot, lambda: app.result != "nothing yet")
            app.result = "nothing yet"
        screen = await open_search(app, pilot)
        screen.field.value = ""
        await until(pilot, lambda: "Recent searches." in note(app))
        assert [line.strip(" ▌│") for line in frame(app) if line.strip(" ▌│") in ("pole", "river")] == [
            "pole",
            "river",
        ]
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.field.value == "river" and "2 results" in note(app))
        screen.field.value = ""
        await until(pilot, lambda: "Recent searches." in note(app))
        await pilot.press("down", "shift+delete")
        await until(pilot, lambda: "river" not in note(app))
        assert await noted(app) == ["pole"]


async def test_a_word_on_the_way_to_another_is_not_what_was_looked_for(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        await open_search(app, pilot)
        await pilot.press(*"rive")
        await until(pilot, lambda: "2 results" in note(app))
        monkeypatch.setattr("sterna.tui.search.screen.SETTLED_SECONDS", 0.05)
        await pilot.press("r")
        for _ in range(500):
            if await noted(app):
                break
            await pilot.pause(0.02)
        assert await noted(app) == ["river"]
        row = await app.store.run(lambda store: store.db.rows("select * from search_sessions")[0])
        assert (row["results_count"], row["status"]) == (2, "completed")
        assert await app.store.run(lambda store: store.search_history.get_user_stats()["total_searches"]) == 1


async def test_an_answer_that_comes_while_the_screen_is_taken_away_is_shown_to_nobody(file: Path, clock: Clock) -> None:
    """The list goes first; what is still being read then must not end the program."""
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        screen = await open_search(app, pilot)
        await until(pilot, lambda: not screen._is_searching)
        await screen.query_one("#chooser").remove()
        screen._search()
        await until(pilot, lambda: not screen._is_searching)
        screen._show_status()
        await pilot.pause()
        assert app._exception is None


async def test_a_search_is_saved_offered_first_renamed_deleted_and_brought_back(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        screen = await open_search(app, pilot)
        await app.store.run(SearchHistory.record, "pole", [])
        await app.store.run(SavedSearches.save, "two", "lake")
        await pilot.press(*"river", "ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, NameSearch) and isinstance(app.focused, Field))
        await pilot.press(*"two", "space", "w", "enter")
        await until(pilot, lambda: "A name has up to 40 letters" in note(app))
        await pilot.press("backspace", "backspace", "enter")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: any("It was “lake”; ctrl+_" in each.message for each in app._notifications))
        screen.field.value = ""
        await until(pilot, lambda: note(app).find("@two river") in range(note(app).find("pole")))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, NameSearch) and app.screen.query_one(Input).value == "two")
        await pilot.press("end", *"fold", "enter")
        await until(pilot, lambda: app.screen is screen and "@twofold river" in note(app))
        await pilot.press("shift+delete")
        await until(pilot, lambda: "@twofold" not in note(app).partition("Deleted")[0])
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: "@twofold river" in note(app))
        await pilot.press("enter")
        await until(pilot, lambda: "2 results" in note(app))
        assert screen.field.value == "river"
        screen.field.value = "@TWOFOLD"
        await until(pilot, lambda: "2 results" in note(app))
        assert screen.words == "river"
        screen.field.value = "@tw"
        await until(pilot, lambda: screen.field._suggestion == "@twofold")


async def test_a_condition_that_means_nothing_is_said_with_what_is_allowed(file: Path, clock: Clock) -> None:
    fill(file, clock, *TALKS)
    app = ListApp(file, clock)
    async with running(app, (80, 24)) as pilot:
        screen = await open_search(app, pilot)
        screen.field.value = "river has:foo"
        await until(pilot, lambda: "has: takes code, attachment" in note(app))
        screen.field.value = "river has:co"
        await until(pilot, lambda: "No matches" in note(app))
        await pilot.press("escape")
        app.sidebar.filter.value = "is:foo"
        await until(pilot, lambda: "is: takes pinned" in note(app))

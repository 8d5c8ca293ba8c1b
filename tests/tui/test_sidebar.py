"""What a person does with the list of conversations."""

from __future__ import annotations

from datetime import timedelta
from functools import wraps
from pathlib import Path

import pytest
from lists import Clock, ListApp, fill, frame, hours, line_of, running, talk, titles, until
from textual.binding import Binding
from textual.geometry import Offset
from textual.widgets import Input

from sterna.storage import Conversations, LiveReplies, Settled, Store, Trash
from sterna.tui.sidebar import Sidebar

WORDS = [f"Talk number {number}" for number in range(20)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "me.db"


def cursor_line(app: ListApp) -> str:
    """The title of the row that carries the cursor's sign."""
    return next((line[3:22].strip() for line in frame(app, 30) if line.startswith("›")), "")


async def test_the_list_at_30_columns(file: Path, clock: Clock) -> None:
    ids = fill(
        file,
        clock,
        (1, "Plan a week in Lisbon", "Go by train and stay near the river."),
        (20, "日本語の勉強方法について教えてください", "はい。"),
        (24 * 4, "[/x] markup [@click=app.quit]", "[b]not[/b] bold"),
        (24 * 40, "\x1b[31mOld\x1b[0m", "A\x9b2Jnswer"),
    )
    app = ListApp(file, clock)
    async with running(app, (60, 20)) as pilot:
        app.sidebar.selected = ids[1]
        await until(pilot, lambda: "▎" in frame(app)[7])
        assert frame(app, 30)[:17] == [
            "   / filter 4",
            "",
            "   Today",
            "   Plan a week in Lis… 11:00",
            "   Go by train and st… small",
            "",
            "   Yesterday",
            "▎  日本語の勉強方法に… 16:00",
            "▎  はい。              small",
            "",
            "   Tuesday",
            "   [/x] markup [@clic… 12:00",
            "   [b]not[/b] bold     small",
            "",
            "   October 2026",
            "   [31mOld[0m         12 Oct",
            "   A2Jnswer            small",
        ]


async def test_the_list_at_40_columns_with_every_mark_in_ascii(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(["Arriving", "Unread", "Failed", "Quiet"]))
    app = ListApp(file, clock, width=40)
    async with running(app, (40, 16)) as pilot:

        def mark(store: Store) -> None:
            store.live_replies.begin_turn(ids[0], "More", model="test/small")
            for session_id, settled in (
                (ids[1], Settled("done", "News.")),
                (ids[2], Settled("failed", "", error_message="No route.")),
            ):
                store.live_replies.settle(
                    store.live_replies.begin_turn(session_id, "More", model="test/small").reply.id, settled
                )
            store.conversations.mark_read(ids[2])

        await app.store.run(mark)
        app.sidebar.ascii = True
        app.sidebar.signed_in = True
        await app.sidebar.reload()
        app.sidebar.focus()
        await pilot.pause()
        shown = "\n".join(frame(app, 40))
        assert shown.isascii()
        assert "~ Arriving" in shown
        assert "replying" in shown
        assert "* Unread" in shown
        assert "x Failed" in shown
        assert "failed" in shown
        assert "^ News." in shown
        assert any(line.startswith(">") for line in frame(app, 40))


async def test_keys_move_the_cursor_and_enter_opens(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        for keys, place in (
            ("j j", 2), ("k", 1), ("down", 2), ("up", 1), ("G", 19), ("end", 19), ("g", 0), ("home", 0),
            ("pagedown", 11), ("pageup", 0), ("ctrl+d", 6), ("ctrl+u", 0), ("k", 0),
        ):  # fmt: skip
            await pilot.press(*keys.split())
            assert app.sidebar.rows.cursor == place, keys
            await until(pilot, lambda place=place: cursor_line(app) == WORDS[place])  # type: ignore[misc]
        await pilot.press("j", "enter")
        await until(pilot, lambda: app.posted)
        assert app.posted == [("opened", ids[1])]


async def test_the_cursor_is_shown_only_while_keys_go_to_the_list(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await until(pilot, lambda: cursor_line(app) == WORDS[0])
        app.query_one("#elsewhere").focus()
        await until(pilot, lambda: cursor_line(app) == "")


async def test_a_click_opens_and_a_heading_does_nothing(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS[:5]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        await pilot.click("Rows", offset=Offset(5, 0))
        await pilot.click("Rows", offset=Offset(5, 4))
        await until(pilot, lambda: app.posted)
        assert app.posted == [("opened", ids[1])]
        assert app.sidebar.rows.cursor == 1


async def test_the_row_under_the_pointer_is_lit(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS[:5]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        rows = app.sidebar.rows
        plain = rows.render_line(3)
        await pilot.hover("Rows", offset=Offset(5, 3))
        assert rows.hover == 1
        assert rows.render_line(3) != plain
        await pilot.hover("#elsewhere")
        await until(pilot, lambda: rows.hover is None)


async def test_delete_asks_the_parent(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("j", "d")
        await pilot.press("delete")
        await until(pilot, lambda: len(app.posted) == 2)
        assert app.posted == [("deleted", ids[1])] * 2


async def test_the_row_under_the_cursor_stays_where_it_is_when_another_moves_to_the_top(
    file: Path, clock: Clock
) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("j", "j", "j")
        before = line_of(app, WORDS[3])
        await app.store.run(LiveReplies.begin_turn, ids[15], "More", model="test/small")
        await app.sidebar.reload()
        await until(pilot, lambda: cursor_line(app) == WORDS[3])
        assert line_of(app, WORDS[3]) == before
        assert app.sidebar.rows.cursor == 4
        await pilot.press("g")
        await until(pilot, lambda: cursor_line(app) == WORDS[15])


async def test_the_other_rows_stay_when_the_one_under_the_cursor_moves_to_the_top(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press(*"jjjjjjjjjjjj")
        await until(pilot, lambda: cursor_line(app) == WORDS[12])
        before = line_of(app, WORDS[10])
        await app.store.run(LiveReplies.begin_turn, ids[12], "More", model="test/small")
        await app.sidebar.reload()
        await pilot.pause()
        assert app.sidebar.rows.cursor == 0
        assert app.sidebar.rows.cursor_id == ids[12]
        assert line_of(app, WORDS[10]) == before


async def test_without_attention_the_open_conversation_stays_in_view(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.query_one("#elsewhere").focus()
        app.sidebar.selected = ids[15]
        await until(pilot, lambda: line_of(app, WORDS[15]) is not None)
        await app.store.run(LiveReplies.begin_turn, ids[15], "More", model="test/small")
        await app.sidebar.reload()
        await until(pilot, lambda: line_of(app, WORDS[15]) == 3)


async def test_the_cursor_keeps_its_place_when_its_conversation_is_deleted(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("j", "j")
        await app.store.run(Trash.delete_conversation, ids[2])
        await app.sidebar.reload()
        await until(pilot, lambda: cursor_line(app) == WORDS[3])
        assert app.sidebar.rows.cursor == 2


async def test_deleting_everything_leaves_a_sentence(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await app.store.run(Trash.clear_all)
        await app.sidebar.reload()
        await until(pilot, lambda: "No conversations yet." in "\n".join(frame(app)))
        await pilot.press("j", "G", "enter", "d", "r")
        assert app.posted == []


async def test_typing_filters_and_enter_opens_the_first_match(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours([*WORDS, "Sourdough with rye"]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("j", "j", "slash", *"SOUR")
        await until(pilot, lambda: "Sourdough" in frame(app)[2])
        assert WORDS[0] not in titles(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.posted)
        assert app.posted == [("opened", ids[20])]


async def test_enter_opens_what_is_typed_by_then_not_what_was_shown_before(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours([*WORDS, "Sourdough with rye"]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        field = app.sidebar.filter
        field.value = "sour"
        field.post_message(Input.Submitted(field, "sour"))
        await until(pilot, lambda: app.posted)
        assert app.posted == [("opened", ids[20])]


async def test_arrows_move_while_the_filter_has_the_focus(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus_filter()
        await pilot.press(*"number 1")
        await until(pilot, lambda: cursor_line(app) == WORDS[1])
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.posted)
        assert app.posted == [("opened", ids[10])]


async def test_escape_clears_the_filter_and_the_cursor_keeps_its_conversation(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus_filter()
        await pilot.press(*"number 18")
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 1)
        await pilot.press("escape")
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 20)
        await until(pilot, lambda: cursor_line(app) == WORDS[18])
        assert app.sidebar.filter.value == ""
        assert app.sidebar.rows.has_focus


async def test_a_filter_that_matches_nothing_says_so(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus_filter()
        await pilot.press(*"nowhere")
        await until(pilot, lambda: "No matches." in frame(app)[2])
        await pilot.press("enter", "down")
        assert app.posted == []


async def test_a_title_is_changed_exactly_in_its_place(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("j", "j", "r")
        await until(pilot, lambda: app.sidebar.title.has_focus)
        line = line_of(app, WORDS[2])
        assert line is not None
        assert (app.sidebar.title.region.x, app.sidebar.title.region.y) == (3, line)
        assert app.sidebar.title.region.right < 30
        await pilot.press(*"Lisbon", "enter")
        await until(pilot, lambda: app.posted)
        assert app.posted == [("renamed", ids[2], "Lisbon")]
        assert not app.sidebar.title.display
        assert app.sidebar.rows.has_focus
        await until(pilot, lambda: line_of(app, "Lisbon") == line)


@pytest.mark.parametrize("keys", [["escape"], ["enter"], ["ctrl+u", "enter"], ["ctrl+u", "space", "space", "enter"]])
async def test_a_title_stays_when_nothing_new_is_submitted(file: Path, clock: Clock, keys: list[str]) -> None:
    fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("r")
        await until(pilot, lambda: app.sidebar.title.has_focus)
        await pilot.press(*keys)
        await until(pilot, lambda: app.sidebar.rows.has_focus)
        assert app.posted == []
        assert line_of(app, WORDS[0]) is not None


async def test_what_is_typed_in_a_title_survives_a_reload_and_moves_with_its_row(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("j", "j", "r")
        await until(pilot, lambda: app.sidebar.title.has_focus)
        await pilot.press(*"Half a ti")
        await app.store.run(LiveReplies.begin_turn, ids[2], "More", model="test/small")
        await app.sidebar.reload()
        await until(pilot, lambda: app.sidebar.rows.cursor == 0)
        await pilot.press(*"tle", "enter")
        await until(pilot, lambda: app.posted)
        assert app.posted == [("renamed", ids[2], "Half a title")]


async def test_scrolling_away_keeps_the_field_in_view(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app, (60, 14)) as pilot:
        app.sidebar.focus()
        await pilot.press("r")
        await until(pilot, lambda: app.sidebar.title.has_focus)
        app.sidebar.rows.jump_to(20)
        await until(pilot, lambda: app.sidebar.title.region.y == app.sidebar.rows.region.y)


async def test_the_field_closes_with_a_sentence_when_its_conversation_is_deleted(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.start_rename(ids[1])
        await until(pilot, lambda: app.sidebar.title.has_focus)
        await app.store.run(Trash.delete_conversation, ids[1])
        await app.sidebar.reload()
        await until(pilot, lambda: not app.sidebar.title.display)
        await until(pilot, lambda: app._notifications)
        assert [note.message for note in app._notifications] == ["That conversation no longer exists."]
        assert app.posted == []


async def test_going_elsewhere_keeps_what_was_typed(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("r")
        await until(pilot, lambda: app.sidebar.title.has_focus)
        await pilot.press(*"Mine")
        app.query_one("#elsewhere").focus()
        await until(pilot, lambda: app.posted)
        assert app.posted == [("renamed", ids[0], "Mine")]
        assert app.query_one("#elsewhere").has_focus


async def test_the_open_conversation_is_renamed_wherever_it_is_even_behind_a_filter(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours([*WORDS, "Sourdough with rye"]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.selected = ids[19]
        app.sidebar.focus_filter()
        await pilot.press(*"sour")
        await until(pilot, lambda: app.sidebar.rows.lines.rows == 1)
        app.query_one("#elsewhere").focus()
        app.sidebar.start_rename()
        await until(pilot, lambda: app.sidebar.title.has_focus)
        assert app.sidebar.title.value == WORDS[19]
        assert app.sidebar.title.conversation_id == ids[19]


async def test_keys_for_the_list_are_letters_in_a_title(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS[:3]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        app.sidebar.focus()
        await pilot.press("r")
        await until(pilot, lambda: app.sidebar.title.has_focus)
        await pilot.press("j", "G", "d", "slash", "down", "pagedown")
        assert app.sidebar.title.value == "jGd/"
        assert app.sidebar.rows.cursor == 0


async def test_many_changes_at_once_are_read_once(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        counted: list[str] = []
        original = Conversations.count

        @wraps(original)
        def session_count(store: Store, text: str = "") -> int:
            counted.append(text)
            return original(store, text)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Conversations, "count", session_count)
            for _ in range(20):
                app.sidebar.run_worker(app.sidebar.reload())
            await app.sidebar.reload()
            await pilot.pause()
        assert 1 <= len(counted) <= 2


async def test_midnight_moves_the_headings(file: Path, clock: Clock) -> None:
    fill(file, clock, *hours(WORDS[:2]))
    app = ListApp(file, clock)
    async with running(app) as pilot:
        assert line_of(app, "Today") == 2
        clock.at += timedelta(days=1)
        app.sidebar.check_day()
        await until(pilot, lambda: line_of(app, "Yesterday") == 2)


async def test_the_list_is_drawn_before_the_store_is_open_and_fits_any_size(file: Path, clock: Clock) -> None:
    store = Store.open(file, clock=clock)
    talk(store, clock, timedelta(hours=1), "Terns")
    store.close()
    app = ListApp(file, clock, width=40)
    async with app.run_test(size=(40, 12)) as pilot:
        assert frame(app)[2] == ""
        app.sidebar.focus()
        await pilot.press("j", "G", "enter", "d", "r")
        await app.store.start()
        await app.sidebar.reload()
        for size in ((40, 3), (20, 24), (5, 5), (100, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await until(pilot, lambda: line_of(app, "Terns") is not None)
        await app.store.close()


async def test_a_hidden_list_shows_its_cursor_when_it_comes_back(file: Path, clock: Clock) -> None:
    ids = fill(file, clock, *hours(WORDS))
    app = ListApp(file, clock, hidden=True)
    async with running(app, (60, 14)) as pilot:
        app.sidebar.selected = ids[12]
        await until(pilot, lambda: app.sidebar.rows.cursor == 12)
        app.sidebar.display = True
        await until(pilot, lambda: line_of(app, WORDS[12]) is not None)
        app.sidebar.start_rename()
        await until(pilot, lambda: app.sidebar.title.has_focus)
        line = line_of(app, WORDS[12])
        assert line is not None
        assert app.sidebar.title.region.y == line


def test_every_key_of_the_list_can_be_remapped_and_says_what_it_does() -> None:
    for binding in Sidebar.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.id
        assert binding.description
        assert hasattr(Sidebar, f"action_{binding.action.partition('(')[0]}")

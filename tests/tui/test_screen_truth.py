"""What the main screen says about the open conversation, the list, the keys and what has just happened."""

from __future__ import annotations

import pytest
from home import Home, frame, open_title, until, write

from sterna.providers import Delta, Failed, FailureKind
from sterna.storage import Privacy
from sterna.tui.actions.bindings import BY_ID
from sterna.tui.prompt import slash_commands

SIZE = (100, 30)


async def test_a_stop_by_the_person_is_said_in_neutral_words(home: Home) -> None:
    home.model.hold()
    home.model.say("Half of it.", "Never seen.")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "How many?")
        await pilot.press("enter")
        await until(pilot, lambda: "Half" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: "(stopped)" in frame(app))
        assert [notice.message for notice in app._notifications] == ["Stopped. Partial reply saved."]
        assert "failed" not in frame(app)
        assert "✗" not in frame(app)


async def test_a_stop_before_anything_came_does_not_claim_that_something_was_saved(home: Home) -> None:
    home.model.hold()
    home.model.say([Delta(""), Delta("late")])
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "How many terns are there?")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.live_reply is not None and home.model.requests)
        assert app.main.heading.content.plain == "How many terns are there?"  # type: ignore[union-attr]
        await pilot.press("escape")
        await until(pilot, lambda: "(stopped)" in frame(app))
        assert [notice.message for notice in app._notifications] == ["Stopped."]
        await until(pilot, lambda: frame(app).count("How many terns are") >= 3)  # list, heading, message
        assert "failed" not in frame(app)
        assert "New Chat" not in frame(app)


async def test_a_conversation_whose_first_reply_failed_is_named_after_its_question(home: Home) -> None:
    home.model.say([Failed(FailureKind.NETWORK, "The network is down.")])
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "Which birds migrate furthest?")
        await pilot.press("enter")
        await until(pilot, lambda: "network is down" in frame(app))
        await until(pilot, lambda: app.main.heading.content.plain == "Which birds migrate furthest?")  # type: ignore[union-attr]
        assert "New Chat" not in frame(app)


@pytest.mark.parametrize("width", [60, 100, 160])
async def test_a_long_title_is_cut_where_the_room_ends(home: Home, width: int) -> None:
    home.seed(("Which of all the birds that cross the equator twice a year " * 3, "Terns."))
    app = home.app()
    async with app.run_test(size=(width, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press("alt+down")
        await until(pilot, lambda: app.main.conversation.id is not None)
        await until(pilot, lambda: "Which of all" in frame(app).splitlines()[0])
        heading = frame(app).splitlines()[0][app.main.heading.region.x :].strip()
        assert heading.endswith("…")
        assert len(heading) > app.main.heading.content_size.width - 12


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_prompt_and_text_share_one_column(shelf: Home, width: int) -> None:
    app = shelf.app()
    async with app.run_test(size=(width, 40)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: "You" in frame(app))
        (asked,) = (view for view in app.main.transcript.query(".-user"))
        lines = frame(app).splitlines()
        prompt = app.main.prompt.region
        assert lines[asked.region.y + 1].index("How do terns", prompt.x) == lines[prompt.y + 1].index("Write a")
        room = app.main.transcript.size.width
        assert prompt.width == min(room, 108)
        assert asked.region.right == min(prompt.right, app.main.transcript.messages.scrollable_content_region.right)


async def test_the_status_line_has_the_keys_of_the_field_with_the_focus(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        status = lambda: frame(app).splitlines()[-1]  # noqa: E731
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "d delete" in status())
        await pilot.press("slash")
        await until(pilot, lambda: "esc clear filter" in status())
        assert "delete" not in status()
        await pilot.press("escape", "r")
        await until(pilot, lambda: "enter save" in status() and "esc cancel" in status())
        await pilot.press("escape")
        await until(pilot, lambda: "enter save" not in status())


async def test_a_filter_ends_with_its_use_and_is_never_out_of_sight(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press("ctrl+o", "slash")
        await write(pilot, "boat")
        await until(pilot, lambda: app.main.sidebar.rows.lines.rows == 1)
        assert app.main.sidebar.filter.has_class("-active")
        await pilot.press("enter")
        await until(pilot, lambda: "boat" in open_title(app))
        await until(pilot, lambda: app.main.sidebar.rows.lines.rows == 5)
        assert app.main.sidebar.filter.value == ""
        assert app.main.sidebar.rows.cursor_id == app.main.conversation.id
        await pilot.press("ctrl+o", "slash")
        await write(pilot, "WAL")
        await until(pilot, lambda: app.main.sidebar.rows.lines.rows == 1)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: not app.main.sidebar.display and not app.main.sidebar.filter.value)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.main.sidebar.rows.lines.rows == 5)


async def test_after_clear_all_and_undo_the_same_conversation_is_open(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.context.ready.is_set() and app.main.sidebar.rows.pages)
        app.main.navigation.go_to(app.main.sidebar.rows.pages[0][3].id)
        await until(pilot, lambda: "SQLite WAL" in open_title(app))
        was = app.main.conversation.id
        await pilot.press("shift+f8")
        await until(pilot, lambda: "Delete all 5" in frame(app))
        await write(pilot, "clear")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id is None and app.screen is app.main)
        await until(pilot, lambda: any("undoes" in notice.message for notice in app._notifications))
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: app.main.conversation.id == was)


async def test_a_draft_and_a_private_conversation_are_marked_in_the_list(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.context.ready.is_set() and app.main.sidebar.rows.pages)
        await app.context.store.run(Privacy.set_private, app.main.sidebar.rows.pages[0][1].id, True)
        await until(pilot, lambda: "⌂ Sterna" in frame(app) and "private" in frame(app))
        await write(pilot, "half a thought")
        await pilot.press("alt+down")
        await until(pilot, lambda: " draft" in frame(app))
        await pilot.press("alt+up")
        await until(pilot, lambda: app.main.prompt.text == "half a thought")
        app.main.prompt.text = ""
        await pilot.press("alt+down")
        await until(pilot, lambda: " draft" not in frame(app))


async def test_a_click_on_the_model_chooses_one_and_on_the_title_renames(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.context.ready.is_set() and app.main.status.model)
        await pilot.click("#status", offset=(4, 0))
        await until(pilot, lambda: "Model" in frame(app) and "200k" in frame(app))
        await pilot.press("escape")
        await pilot.click("#heading", offset=(4, 0))
        await until(pilot, lambda: app.main.sidebar.title.has_focus)
        await pilot.press("escape")
        sync = frame(app).splitlines()[-1].index("local only")
        await pilot.click("#status", offset=(sync + 2, 0))
        await until(pilot, lambda: "Sync status" in frame(app))


async def test_notices_take_turns_over_the_status_line(shelf: Home) -> None:
    app = shelf.app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, app.context.ready.is_set)
        for number in range(5):
            app.notify(f"Notice {number}.")
        app.notify("Something is wrong.", severity="error")
        app.notify("And something else.")
        await until(pilot, lambda: "something else" in frame(app))
        assert [notice.message for notice in app._notifications] == ["Something is wrong.", "And something else."]
        await until(pilot, lambda: app.screen.query("Toast") and app.screen.query("Toast").first().region.height)
        assert all(toast.region.y >= 22 for toast in app.screen.query("Toast"))


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("/etc/hosts: what is it?", "/etc/hosts: what is it?"),
        ("//help", "/help"),
        ("/* a comment */", "/* a comment */"),
        ("what does /help do?", "what does /help do?"),
        ("/", "/"),
    ],
)
def test_a_slash_that_is_no_command_is_text(typed: str, sent: str) -> None:
    assert slash_commands.parse(typed) == slash_commands.Parsed(sent)


def test_every_command_runs_an_action_that_there_is() -> None:
    assert {command.action_id for command in slash_commands.COMMANDS if command.action_id} <= set(BY_ID)
    assert slash_commands.parse("/HELP ").action_id == "app.help"
    assert slash_commands.parse("/help me").question
    assert slash_commands.parse("/halp").question


async def test_a_command_is_run_and_an_unknown_one_is_asked_about(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, "/help")
        await pilot.press("enter")
        await until(pilot, lambda: "Start a new conversation" in frame(app))
        await pilot.press("escape")
        assert app.main.prompt.text == ""
        await write(pilot, "/halp")
        await pilot.press("enter")
        await until(pilot, lambda: "is not a command" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.prompt.text == "/halp"
        assert home.model.requests == []
        await pilot.press("enter")
        await until(pilot, lambda: "is not a command" in frame(app))
        await pilot.press("y")
        await until(pilot, lambda: home.model.requests)
        await until(pilot, lambda: app.main.conversation.id is not None)
        assert home.model.requests[0].messages[-1].content == "/halp"


@pytest.mark.parametrize("keys", [["ctrl+n"], ["up", "ctrl+n"], ["escape"], ["enter"]])
async def test_what_is_written_is_in_sight_where_the_list_lay_over_it(shelf: Home, keys: list[str]) -> None:
    app = shelf.app()
    async with app.run_test(size=(40, 14)) as pilot:
        await until(pilot, lambda: app.context.ready.is_set() and app.main.status.activity == "")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.main.has_class("-list") and app.main.sidebar.rows.pages)
        await pilot.press(*keys)
        await until(pilot, lambda: app.main.prompt.has_focus)
        await write(pilot, "half a thought")
        await until(pilot, lambda: "half a thought" in frame(app))

"""The line over the prompt: where one left off, and a question that was asked before."""

from __future__ import annotations

import pytest
from home import Home, frame, until, write

ASKED = "How far do arctic terns fly in a year?"
AGAIN = "how far does an arctic tern fly in one year"


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_start_says_where_one_left_off_and_how_to_begin_anew(home: Home, size: tuple[int, int]) -> None:
    home.seed(("hello", "Yes."))
    home.clock.forward(days=2)
    app = home.app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, app.context.ready.is_set)
        await pilot.press("alt+down")
        await until(pilot, lambda: app.main.conversation.id)
    home.clock.forward(days=400)
    app = home.app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "Left off on 14 March 2026   ctrl+n new" in frame(app))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "Left off" not in frame(app))


async def test_a_question_asked_before_is_named_and_opened_by_a_key(home: Home) -> None:
    old, _ = home.seed((ASKED, "About 70,000 km."), ("Names for a boat", "Sterna."))
    app = home.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, AGAIN)
        await pilot.press("enter")
        await until(pilot, lambda: f"Asked before, today at 12:00: {ASKED}   ctrl+x b open" in frame(app))
        await pilot.press("shift+f3")
        await until(pilot, lambda: app.main.conversation.id == old)
        await until(pilot, lambda: "Asked before" not in frame(app))
        assert "About 70,000 km." in frame(app)


async def test_the_line_goes_with_the_next_question(home: Home) -> None:
    home.seed((ASKED, "About 70,000 km."))
    app = home.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, AGAIN)
        await pilot.press("enter")
        await until(pilot, lambda: "Asked before" in frame(app))
        await write(pilot, "Who named them so?")
        await until(pilot, lambda: app.main.conversation.live_reply is None)
        await pilot.press("enter")
        await until(pilot, lambda: "Asked before" not in frame(app))


async def test_nothing_of_an_earlier_question_is_obeyed_by_the_terminal(home: Home) -> None:
    home.seed((f"\x1b[31m[/x] {ASKED}", "Far."))
    app = home.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, ASKED)
        await pilot.press("enter")
        await until(pilot, lambda: "[/x] How far" in frame(app))
        assert "\x1b" not in frame(app)


async def test_without_an_earlier_one_the_key_says_so_and_the_setting_turns_it_off(home: Home) -> None:
    home.seed((ASKED, "Far."))
    home.write_config("similar = false\n")
    app = home.app()
    async with app.run_test(size=(160, 24)) as pilot:
        await until(pilot, app.context.ready.is_set)
        await write(pilot, ASKED)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id and app.main.conversation.live_reply is None)
        await pilot.press("shift+f3")
        await until(pilot, lambda: any("No similar question" in one.message for one in app._notifications))

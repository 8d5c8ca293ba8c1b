"""Personas and earlier prompts, chosen on the screen."""

from __future__ import annotations

from home import SIZE, Home, frame, no_reply_runs, notices, opened, until, write
from textual import events
from textual.pilot import Pilot

from sterna.tui.app import SternaApp

COACH = "---\ndescription: Asks back\nmodel: test/large\ntemperature: 0.5\n---\nCoach {{who}}, today {{date}}.\n"


def add(home: Home, name: str, text: str) -> None:
    (home.folder / "personas").mkdir(exist_ok=True)
    (home.folder / "personas" / name).write_text(text)


def own_settings(home: Home, app: SternaApp) -> dict[str, object]:
    store = home.open()
    try:
        assert app.main.conversation.id is not None
        return store.conversations.settings(app.main.conversation.id)
    finally:
        store.close()


async def send(pilot: Pilot[int], app: SternaApp, text: str) -> None:
    await write(pilot, text)
    await pilot.press("enter")
    await until(pilot, lambda: app.main.conversation.id is not None and no_reply_runs(app))


async def test_a_persona_is_chosen_with_its_variables_and_is_sent_and_stored(home: Home) -> None:
    add(home, "coach.md", COACH)
    add(home, "bad.toml", "temperature = 9")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("alt+i")
        await until(pilot, lambda: "coach" in frame(app) and "bad.toml: temperature has to be" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Who" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: "needs a value for who" in frame(app))
        await pilot.press("A", "d", "a", "enter")
        await until(pilot, lambda: "Persona coach with test/large" in notices(app))
        await send(pilot, app, "hello")
        request = home.model.requests[0]
        assert (request.messages[0].content, request.model) == ("Coach Ada, today 2026-03-14.", "large")
        assert request.temperature == 0.5
        await until(pilot, lambda: "hello  coach" in frame(app))
        assert own_settings(home, app) == {
            "persona": "coach",
            "system_prompt": "Coach Ada, today 2026-03-14.",
            "model": "test/large",
            "temperature": 0.5,
        }
        await pilot.press("alt+i")
        await until(pilot, lambda: "No persona" in frame(app) and "current" in frame(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "no persona now" in notices(app))
        assert own_settings(home, app) == {"model": "test/large"}


async def test_a_system_prompt_of_ones_own_is_replaced_only_after_a_yes(home: Home) -> None:
    add(home, "brief.md", "Be brief.")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await send(pilot, app, "hello")
        await write(pilot, "/system Mine.")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.prompt.text == "")
        for key, prompt in (("n", "Mine."), ("y", "Be brief.")):
            await write(pilot, "/persona brief")
            await pilot.press("enter")
            await until(pilot, lambda: "system prompt of its own" in frame(app))
            await pilot.press(key)
            await until(pilot, lambda: app.screen is app.main)
            await until(pilot, lambda prompt=prompt: own_settings(home, app)["system_prompt"] == prompt)
            app.main.prompt.empty()
        await until(pilot, lambda: "hello  brief" in frame(app))
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: own_settings(home, app) == {"system_prompt": "Mine."})
        await until(pilot, lambda: "hello  brief" not in frame(app))


async def test_without_personas_it_says_where_they_go(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("alt+i")
        await until(pilot, lambda: str(home.folder / "personas") in notices(app))


async def test_an_earlier_prompt_of_any_conversation_is_found_and_what_is_written_comes_back(home: Home) -> None:
    home.seed(("Where do terns winter?", "South."), ("Name a gull", "Kittiwake."))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "half a thought")
        await pilot.press("alt+r")
        await until(pilot, lambda: app.screen is not app.main and "Name a gull" in frame(app))
        await write(pilot, "winter")
        await until(pilot, lambda: "Where do terns" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.prompt.text == "Where do terns winter?")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.prompt.text == "half a thought")
        assert home.model.requests[0].messages[-1].content == "Where do terns winter?"


async def test_a_letter_with_alt_runs_its_action_from_the_prompt_and_without_one_it_is_typed(home: Home) -> None:
    add(home, "coach.md", COACH)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        app.post_message(events.Key("alt+i", "i"))  # as a terminal's bytes are read
        await until(pilot, lambda: app.screen is not app.main and "coach" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.prompt.text == ""
        app.post_message(events.Key("alt+é", "é"))  # escape, and a letter right behind it
        await until(pilot, lambda: app.main.prompt.text == "\u00e9")

"""Keys that come all at once, as over a slow connection, do what they do one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from home import SIZE, Home, burst, opened, until
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from sterna.tui.app import SternaApp

BURSTS = {
    "teh backspace backspace he": "the",
    "one space two ctrl+w three": "one three",
    "wrong ctrl+u hello": "hello",
    "world home hello space": "hello world",
    "cd left left ab": "abcd",
    "abc left left left delete x": "xbc",
    "one space two ctrl+left six space": "one six two",
    "abc shift+left shift+left d": "ad",
}
"""Keys, and the text that they leave in an empty field."""

NAMED = {"backspace", "delete", "space", "left", "home"}


def keys_of(line: str) -> list[str]:
    """Return the keys of a line: names of keys, and words that are typed letter by letter."""
    words = line.split()
    return [key for word in words for key in ([word] if "+" in word or word in NAMED else word)]


FieldOf = Callable[[Pilot[int], SternaApp], Awaitable[TextArea | Input]]


async def prompt(pilot: Pilot[int], app: SternaApp) -> TextArea:
    await until(pilot, lambda: app.main.prompt.has_focus)
    return app.main.prompt


async def search(pilot: Pilot[int], app: SternaApp) -> Input:
    await pilot.press("ctrl+r")
    await until(pilot, lambda: isinstance(app.focused, Input))
    return app.screen.query_one(Input)


async def instructions(pilot: Pilot[int], app: SternaApp) -> TextArea:
    await pilot.press("f4")
    await until(pilot, lambda: app.screen is not app.main and bool(app.screen.query(TextArea)))
    field = app.screen.query_one(TextArea)
    field.focus()
    await until(pilot, lambda: field.has_focus)
    return field


@pytest.mark.parametrize("field_of", [prompt, search, instructions])
async def test_editing_keys_and_letters_are_taken_in_their_order(home: Home, field_of: FieldOf) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        field = await field_of(pilot, app)

        def text() -> str:
            return field.value if isinstance(field, Input) else field.text

        for line, expected in BURSTS.items():
            print(line)
            burst(app, *keys_of(line))
            await until(pilot, lambda expected=expected: text() == expected)
            burst(app, "end", *["backspace"] * 20)
            await until(pilot, lambda: text() == "")


async def test_a_burst_is_sent_as_it_was_typed(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        burst(app, *keys_of("teh backspace backspace he"), "enter", *"next")
        await until(pilot, lambda: home.model.requests)
        assert home.model.requests[0].messages[-1].content == "the"
        await until(pilot, lambda: app.main.prompt.text == "next")

"""Every editing key of the prompt, on a prompt of any length and wherever the cursor is."""

from __future__ import annotations

import pytest
from test_prompt import Writing
from textual.widgets import TextArea

KEYS = sorted(
    {bound.key.split(",")[0] for bound in TextArea.BINDINGS if "delete" in bound.action or "cut" in bound.action}  # type: ignore[union-attr]
    | {"ctrl+f"}
)
PLACES = (("", (0, 0)), ("abc", (0, 3)), ("one\ntwo", (1, 0)), ("one\n\ntwo\n", (3, 0)))


async def test_no_editing_key_fails_anywhere() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        prompt = app.prompt
        for key in KEYS:
            for text, place in PLACES:
                prompt.load_text(text)
                prompt.focus()
                prompt.move_cursor(place)
                await pilot.press(key, key, "x")
                assert prompt.text.count("x") == 1, (key, text, place)


@pytest.mark.parametrize(
    ("text", "place", "keys", "left"),
    [
        ("", (0, 0), ["ctrl+k"], ""),
        ("", (0, 0), ["ctrl+x"], ""),
        ("abc", (0, 3), ["ctrl+x"], ""),
        ("abc", (0, 1), ["ctrl+k"], "a"),
        ("abc", (0, 3), ["ctrl+k", "delete", "ctrl+d"], "abc"),
        ("abc", (0, 3), ["ctrl+shift+k"], ""),
        ("abc", (0, 0), ["backspace", "ctrl+w", "ctrl+u"], "abc"),
        ("one\ntwo", (0, 0), ["ctrl+x", "ctrl+x"], ""),
        ("one\ntwo", (1, 0), ["ctrl+x"], "one\n"),
        ("one\n\ntwo", (1, 0), ["ctrl+k"], "one\ntwo"),
        ("one\ntwo", (1, 0), ["backspace"], "onetwo"),
        ("one\ntwo", (0, 3), ["delete"], "onetwo"),
    ],
)
async def test_what_is_deleted_ends_at_the_end_of_the_text(
    text: str, place: tuple[int, int], keys: list[str], left: str
) -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.prompt.load_text(text)
        app.prompt.move_cursor(place)
        await pilot.press(*keys)
        assert app.prompt.text == left


async def test_edits_outside_the_text_are_made_at_its_ends() -> None:
    app = Writing()
    async with app.run_test():
        app.prompt.load_text("one\ntwo")
        app.prompt.insert("!", (9, 9))
        app.prompt.insert("?", (0, 99))
        app.prompt.insert("-", (-1, 0))
        assert app.prompt.text == "-one?\ntwo!"

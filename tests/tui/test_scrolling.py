"""The messages are scrolled while one writes, and a mark leads back to the newest."""

from __future__ import annotations

from home import SIZE, Home, frame, notices, until, write
from test_typeahead import in_conversation


async def test_page_keys_scroll_the_messages_while_one_writes(home: Home) -> None:
    home.seed(("first words", "\n\n".join(f"line {number}" for number in range(100))))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await write(pilot, "draft")
        await until(pilot, lambda: "line 99" in frame(app) and "newest message" not in frame(app))
        await pilot.press("pageup")
        await until(pilot, lambda: "line 99" not in frame(app) and "↓ newest message  ctrl+end" in frame(app))
        await pilot.press("pagedown")
        await until(pilot, lambda: "line 99" in frame(app) and "newest message" not in frame(app))
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "first words" in frame(app).split("\n", 4)[-1] and "newest" in frame(app))
        await pilot.click("#transcript-new")
        await until(pilot, lambda: "line 99" in frame(app))
        await pilot.press("ctrl+home", "ctrl+end")
        await until(pilot, lambda: "line 99" in frame(app))
        await pilot.press("!")
        assert app.main.prompt.text == "draft!"


async def test_what_is_copied_is_told_with_where_it_is(home: Home) -> None:
    home.environ["TERM"] = "dumb"
    home.seed(("question", "the reply"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+g", "c")
        await until(pilot, lambda: f"Copied message to {home.folder / 'copied.txt'}." in notices(app))
        assert (home.folder / "copied.txt").read_text("utf-8") == "the reply"

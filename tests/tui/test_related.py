"""Related conversations of the open one, listed and opened."""

from __future__ import annotations

from branch_history import add_conversation
from home import SIZE, Home, until
from test_typeahead import in_conversation

from sterna.tui.main.reading_pane import ReadingPane
from sterna.tui.search.related import RelatedScreen


async def test_related_conversations_are_listed_best_first_and_opened(home: Home) -> None:
    add_conversation(home, "How is bread baked?")
    best = add_conversation(home, "Which birds nest in the sand?", answer=lambda _: "Terns nest there.")
    add_conversation(home, "How do terns feed their young?")
    first = add_conversation(home, "Where do terns nest in the sand?")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        assert app.main.conversation.id == first
        await pilot.press("ctrl+x", "B")
        await until(pilot, lambda: isinstance(app.screen, RelatedScreen) and app.screen.menu.option_count)
        screen = app.screen
        assert isinstance(screen, RelatedScreen)
        titles = [hit.session_title for hit in screen._shown]
        assert titles[0] == "Which birds nest in the sand?"
        assert "How do terns feed their young?" in titles
        assert "Where do terns nest in the sand?" not in titles
        await pilot.press(*"feed")
        await until(pilot, lambda: screen.menu.option_count == 1)
        await pilot.press(*["backspace"] * 4)
        await until(pilot, lambda: screen.menu.option_count == len(titles))
        await pilot.press("ctrl+backslash")
        await until(pilot, lambda: bool(app.main.query(ReadingPane)))
        await until(
            pilot, lambda: "Which birds nest in the sand?" in str(app.main.query_one(ReadingPane).title.content)
        )
        assert app.main.conversation.id == first
        await pilot.press("ctrl+x", "B")
        await until(pilot, lambda: isinstance(app.screen, RelatedScreen) and app.screen.menu.option_count)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id == best)

"""Related conversations of the open one, listed and opened."""

from __future__ import annotations

from home import Home, until
from test_app import SIZE
from test_branch_screens import talk
from test_typeahead import in_conversation

from sterna.tui.search.related import RelatedScreen


async def test_related_conversations_are_listed_best_first_and_opened(home: Home) -> None:
    talk(home, "How is bread baked?")
    best = talk(home, "Which birds nest in the sand?", answer=lambda _: "Terns nest there.")
    talk(home, "How do terns feed their young?")
    first = talk(home, "Where do terns nest in the sand?")
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
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id == best)

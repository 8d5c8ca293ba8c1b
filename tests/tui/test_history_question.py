"""A question to the history: what would be sent is on the screen before, and quotes open their messages after."""

from __future__ import annotations

from home import Home, frame, opened, rows, shown, until, write

from sterna import config
from sterna.storage import Conversations
from sterna.tui.dialogs.send_passages import SendPassages
from sterna.tui.pickers.links import LinkPicker
from sterna.tui.search.ask import AskHistoryScreen

QUESTION = "What did I decide about the ledger database?"


async def test_passages_are_shown_agreed_to_and_quoted_with_links(home: Home) -> None:
    ledger, boats = home.seed(
        ("Which database for the ledger?", "PostgreSQL [b]for[/b] its types."), ("Names for a boat", "Sterna.")
    )
    store = home.open()
    store.live_replies.begin_turn(None, "The ledger database of the club", model="test/small")
    store.privacy.set_private(store.conversations.page(0, 1)[0].id, True)
    store.local_state.set("last_conversation", boats)
    store.close()
    app = home.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, app)
        await pilot.press("alt+h")
        await until(pilot, lambda: isinstance(app.screen, AskHistoryScreen) and app.screen.field.has_focus)
        await write(pilot, QUESTION)
        await shown(pilot, app, "2 passages of 1 conversation, 62 characters. They go to test/small.")
        assert "Reply: PostgreSQL [b]for[/b] its types." in frame(app)
        await pilot.press("ctrl+r")
        await shown(pilot, app, "of 2 conversations")
        assert "(private)" in frame(app)
        await pilot.press("ctrl+r")
        await shown(pilot, app, "of 1 conversation,")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SendPassages))
        assert "and your question go to test (small)" in " ".join(frame(app).replace("│", " ").split())
        await pilot.press("escape")
        assert home.model.requests == []
        assert len(rows(home)) == 3
        home.model.say("It was “PostgreSQL [b]for[/b] its types” [2] and “never any database at all” [1].")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SendPassages))
        await pilot.press("a")
        await shown(pilot, app, "Not found in your history: “never any database at all”")
        assert "Sent with  2 passages of 1 conversation, 62 characters" in frame(app)
        asked = app.main.conversation.id
        assert await app.context.store.run(Conversations.settings, asked) == {"tools": []}
        assert "> Which database for the ledger?" in home.model.requests[0].messages[-1].content
        assert config.load(home.folder).history.providers == ("test",)
        await pilot.press("ctrl+g", "enter")
        await until(pilot, lambda: isinstance(app.screen, LinkPicker))
        assert "[2] “PostgreSQL" in frame(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation.id == ledger)
        app.main.navigation.go_to(asked)
        await shown(pilot, app, "[2] “PostgreSQL [b]for[/b] its")
        line = next(y for y, text in enumerate(frame(app).splitlines()) if "[2] “PostgreSQL [b]for[/b] its" in text)
        column = frame(app).splitlines()[line].index("[2]")
        await pilot.click(offset=(column + 2, line))
        await until(pilot, lambda: app.main.conversation.id == ledger)
        view = app.main.transcript.selected_message
        assert view is not None
        assert view.content == "PostgreSQL [b]for[/b] its types."
        assert rows(home)[0] == QUESTION
        await pilot.press("ctrl+x", "J")
        await until(pilot, lambda: isinstance(app.screen, AskHistoryScreen) and app.screen.field.has_focus)
        await write(pilot, "ledger")
        await shown(pilot, app, "They go to test/small.")
        await pilot.press("shift+delete", "shift+delete")
        await shown(pilot, app, "You left out all that was found.")
        await pilot.press("ctrl+underscore")
        await shown(pilot, app, "They go to test/small.")
        await pilot.press("shift+delete", "enter")
        await until(pilot, lambda: len(home.model.requests) == 2)
        assert "[2]" not in home.model.requests[1].messages[-1].content.partition("Answer the question")[0]

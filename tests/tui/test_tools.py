"""Tools in the chat: which ones a conversation has, the question before a call, and a tool that is tried."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

import pytest
from fake_tools import FILES, FORECAST, LIST, READ, WEATHER, FakeToolbox
from home import Home, frame, notices, says, shown, until, write
from textual.pilot import Pilot

from sterna.chat import Approval, ToolAsk, ToolFile, ToolResult
from sterna.providers import Delta, Done, Tool, ToolRequest, ToolRequests
from sterna.storage import Message
from sterna.storage.conversations.tool_calls import tool_calls
from sterna.tools import approvals_of
from sterna.tui.app import SternaApp
from sterna.tui.dialogs import tool_question
from sterna.tui.dialogs.tool_question import ToolQuestion

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ARGUMENTS = {"path": "/notes/terns.md", "text": "eggs [/b]\x1b[31m\n" * 40 + "the end"}


@pytest.fixture
def box(shelf: Home) -> FakeToolbox:
    shelf.toolbox = FakeToolbox(approvals_of(shelf.folder))
    shelf.toolbox.approvals.allow(LIST)
    return shelf.toolbox


def stored(app: SternaApp, home: Home) -> object:
    store = home.open()
    try:
        assert app.main.conversation.id is not None
        return store.conversations.settings(app.main.conversation.id).get("tools")
    finally:
        store.close()


async def test_tools_are_chosen_tried_stored_and_taken_back(shelf: Home, box: FakeToolbox) -> None:
    app = shelf.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation.id is not None and app.context.ready.is_set())
        shelf.write_config("[mcp.files]\ncommand = 'ls'\n[mcp.wrong]\n")  # edited while Sterna runs
        await pilot.press("ctrl+x", "semicolon")
        await shown(pilot, app, "Tools of this conversation")
        assert (box.started, box.configured) == ([()], ["files"])
        assert "[mcp.wrong] needs" in notices(app)
        assert "[ ] files  2 tools" in frame(app)
        assert "✗ The program “uvx” of [mcp.weather] was not found." in frame(app)
        await shown(pilot, app, "list  always allowed  List a folder.")
        assert "read_file  Read a [b]text[/b] file." in frame(app)
        await write(pilot, "list")
        await pilot.press("space")  # the tool that was found, not its server
        await shown(pilot, app, "[-] files")
        await pilot.press("escape")
        await pilot.press("f4")
        await until(pilot, lambda: app.context.settings.tools.chosen == ("files__list",))
        await pilot.press("down", "ctrl+r")
        await until(pilot, lambda: box.started[-1] == ("weather",))
        box.show(FILES, WEATHER._replace(state="starting", problem=""))
        await shown(pilot, app, "weather  starting…")
        changed = LIST._replace(description="Deletes a folder.")
        box.show(FILES._replace(tools=(READ, changed)), WEATHER._replace(state="ready", problem="", tools=(FORECAST,)))
        await shown(pilot, app, "[x] list  Deletes a folder.")  # it asks again
        assert frame(app).count("forecast") == 1
        box.show(FILES, WEATHER)
        await shown(pilot, app, "list  always allowed  List a folder.")
        await pilot.press("up", "shift+delete")
        await until(pilot, lambda: "always allowed" not in frame(app))
        assert not box.approvals.allowed()
        await pilot.press("ctrl+t")
        await shown(pilot, app, "Arguments (JSON)")
        box.results["files__list"] = ToolResult(
            "a\x1b[2J\n[b]b", True, (ToolFile("map.png", "image/png", b"0" * 2048),)
        )
        await pilot.resize_terminal(40, 14)
        await pilot.press("ctrl+r")
        await shown(pilot, app, "[b]b")  # the dialog is higher than the screen
        await pilot.resize_terminal(100, 30)
        await shown(pilot, app, "✗ failed after")
        assert box.calls == [("files__list", {"path": ""})]
        assert "map.png  2" in frame(app)
        await pilot.press("ctrl+a", "delete", "delete", "ctrl+r")
        await shown(pilot, app, "The arguments are no JSON")
        await pilot.press("escape", "escape")
        await says(pilot, app, "1 tool, from the next message on.")
        assert stored(app, shelf) == ["files__list"]
        assert "1 tool ·" in frame(app)
        await pilot.press("ctrl+x", "u")
        await says(pilot, app, "The settings of “How do terns find their way?” are as before.")
        assert stored(app, shelf) is None
    assert box.is_closed


async def asked(
    pilot: Pilot[int], app: SternaApp, conversation_id: str, arguments: Mapping[str, str] = ARGUMENTS
) -> asyncio.Task[Approval]:
    """Return the task of a turn that waits for an answer."""
    tool = Tool("files__read_file", "Read a file.\x1b[2J", {})
    ask = ToolAsk("call_1", conversation_id, "msg_1", tool, arguments)
    task = asyncio.create_task(app.context.tools.questions.approve(ask))
    await until(pilot, lambda: app.context.tools.questions.conversations)
    return task


async def test_a_question_is_answered_on_purpose_alone(
    shelf: Home, box: FakeToolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = shelf.app()
    async with app.run_test(size=(40, 14)) as pilot:
        await until(pilot, lambda: app.main.conversation.id is not None and app.context.ready.is_set())
        here = str(app.main.conversation.id)
        call = await asked(pilot, app, here)
        await shown(pilot, app, "Call read_file of")
        await pilot.press(*"oca n", "enter", "up")  # somebody is writing
        await pilot.press("alt+y", "o", "a")  # and goes on before the question can be read
        await until(pilot, lambda: isinstance(app.screen, ToolQuestion))
        await pilot.press("a", "enter", "space")
        assert not call.done()
        assert "It describes itself: Read a" in frame(app)
        assert "Once" in frame(app)
        await pilot.press("end")
        await shown(pilot, app, "the end")
        assert "eggs [/b][31m" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert not call.done()
        monkeypatch.setattr(tool_question, "PAUSE_SECONDS", 0)
        await pilot.click("#question-bar")
        await until(pilot, lambda: isinstance(app.screen, ToolQuestion) and app.screen.is_readable)
        await pilot.press("r")
        await write(pilot, "not that one")
        await pilot.press("enter")
        assert await call == Approval("no", "not that one")
        await until(pilot, lambda: "Call read_file" not in frame(app))

        for key, choice in (("o", "once"), ("a", "always")):
            call = await asked(pilot, app, here)
            await pilot.press("alt+y")
            await until(pilot, lambda: isinstance(app.screen, ToolQuestion) and app.screen.is_readable)
            await pilot.press(key)
            assert await call == Approval(choice)  # type: ignore[arg-type]
            await until(pilot, lambda: app.screen is app.main)

        call = await asked(pilot, app, here, {"path": "a\nb\nc"})  # all but the field has room
        await pilot.press("alt+y")
        await until(pilot, lambda: isinstance(app.screen, ToolQuestion) and app.screen.is_readable)
        assert "reason for" not in frame(app)
        await pilot.press("r")
        await shown(pilot, app, "reason for the model")
        call.cancel()  # the reply is stopped in another way
        await until(pilot, lambda: app.screen is app.main)


async def test_a_question_elsewhere_is_marked_and_said(shelf: Home, box: FakeToolbox) -> None:
    app = shelf.app()
    alerts: list[str] = []
    app.alert = lambda title, text, environ, *, on_desktop: alerts.append(text)  # type: ignore[method-assign]
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation.id is not None and app.context.ready.is_set())
        other = shelf.open()
        conversation_id = next(row.id for row in other.conversations.page(0, 9) if "boat" in row.title)
        other.close()
        app.app_focus = False
        call = await asked(pilot, app, conversation_id)
        await shown(pilot, app, "asks you")
        await says(pilot, app, "“Names for a boat [/b]” waits for your answer: call read_file? alt+y opens it.")
        assert alerts == ["“Names for a boat [/b]” waits for your answer: call read_file?"]
        assert "Call read_file of files?" not in frame(app)
        await pilot.press("alt+y")
        await shown(pilot, app, "Call read_file of files?")
        assert app.main.conversation.id == conversation_id
        call.cancel()
        await until(pilot, lambda: "asks you" not in frame(app))
        await pilot.press("alt+y")
        await until(pilot, lambda: "No tool waits for your answer." in notices(app))


def message(home: Home) -> Message:
    store = home.open()
    try:
        return store.messages.before(store.conversations.page(0, 1)[0].id, None, 1)[0]
    finally:
        store.close()


async def test_what_stands_on_the_screen_of_a_call_is_what_is_stored(home: Home) -> None:
    home.write_config('[ui]\nanimation = false\n[tools]\nchosen = ["files"]\n')
    box = home.toolbox = FakeToolbox(approvals_of(home.folder))
    box.results["files__list"] = ToolResult("three terns", files=(ToolFile("map.png", "image/png", PNG),))
    requests = [ToolRequests((ToolRequest(f"c{number}", "files__list", '{"path": "/nest"}'),)) for number in (1, 2)]
    home.model.say([Delta("I look.\n\n"), requests[0], Done("tool_calls")], "Three, then.")
    app = home.app()
    async with app.run_test(size=(100, 34)) as pilot:
        await until(pilot, app.context.ready.is_set)
        assert "2 tools" in frame(app)
        await write(pilot, "How many terns?")
        await pilot.press("enter")
        await shown(pilot, app, "Call list of files?")
        await shown(pilot, app, "▸ files__list  /nest  waits for your answer")
        box.open.clear()
        await pilot.press("alt+y")
        await until(pilot, lambda: isinstance(app.screen, ToolQuestion))
        await pilot.click("#this-conversation")
        await shown(pilot, app, "▸ files__list  /nest  running… 0 s  1 of 2 [b]pages")
        box.open.set()
        await shown(pilot, app, "Three, then.")
        await until(pilot, lambda: not app.context.turns or not app.context.turns.running())
        await shown(pilot, app, "▪ map.png")
        assert "running" not in frame(app)
        kept = message(home)
        assert [(call.name, call.result, call.is_error) for call in tool_calls(kept.metadata)] == [
            ("files__list", "three terns", False)
        ]
        assert [file.name for file in kept.attachments] == ["map.png"]
        assert [tool.name for tool in home.model.requests[0].tools] == ["files__read_file", "files__list"]

        home.model.say([Delta("I look again."), requests[1], Done("tool_calls")])
        box.open.clear()
        await write(pilot, "Again?")
        await pilot.press("enter")
        await until(pilot, lambda: frame(app).count("running… ") == 1)  # it is allowed in this conversation
        await pilot.press("escape")
        await shown(pilot, app, "(stopped)")
        await shown(pilot, app, "no result")
        assert [call.result for call in tool_calls(message(home).metadata)] == [None]

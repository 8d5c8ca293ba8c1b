"""The command palette offers what can be done now, and conversations by name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lists import Clock, ListApp, fill, running
from textual import on
from textual.command import DiscoveryHit, Hit
from textual.content import Content

from sterna.tui.actions.registry import ACTIONS
from sterna.tui.messages import ConversationRequested
from sterna.tui.pickers import ActionCommands, ConversationCommands


class PaletteApp(ListApp):
    """What the palette asks of an application."""

    def __init__(self, file: Path, clock: Clock) -> None:
        super().__init__(file, clock)
        self.impossible: set[str] = set()
        self.done: list[str] = []
        self.context = SimpleNamespace(store=self.store, key_of=self.key_of)

    def can_perform(self, action_id: str) -> bool:
        return action_id not in self.impossible

    async def perform(self, action_id: str) -> None:
        self.done.append(action_id)

    def key_of(self, action_id: str) -> str:
        return "ctrl+underscore" if action_id == "conversation.undo" else "[/]"

    @on(ConversationRequested)
    def note_requested(self, event: ConversationRequested) -> None:
        assert event.conversation_id is not None
        self.posted.append(("requested", event.conversation_id))


@pytest.fixture
def app(tmp_path: Path) -> PaletteApp:
    clock = Clock()
    fill(
        tmp_path / "me.db",
        clock,
        (1, "Plan a week in Lisbon", "Stay near the river."),
        (2, "[/x] markup \x1b[31m", "No."),
        (3, "Birds", "Lisbon has swifts."),
    )
    return PaletteApp(tmp_path / "me.db", clock)


async def offered(provider: Any, query: str = "") -> list[Hit | DiscoveryHit]:
    """What a source offers, the best first."""
    hits = [hit async for hit in (provider.search(query) if query else provider.discover())]
    return sorted(hits, key=lambda hit: -hit.score)


async def test_every_action_of_the_palette_is_offered_with_its_key(app: PaletteApp) -> None:
    async with running(app):
        hits = await offered(ActionCommands(app.screen))
        assert [hit.text for hit in hits] == [action.title for action in ACTIONS if action.palette]
        undo = next(hit for hit in hits if hit.text == "Undo")
        assert undo.help is not None
        assert Content.from_markup(undo.help).plain == (
            "ctrl+_  Undo the last deletion, edit, new reply, fork, pin, archiving, tagging, setting"
            " or removed attachment"
        )
        rename = next(hit for hit in hits if hit.text == "Rename")
        assert Content.from_markup(rename.help or "").plain == "[/]  Rename this conversation"


async def test_what_makes_no_sense_now_is_not_offered(app: PaletteApp) -> None:
    async with running(app):
        app.impossible = {"reply.retry"}
        assert "Regenerate reply" not in [hit.text for hit in await offered(ActionCommands(app.screen), "regen")]
        app.impossible = set()
        hits = await offered(ActionCommands(app.screen), "regen")
        assert hits[0].text == "Regenerate reply"
        await hits[0].command()
        assert app.done == ["reply.retry"]


async def test_a_word_of_the_sentence_finds_an_action_too(app: PaletteApp) -> None:
    async with running(app):
        assert "Light or dark" in [hit.text for hit in await offered(ActionCommands(app.screen), "switch")]
        assert await offered(ActionCommands(app.screen), "qqqqqq") == []


async def test_conversations_are_found_by_title_and_opened(app: PaletteApp) -> None:
    async with running(app) as pilot:
        hits = await offered(ConversationCommands(app.screen), "lisb")
        assert [hit.text for hit in hits] == ["Plan a week in Lisbon"]
        hits[0].command()
        await pilot.pause()
        assert [what for what, _ in app.posted] == ["requested"]


async def test_the_newest_conversations_are_offered_before_anything_is_typed(app: PaletteApp) -> None:
    async with running(app):
        hits = await offered(ConversationCommands(app.screen))
        assert [hit.text for hit in hits] == ["Plan a week in Lisbon", "[/x] markup [31m", "Birds"]
        assert all(isinstance(hit.prompt, Content) for hit in hits)


async def test_an_action_whose_title_matches_comes_before_any_conversation(app: PaletteApp) -> None:
    async with running(app):
        actions = await offered(ActionCommands(app.screen), "re")
        talks = await offered(ConversationCommands(app.screen), "week")
        assert min(hit.score for hit in actions if "re" in (hit.text or "").lower()) > max(hit.score for hit in talks)

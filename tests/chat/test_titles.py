"""Titles by a model: asked for in the background, sanitized, and never in the way."""

from __future__ import annotations

import asyncio

import pytest

from sterna.chat import Turns, titles
from sterna.chat.titles import INSTRUCTIONS, title_of_reply
from sterna.config import Settings, TitleSettings
from sterna.providers import Catalog, Delta, Done, Failed, FailureKind
from sterna.storage import Conversations, StoreThread
from tests.chat.scripted_model import ScriptedModel, until

QUESTION, REPLY = "Where do terns go?", "South."


@pytest.fixture
def titled(turns: Turns) -> Turns:
    """Turns whose settings want titles."""
    turns.settings = turns.settings._replace(titles=TitleSettings(generate=True, model="fake/cheap"))
    return turns


async def answered(turns: Turns, model: ScriptedModel) -> str:
    """A conversation whose first reply has settled; its id."""
    begun, reply = await turns.begin(None, QUESTION)
    await until(lambda: model.requests)
    model.say(Delta(REPLY), Done("stop"))
    await until(lambda: not reply.running)
    return begun.session.id


async def title(store: StoreThread, session_id: str) -> str:
    return (await store.run(Conversations.get, session_id)).title


async def test_a_cheap_model_titles_a_conversation_after_its_first_reply(
    titled: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    session_id = await answered(titled, model)
    assert await title(store, session_id) == QUESTION
    await until(lambda: len(model.requests) == 2)
    request = model.requests[1]
    assert (request.model, request.messages[0].content) == ("cheap", INSTRUCTIONS)
    assert QUESTION in request.messages[1].content
    assert REPLY in request.messages[1].content
    model.say(Delta('**"Journeys of \x1b[31mterns"**\nand more'), Done("stop"))
    await titled.titled()
    assert await title(store, session_id) == "Journeys of [31mterns"
    _, reply = await titled.begin(session_id, "And back?")
    await until(lambda: len(model.requests) == 3)
    model.say(Delta("North."), Done("stop"))
    await until(lambda: not reply.running)
    await titled.titled()
    assert len(model.requests) == 3  # only the first reply is followed by a title


@pytest.mark.parametrize(
    "events",
    [
        [Failed(FailureKind.RATE_LIMIT, "Slow down.")],
        [Delta("  \n"), Done("stop")],
        [Delta("Half a ti"), Failed(FailureKind.TRUNCATED, "Cut off.")],
        [None],
    ],
)
async def test_a_title_that_fails_leaves_the_question_as_the_title(
    titled: Turns, model: ScriptedModel, store: StoreThread, events: list[object]
) -> None:
    session_id = await answered(titled, model)
    await until(lambda: len(model.requests) == 2)
    model.say(*events)  # type: ignore[arg-type]
    await titled.titled()
    assert await title(store, session_id) == QUESTION


async def test_a_title_given_meanwhile_stays(titled: Turns, model: ScriptedModel, store: StoreThread) -> None:
    session_id = await answered(titled, model)
    await until(lambda: len(model.requests) == 2)
    await store.run(Conversations.rename, session_id, "Mine")
    model.say(Delta("Terns"), Done("stop"))
    await titled.titled()
    assert await title(store, session_id) == "Mine"


async def test_a_model_that_never_answers_is_given_up(
    titled: Turns, model: ScriptedModel, store: StoreThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(titles, "TITLE_SECONDS", 0.01)
    session_id = await answered(titled, model)
    await titled.titled()
    assert await title(store, session_id) == QUESTION


async def test_the_end_of_the_program_does_not_wait_for_a_title(titled: Turns, model: ScriptedModel) -> None:
    await answered(titled, model)
    await until(lambda: len(model.requests) == 2)
    async with asyncio.timeout(1):
        await titled.close()


async def test_nothing_is_asked_unless_the_settings_want_it(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    session_id = await answered(turns, model)
    await turns.titled()
    assert (len(model.requests), await title(store, session_id)) == (1, QUESTION)


async def test_the_guide_gives_no_titles(store: StoreThread) -> None:
    guide = ScriptedModel("guide")
    settings = Settings(titles=TitleSettings(generate=True))
    turns = Turns(store, Catalog([], guide=guide, default="guide/guide"), settings=settings)
    session_id = await answered(turns, guide)
    await turns.titled()
    assert (len(guide.requests), await title(store, session_id)) == (1, QUESTION)
    await turns.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Journeys of terns.", "Journeys of terns"),
        ("Title: “Reise der Seeschwalben”", "Reise der Seeschwalben"),
        ("# Terns\n\nHere is why", "Terns"),
        ("\n\n`C++ and #include`\n", "C++ and #include"),
        ("And so on...", "And so on..."),
        ('""', ""),
        ("", ""),
        ("x" * 300, "x" * 79 + "…"),
    ],
)
def test_a_title_is_what_a_model_said_without_its_wrapping(text: str, expected: str) -> None:
    assert title_of_reply(text) == expected

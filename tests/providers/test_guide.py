"""The built-in guide says what it is, and is useful and quick without a network."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sterna.providers import ChatMessage, Delta, Done, Event, Failed, HistoryError, HistoryHit, Request, guide
from sterna.providers.guide_topics import TOPICS
from tests.generated import examples

HIT = HistoryHit(
    "Birds of the sea", "the arctic tern flies from pole to pole", datetime(2026, 2, 3, tzinfo=UTC), "conv_1"
)


class GuideFixture:
    """Guide with a history and a help that record their queries."""

    def __init__(self, *hits: HistoryHit, help_text: str = "") -> None:
        self.hits = list(hits)
        self.searched: list[str] = []
        self.topics: list[str] = []
        self.slept = 0.0
        self.help_text = help_text
        self.error: HistoryError | None = None
        self.provider = guide(self.help, self.history, sleep=self.sleep)

    def help(self, topic: str) -> str:
        self.topics.append(topic)
        return self.help_text

    async def history(self, words: str) -> list[HistoryHit]:
        self.searched.append(words)
        if self.error is not None:
            raise self.error
        return self.hits

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(0)

    async def events(self, question: str) -> list[Event]:
        earlier = (ChatMessage("user", "earlier"), ChatMessage("assistant", "said"))
        request = Request("guide", (*earlier, ChatMessage("user", question)))
        return [event async for event in self.provider.stream(request)]

    async def answer(self, question: str) -> str:
        return "".join(event.text for event in await self.events(question) if isinstance(event, Delta))


@pytest.mark.parametrize("question", ["hi", "Hello!", "", "  ", "?", "hey there", "help", "test"])
async def test_a_greeting_is_answered_with_what_it_is_and_how_to_connect_a_model(question: str) -> None:
    fixture = GuideFixture()
    answer = await fixture.answer(question)
    assert "not a language model" in answer
    assert "ollama pull" in answer
    assert "OPENROUTER_API_KEY" in answer
    assert fixture.searched == []


@pytest.mark.parametrize("question", ["who are you?", "Are you an AI?", "what is Sterna?"])
async def test_it_says_plainly_what_it_is(question: str) -> None:
    assert "not a language model" in await GuideFixture().answer(question)


@pytest.mark.parametrize(
    "question",
    [
        "Write a poem about quarks",
        "Why is the sky blue?",
        "2+2",
        "🐦",
        "what about it",
        "Write a python function to open a file",
        "Explain SQLite WAL mode in detail",
        "Is a stored procedure faster than a prepared statement in a large database?",
    ],
)
async def test_what_it_cannot_answer_it_does_not_make_up(question: str) -> None:
    answer = await GuideFixture().answer(question)
    assert "not a language model" in answer
    assert "ollama pull" in answer


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("How do I connect a model?", "models"),
        ("can I use my OpenRouter key", "models"),
        ("which keyboard shortcuts are there?", "keys"),
        ("Which keys are there?", "keys"),
        ("where do I put an API key?", "models"),
        ("Where is my data?", "data"),
        ("Can I attach a PDF?", "attachments"),
        ("How do I attach a file?", "attachments"),
        ("Where are the settings?", "settings"),
        ("How do I import from ChatGPT?", "import"),
        ("how do I export", "import"),
        ("where is config.toml", "settings"),
        ("which tools can it call?", "tools"),
        ("How do I quit?", "keys"),
        ("How can I move my conversations to another computer?", "sync"),
        ("how do I send a screenshot", "attachments"),
        ("how do I undo a delete", "delete"),
        ("how does searching work", "search"),
        ("change the theme", "settings"),
        ("rename a conversation", "conversations"),
        ("use it in a shell script", "cli"),
        ("sync my other machines", "sync"),
    ],
)
async def test_questions_about_sterna_are_answered_from_its_help(question: str, topic: str) -> None:
    fixture = GuideFixture(help_text="From the **help**.")
    assert "From the **help**." in await fixture.answer(question)
    assert fixture.topics == [topic]
    title = next(item.title for item in TOPICS if item.id == topic)
    assert (await GuideFixture().answer(question)).startswith(f"## {title}\n\n"), (
        "it knows a little without the help too"
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What did we say about arctic terns?", "arctic terns"),
        ("when did I ask you about the C++ parser", "C++ parser"),
        ("find lemon cake recipe", "lemon cake recipe"),
        ("Do you remember the heron?", "heron"),
        ("yesterday I mentioned Zürich", "Zürich"),
    ],
)
async def test_what_was_once_discussed_is_found_in_the_history(question: str, words: str) -> None:
    fixture = GuideFixture(HIT)
    answer = await fixture.answer(question)
    assert fixture.searched == [words]
    assert "**Birds of the sea** · 3 February 2026" in answer
    assert "the arctic tern flies from pole to pole" in answer


async def test_what_is_not_in_the_history_is_said_so() -> None:
    assert "has nothing about **walrus**" in await GuideFixture().answer("what did we say about the walrus?")


async def test_another_question_shows_what_the_history_has_and_that_it_is_no_answer() -> None:
    answer = await GuideFixture(HIT).answer("Which pole do terns prefer?")
    assert "cannot answer that myself" in answer
    assert "Birds of the sea" in answer


async def test_a_history_that_cannot_be_searched_is_told() -> None:
    fixture = GuideFixture()
    fixture.error = HistoryError("The history is busy. Retry in a moment.")
    events = await fixture.events("what did we say about terns?")
    assert isinstance(events[-1], Failed)
    assert events[-1].message == "The history is busy. Retry in a moment."


async def test_it_comes_word_by_word_and_nobody_waits_for_it() -> None:
    fixture = GuideFixture()
    events = await fixture.events("hi")
    assert len([event for event in events if isinstance(event, Delta)]) > 50
    assert events[-1] == Done("stop", None, "guide/guide")
    assert fixture.slept < 1


async def test_titles_in_the_history_are_shown_as_they_are() -> None:
    hostile = HistoryHit(
        "# [x](http://evil) **b** <b>\x1b[31m\n- y", "`code` | ~~gone~~ ![i](u)\n> deeper", HIT.when, "c"
    )
    html = MarkdownIt().enable(["table", "strikethrough"]).render(await GuideFixture(hostile).answer("find terns"))
    assert "\x1b" not in html
    for tag in ("<a ", "<img", "<code", "<table", "<s>", "<h1", "<b>"):
        assert tag not in html
    assert "[x](http://evil)" in re.sub(r"<[^>]+>", "", html)


async def test_its_model_is_listed_and_it_closes_twice() -> None:
    provider = GuideFixture().provider
    assert [item.ref for item in await provider.models()] == ["guide/guide"]
    await provider.aclose()
    await provider.aclose()


@examples(80)
@given(st.text(max_size=200), st.booleans())
def test_any_question_has_an_answer(question: str, found: bool) -> None:
    async def ask() -> list[Any]:
        return await GuideFixture(*([HIT] if found else [])).events(question)

    events = asyncio.run(ask())
    assert isinstance(events[-1], Done)
    assert len(events) > 5

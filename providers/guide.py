"""The built-in helper: no network, no key, no language model, and it says so.

It makes the first minute work on a machine with nothing installed. It answers from Sterna's own help, and from the
person's own history when they ask for something they once discussed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from .events import Delta, Done, Event, Failed, FailureKind, Model, Provider, Request
from .foreign_text import plain
from .guide_topics import CONNECT, GREETING, IDENTITY, RECALL, TOPICS, Topic, content_words, title_list, topics_for

NAME = "guide"
PACE = 0.006
"""Seconds between words: it reads as being written, and nobody waits for it."""
LONGEST = 0.7
"""Seconds that the pacing of one answer may take."""
SHOWN = 5
"""Places of the history in one answer."""

HONEST = (
    "I am Sterna's built-in guide, **not a language model**: I work offline and know two things, Sterna and your own "
    "history."
)
NEXT = "To talk with a real model, ask me **“how do I connect a model?”**"


@dataclass(frozen=True, slots=True)
class HistoryHit:
    """A place in the person's own history."""

    title: str
    """Of the conversation."""
    snippet: str
    when: datetime
    session_id: str


class HistoryError(Exception):
    """The history cannot be searched now; the message is a sentence."""


HelpText = Callable[[str], str]
"""Sterna's own help on a topic of :data:`providers.guide_topics.TOPICS` in Markdown, or "" when it has none."""
History = Callable[[str], Awaitable[list[HistoryHit]]]
"""The best places for some words. May raise :class:`HistoryError` and nothing else."""


def guide(
    help_text: HelpText, history: History, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Provider:
    """The built-in helper as a provider; its model is ``guide/guide``."""
    return Guide(help_text, history, sleep)


class Guide:
    """See :func:`guide`."""

    def __init__(self, help_text: HelpText, history: History, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.name = NAME
        self._help_text = help_text
        self._history = history
        self._sleep = sleep

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The answer to the last message, word by word."""
        question = next((one.content for one in reversed(request.messages) if one.role == "user"), "")
        try:
            answer = await self._answer(question[:2000])
        except HistoryError as error:
            yield Failed(FailureKind.SERVER, str(error) or "The history cannot be searched now. Retry in a moment.")
            return
        words = re.findall(r"\s*\S+|\s+$", answer)
        pause = min(PACE, LONGEST / max(len(words), 1))
        for word in words:
            yield Delta(word)
            await self._sleep(pause)
        yield Done("stop", model=f"{NAME}/{NAME}")

    async def models(self) -> list[Model]:
        """Itself."""
        return [Model(NAME, NAME, "Built-in guide (offline, not a language model)")]

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _answer(self, question: str) -> str:
        if GREETING.match(question):
            return self._welcome()
        if IDENTITY.search(question):
            return f"{HONEST}\n\n{NEXT}"
        words = content_words(question)
        topics = topics_for(question)
        if RECALL.search(question) and words:
            hits = await self._history(" ".join(words))
            if hits or not topics:
                return _found(words, hits)
        if topics:
            return self._help(topics)
        hits = await self._history(" ".join(words)) if words else []
        if hits:
            return f"I cannot answer that myself: I am not a language model. {_found(words, hits)}"
        return (
            f"I cannot answer that. {HONEST}\n\n"
            f"## To get an answer\n\n{CONNECT}\n## What I can tell you about\n\n{title_list(TOPICS)}"
        )

    def _welcome(self) -> str:
        return (
            f"# Welcome to Sterna\n\n{HONEST}\n\n"
            "Everything you write is kept on this machine, in one file that is yours, and is found again at once.\n\n"
            f"## Connect a model\n\n{CONNECT}\n"
            "## Or ask me\n\n"
            "- *How do I search?*\n- *Which keys are there?*\n- *Where is my data?*\n- *What did I say about …?*"
        )

    def _help(self, topics: list[Topic]) -> str:
        first, rest = topics[0], topics[1:3]
        text = (self._help_text(first.id).strip() or first.text.strip()).strip()
        also = f"\n\n*See also: {', '.join(topic.title.lower() for topic in rest)}.*" if rest else ""
        return f"## {first.title}\n\n{text}{also}"


def _found(words: list[str], hits: list[HistoryHit]) -> str:
    subject = _literal(" ".join(words))
    if not hits:
        return (
            f"Your history on this machine has nothing about **{subject}**.\n\n"
            "I look for the words as they stand; fewer or other words may find more."
        )
    count = "one place" if len(hits) == 1 else f"{min(len(hits), SHOWN)} places"
    return f"In your own history I find **{subject}** in {count}:\n\n" + "\n".join(_places(hits[:SHOWN]))


def _places(hits: list[HistoryHit]) -> Iterator[str]:
    for number, hit in enumerate(hits, start=1):
        title = _literal(plain(hit.title)) or "Untitled"
        yield f"{number}. **{title}** · {hit.when:%-d %B %Y}"
        snippet = _literal(plain(hit.snippet))
        if snippet:
            yield f"   > {snippet}\n"


def _literal(text: str) -> str:
    """``text`` as Markdown that shows it as it is: a title in the history may hold any marks."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&])", r"\\\1", text)

"""Answers of the built-in guide: from the help, and from the user's history."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from .guide_topics import CONNECT, GREETING, IDENTITY, RECALL, TOPICS, Topic, content_words, title_list, topics_for
from .untrusted_text import single_line

MAX_HITS = 5
"""Search results in one answer."""

DISCLAIMER = (
    "I am Sterna's built-in guide, **not a language model**. I work offline and know two things: Sterna, and your own "
    "history."
)
NEXT = "To talk to a model, ask me **“How do I connect a model?”**"


BY_MODEL = "A connected model can answer from them: use **/ask** in the chat, **sterna ask --history** in a shell."


@dataclass(frozen=True, slots=True)
class HistoryHit:
    """Search result in the user's history."""

    title: str
    """Title of the conversation."""
    snippet: str
    when: datetime
    session_id: str
    message_id: str = ""


class HistoryError(Exception):
    """The history cannot be searched; the message is a sentence."""


HelpText = Callable[[str], str]
"""Returns Sterna's help on a topic of :data:`providers.guide_topics.TOPICS` as Markdown, or "" if there is none."""
History = Callable[[str], Awaitable[list[HistoryHit]]]
"""Returns the best search results for some words. May raise :class:`HistoryError` only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of the guide."""

    text: str
    """Markdown."""
    hits: list[HistoryHit] = field(default_factory=list)
    """Messages that it quotes, in the order of their numbers."""


async def answer(question: str, help_text: HelpText, history: History) -> Answer:
    """Return the answer to a question. Raises HistoryError."""
    if GREETING.match(question):
        return Answer(_welcome())
    if IDENTITY.search(question):
        return Answer(f"{DISCLAIMER}\n\n{NEXT}")
    words = content_words(question)
    topics = topics_for(question)
    if RECALL.search(question) and words:
        hits = await history(" ".join(words))
        if hits or not topics:
            return Answer(_history_answer(words, hits), hits[:MAX_HITS])
    if topics:
        return Answer(_help(topics, help_text))
    hits = await history(" ".join(words)) if words else []
    if hits:
        text = f"I cannot answer that myself: I am not a language model. {_history_answer(words, hits)}"
        return Answer(text, hits[:MAX_HITS])
    return Answer(
        f"I cannot answer that. {DISCLAIMER}\n\n"
        f"## Connect a model to get an answer\n\n{CONNECT}\n## Topics I know\n\n{title_list(TOPICS)}"
    )


def _welcome() -> str:
    return (
        f"# Welcome to Sterna\n\n{DISCLAIMER}\n\n"
        "Everything you write is stored on this computer, in one file that belongs to you, and can be searched.\n\n"
        f"## Connect a model\n\n{CONNECT}\n"
        "## Or ask me\n\n"
        "- *How do I search?*\n- *Which keys are there?*\n- *Where is my data?*\n- *What did I say about …?*"
    )


def _help(topics: list[Topic], help_text: HelpText) -> str:
    first, rest = topics[0], topics[1:3]
    text = (help_text(first.id).strip() or first.text.strip()).strip()
    also = f"\n\n*See also: {', '.join(topic.title.lower() for topic in rest)}.*" if rest else ""
    return f"## {first.title}\n\n{text}{also}\n\n*From Sterna's built-in guide, which is not a language model.*"


def _history_answer(words: list[str], hits: list[HistoryHit]) -> str:
    subject = _literal(" ".join(words))
    if not hits:
        return (
            f"Your history on this computer has nothing about **{subject}**.\n\n"
            "I search for exactly these words. Try fewer or other words."
        )
    count = "one message" if len(hits) == 1 else f"{min(len(hits), MAX_HITS)} messages"
    listed = "\n".join(_hit_list(hits[:MAX_HITS]))
    return f"I found **{subject}** in {count} of your history:\n\n{listed}\n\n{BY_MODEL}"


def _hit_list(hits: list[HistoryHit]) -> Iterator[str]:
    for number, hit in enumerate(hits, start=1):
        title = _literal(single_line(hit.title)) or "Untitled"
        yield f"{number}. **{title}** · {hit.when:%-d %B %Y}"
        snippet = _literal(single_line(hit.snippet))
        if snippet:
            yield f"   > {snippet}\n"


def _literal(text: str) -> str:
    """Return ``text`` escaped for Markdown: a title in the history may contain any characters."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&])", r"\\\1", text)

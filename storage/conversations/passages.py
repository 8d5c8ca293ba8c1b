"""Search for passages of earlier messages that may answer a question."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import zip_longest

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from ..records import Message
from .conversations import Conversations
from .messages import Messages
from .quotations import PASSAGES, QUOTES, Passage
from .search import Search
from .search_hits import Hit
from .search_query import parse_query
from .search_snippets import folded

CANDIDATES = 60
"""Search results from which passages are taken, best first."""
MOST_PASSAGES = 10
MOST_OF_ONE = 3
"""Passages of one conversation."""
LONGEST = 800
"""Characters of a passage."""
MOST_CHARACTERS = 8_000
"""Characters of all passages of a question."""
GUIDE = "guide/"
"""Beginning of the name of the built-in guide."""
SHORT_QUESTION = 240
"""Characters of a question up to which the beginning of its reply is a passage too."""
READ = 200_000
"""Characters of a message in which the best place is looked for."""


@in_sentences
class Passages:
    """Search for passages, over the search that ranks by relevance."""

    def __init__(self, db: Database, conversations: Conversations, messages: Messages, search: Search) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._search = search

    def find(
        self,
        text: str,
        *,
        limit: int = MOST_PASSAGES,
        characters: int = MOST_CHARACTERS,
        size: int = LONGEST,
        include_private: bool = False,
        without: Sequence[str] = (),
        also: Sequence[Hit] = (),
    ) -> list[Passage]:
        """Return passages with words of ``text``, the best first, none from the messages ``without``.

        ``also`` are results of another search, the best first, which are taken in turns with those by words.
        Questions to the history and all that models replied to them are left out: they say again what others said.
        """
        words = sorted({folded(word.strip('"*')) for word in parse_query(text).match.split('" "')} - {""})
        by_words = self._search.search_best(text, CANDIDATES)
        hits = [hit for pair in zip_longest(also, by_words) for hit in pair if hit is not None]
        private = self._conversations.private_of([hit.session_id for hit in hits])
        taken = _Taken(words, limit, characters, size, without, private)
        for hit in hits:
            if hit.message_id is None or hit.is_attachment or (hit.session_id in private and not include_private):
                continue
            try:
                message = self._messages.get(hit.message_id)
            except NotFound:
                continue
            if self._says_again(message):
                continue
            reply = self._reply_to(message) if len(message.content) <= SHORT_QUESTION else None
            if reply is not None and QUOTES in reply.metadata:
                continue  # what the guide was asked
            if taken.add(message, hit) and reply is not None and not self._says_again(reply):
                taken.add(reply, hit)
            if taken.is_full:
                break
        return taken.passages

    def _says_again(self, message: Message) -> bool:
        """Return whether a message only repeats others: a question to the history, what was replied, or the guide."""
        if {PASSAGES, QUOTES} & message.metadata.keys():
            return True
        if message.role == "user":
            return False
        begins_so = any(PASSAGES in first.metadata for first in self._messages.all_after(message.session_id, None, 1))
        return begins_so or (message.model or "").startswith(GUIDE)

    def _reply_to(self, question: Message) -> Message | None:
        """Return the reply that is shown for a question; None for a message that is none, or has none."""
        if question.role != "user":
            return None
        following = self._messages.after(question.session_id, question.key, 1)
        return next((message for message in following if message.role == "assistant"), None)


class _Taken:
    """Passages that are taken, within the bounds of a question."""

    def __init__(
        self,
        words: Sequence[str],
        limit: int,
        characters: int,
        size: int,
        without: Sequence[str],
        private: Collection[str],
    ) -> None:
        """Begin with none. ``words`` are folded; ``private`` are the ids of private conversations."""
        self.passages: list[Passage] = []
        self._words = words
        self._limit = limit
        self._room = characters
        self._size = size
        self._private = private
        self._seen = set(without)
        """Messages of which no other passage is taken."""
        self._counts: Counter[str] = Counter()
        """Passages of each conversation."""

    @property
    def is_full(self) -> bool:
        """True where no other passage of a useful length fits."""
        return len(self.passages) >= self._limit or self._room < self._size // 4

    def add(self, message: Message, hit: Hit) -> bool:
        """Take the best piece of a message, which is of the conversation of ``hit``; return whether it was taken."""
        is_full = self._counts[hit.session_id] >= MOST_OF_ONE or len(self.passages) >= self._limit
        if is_full or message.id in self._seen:
            return False
        self._seen.add(message.id)
        start = hit.start if hit.message_id == message.id else 0
        piece = best_piece(message.content[start:], self._words, min(self._size, self._room))
        if not piece:
            return False
        piece = ("…" if start else "") + piece
        self._room -= len(piece)
        self._counts[hit.session_id] += 1
        place = (hit.session_id, message.id, hit.session_title, message.role, message.message_timestamp)
        self.passages.append(Passage(*place, piece, hit.session_id in self._private))
        return True


def best_piece(text: str, words: Sequence[str], size: int) -> str:
    """Return the piece of a text, of at most about ``size`` characters, that has most of the folded words."""
    text = unicodedata.normalize("NFC", text[:READ]).strip()
    if size <= 0 or len(text) <= size:
        return text if size > 0 else ""
    plain = folded(text)
    pattern = "|".join(re.escape(word) for word in words)
    places = [(match.start(), match[0]) for match in re.finditer(pattern, plain)] if pattern and len(plain) else []
    best, most, last = 0, 0, 0
    inside: Counter[str] = Counter()
    for first, (start, word) in enumerate(places):
        while last < len(places) and places[last][0] < start + size * 2 // 3:
            inside[places[last][1]] += 1
            last += 1
        if len(inside) > most:
            best, most = first, len(inside)
        inside[word] -= 1
        if not inside[word]:
            del inside[word]
    start = max(0, places[best][0] - size // 6) if places else 0
    if start:
        start = max(plain.rfind(" ", 0, start), plain.rfind("\n", 0, start)) + 1
    stop = min(len(text), start + size)
    if stop < len(text):
        space = max(plain.rfind(" ", start, stop), plain.rfind("\n", start, stop))
        stop = space if space > start + size // 2 else stop
    piece = text[start:stop].strip()
    return ("…" if start else "") + piece + ("…" if stop < len(text) else "")

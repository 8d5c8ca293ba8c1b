"""Search by meaning, on the side of the history: which messages need vectors, and which ones a search finds.

Private conversations have no vectors: their texts are given to no model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import log
from typing import TYPE_CHECKING, NamedTuple

from ..conversations.list_filter import conditions, parse_filter
from ..conversations.origins import Condition
from ..conversations.saved_names import saved_searches, with_saved
from ..conversations.search_hits import Hit, Why
from ..conversations.search_operators import joined, parse_operators, without_words
from ..conversations.search_query import LONGEST, parse_query
from ..conversations.search_snippets import around_words, folded, marked
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .fusion import fused
from .vector_file import Near, vectors_path

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

LONGEST_TEXT = 32_000
"""Characters of a message that vectors are made of."""
A_BATCH = 64
"""Messages that are read at once."""
CHARACTERS = 100_000
"""Characters after which a batch ends, even with fewer messages."""
FEW = 20_000
"""Messages up to which all that fulfil a filter are compared with a question."""
NEWEST = 20_000
"""Newest messages among which those with any word of a question are looked for."""
WITH_ANY_WORD = 30
"""Messages with any word of a question that count."""
COMMON = 400
"""Messages, of the newest ones, from which on a word is too common to tell one from another."""
MOST_WORDS = 8
"""Words of a question that are looked for."""
SPARE = 100
"""Messages beyond what is wanted that are read, because some may be private or gone."""
SHOWN = 200
"""Characters of a part that are shown."""
SAMPLED = 20
"""Questions of a conversation by which others about the same are found."""

_READABLE = """
m.role <> 'system' and not exists (select 1 from sync_private as p where p.conv_id = m.session_id)
"""
_TEXTS = f"""
select m.local_id as place, iif({_READABLE}, substr(m.content, 1, {LONGEST_TEXT}), '') as text
from chat_messages as m
"""


class Text(NamedTuple):
    """Text of a message, by its ``local_id``."""

    place: int
    text: str


class Work(NamedTuple):
    """Messages whose vectors are to be made next."""

    texts: list[Text]
    places: list[int]
    """Those whose vectors are replaced, or removed where they have no text any more."""
    top: int
    bottom: int
    """How far the history is read, once this is done."""
    newest: int
    """Newest message that there is."""
    changes: int = 0
    """Number of the last change that this takes care of; 0 for none."""


class MeaningQuery(NamedTuple):
    """What is looked for by its meaning."""

    text: str
    """Text of a search, with its operators and filters."""
    limit: int
    """Most results."""
    session_id: str | None = None
    """The only conversation that is searched; None: all."""
    known: Sequence[Hit] = ()
    """Results that have been found already, and are left out."""
    also_words: bool = True
    """True where messages that have only some of the words are results, too."""


class Scope(NamedTuple):
    """What a search is about."""

    words: str
    """Text without operators and filters."""
    places: list[int] | None
    """The only messages that can be results, where these are few."""


@in_sentences
class Meaning:
    """Messages that need vectors, and messages that are found by them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    # Vectors

    def path(self) -> Path:
        """Return where the vectors are."""
        return vectors_path(self.db.path)

    def begin(self, name: str) -> int:
        """Note changes of the history from now on, for vectors of that name; return the newest message."""
        with self.db.write():
            newest = self.newest()
            self.db.execute("update meaning_state set name = :name, seen = :seen", {"name": name, "seen": newest})
            self.db.execute("delete from meaning_changes")
        return newest

    def end(self) -> None:
        """Note no changes any more."""
        with self.db.write():
            self.db.execute("update meaning_state set name = '', seen = 0")
            self.db.execute("delete from meaning_changes")

    def belongs(self, name: str, top: int) -> bool:
        """Return whether vectors of that name, made up to message ``top``, are those of this history.

        They are not where a backup of it was restored, or somebody else's file lies in its place.
        """
        row = self.db.one("select name, seen from meaning_state")
        return row is not None and bool(name) and row["name"] == name and row["seen"] >= top

    def next_work(self, top: int, bottom: int) -> Work | None:
        """Return what is to be read next: what changed, then what is new, then older messages; None for nothing."""
        newest = self.newest()
        changes = self.db.rows("select seq, place from meaning_changes order by seq limit :limit", limit=A_BATCH)
        if changes:
            places = list(dict.fromkeys(row["place"] for row in changes))
            rows = self.db.rows(
                f"{_TEXTS} where m.local_id in (select value from json_each(:places))", places=to_json(places)
            )
            return Work(_texts(rows), places, top, bottom, newest, changes[-1]["seq"])
        if newest > top:
            with self.db.write():
                rows = self._bounded(f"{_TEXTS} where m.local_id > :top order by m.local_id limit {A_BATCH}", top=top)
                last = rows[-1]["place"] if rows else top
                self.db.execute("update meaning_state set seen = max(seen, :last)", {"last": last})
        elif bottom > 0:
            rows = self._bounded(
                f"{_TEXTS} where m.local_id <= :bottom order by m.local_id desc limit {A_BATCH}", bottom=bottom
            )
            bottom, last = (rows[-1]["place"] - 1 if rows else 0), top
        else:
            return None
        return Work(_texts(rows), [row["place"] for row in rows], last, bottom, newest)

    def finish(self, work: Work) -> None:
        """Forget the changes that ``work`` has taken care of; call this once its vectors are stored."""
        if work.changes:
            with self.db.write():
                self.db.execute("delete from meaning_changes where seq <= :seq", {"seq": work.changes})

    def newest(self) -> int:
        """Return the newest message, by its ``local_id``; 0 where there is none."""
        row = self.db.one("select coalesce(max(local_id), 0) as n from chat_messages")
        return int(row["n"]) if row is not None else 0

    def size(self) -> int:
        """Return how many messages there are, by the counts of the conversations."""
        row = self.db.one("select coalesce(sum(message_count), 0) as n from chat_sessions")
        return int(row["n"]) if row is not None else 0

    # Search

    def scope(self, text: str, session_id: str | None = None) -> Scope | None:
        """Return what a search text is about; None where meaning has no say in it."""
        words, extra, _ = self._parsed(text)
        if sum(map(str.isalpha, words)) < 3 or parse_operators(text, self.db.now()).titles_only:
            return None
        if session_id is not None:
            if self.db.one("select 1 from sync_private where conv_id = :id", id=session_id):
                return None  # it has no vectors, and what is looked for in it is given to no model either
            rows = self.db.rows(
                "select local_id from chat_messages where session_id = :id limit :limit", id=session_id, limit=FEW
            )
            return Scope(words, [row["local_id"] for row in rows])
        if extra.sql:
            row = self.db.one(
                f"select coalesce(sum(s.message_count), 0) as n from chat_sessions as s where {extra.sql}",
                **extra.values,
            )
            if row is not None and row["n"] <= FEW:
                rows = self.db.rows(
                    f"""select m.local_id from chat_sessions as s join chat_messages as m on m.session_id = s.id
                    where {extra.sql}""",
                    **extra.values,
                )
                return Scope(words, [row["local_id"] for row in rows])
        return Scope(words, None)

    def hits(self, near: Sequence[Near], query: MeaningQuery) -> list[Hit]:
        """Return messages that are near a search text, with those that have any of its words (reciprocal rank fusion).

        Messages that do not fulfil the filters of the text are left out.
        """
        words, extra, messages = self._parsed(query.text)
        wanted = _words(words) if query.also_words else ()
        with_words = self._with_any(wanted) if query.session_id is None else []
        known = {hit.message_id for hit in query.known}
        parts = {each.place: each for each in near}
        order = fused(parts, with_words)
        if not extra.sql and not messages.sql:
            order = order[: query.limit + len(known) + SPARE]
        rows = {
            row["place"]: row
            for row in self._rows(order, joined(extra, messages), query.session_id)
            if row["message_id"] not in known
        }
        also = set(with_words)
        found = [place for place in order if place in rows][: query.limit]
        return [_hit(rows[place], parts.get(place), wanted if place in also else ()) for place in found]

    def places_of(self, session_id: str) -> list[int]:
        """Return the first questions of a conversation, by which others about the same are found."""
        rows = self.db.rows(
            """select local_id from chat_messages where session_id = :id and role = 'user'
            order by local_id limit :limit""",
            id=session_id, limit=SAMPLED,
        )  # fmt: skip
        return [row["local_id"] for row in rows]

    def related(self, near: Sequence[Near], words: Sequence[Hit], session_id: str, limit: int) -> list[Hit]:
        """Return the best message of each related conversation; ``words``: those that are found by their words."""
        parts = {each.place: each for each in near}
        best: dict[str, Hit] = {}
        rows = {row["place"]: row for row in self._rows(list(parts), Condition("", {}), None)}
        for place, part in parts.items():
            if (row := rows.get(place)) is not None and row["session_id"] != session_id:
                best.setdefault(row["session_id"], _hit(row, part, ()))
        by_words = {hit.session_id: hit for hit in words}
        order = fused(best, by_words)[:limit]
        return [
            replace(best[each], why="meaning and words") if each in best and each in by_words
            else best.get(each) or by_words[each]
            for each in order
        ]  # fmt: skip

    def _parsed(self, text: str) -> tuple[str, Condition, Condition]:
        """Return the words of a search text, its conditions on conversations ``s``, and those on messages ``m``."""
        if "@" in text:
            text = with_saved(text, saved_searches(self.db))
        operators = parse_operators(text, self.db.now())
        wanted = parse_filter(self.db, operators.rest, LONGEST)
        without = without_words(self.db, operators.without, "m.content")
        return wanted.words, conditions(wanted, "s"), joined(operators.messages, without)

    def _with_any(self, words: tuple[str, ...]) -> list[int]:
        """Return those of the newest messages that have most of these words, the rare ones above all.

        BM25 would count every message that has one of the words, which takes a tenth of a second among millions. Words
        that are in very many messages say nothing about one.
        """
        scores: dict[int, float] = defaultdict(float)
        for word in words:
            rows = self.db.rows(
                """select rowid as place from message_search where message_search match :match
                    and rowid > (select coalesce(max(local_id), 0) from chat_messages) - :lately
                order by rowid desc limit :limit""",
                match=f'"{word}"', lately=NEWEST, limit=COMMON,
            )  # fmt: skip
            if len(rows) < COMMON:
                for row in rows:
                    scores[row["place"]] += log(NEWEST / len(rows))
        return sorted(scores, key=lambda place: (-scores[place], -place))[:WITH_ANY_WORD]

    def _rows(self, places: Sequence[int], extra: Condition, session_id: str | None) -> list[sqlite3.Row]:
        return self.db.rows(
            f"""select m.local_id as place, m.id as message_id, m.session_id, m.role, m.message_timestamp as at,
                s.title, substr(m.content, 1, {LONGEST_TEXT}) as content
            from json_each(:places) as wanted
            join chat_messages as m on m.local_id = wanted.value
            join chat_sessions as s on s.id = m.session_id
            where {_READABLE} and (:session is null or m.session_id = :session) and {extra.sql or "true"}""",
            places=to_json(list(places)), session=session_id, **extra.values,
        )  # fmt: skip

    def _bounded(self, sql: str, **values: int) -> list[sqlite3.Row]:
        """Return rows until they have too many characters; at least one, if there is any."""
        kept: list[sqlite3.Row] = []
        characters = 0
        for row in self.db.execute(sql, values):
            kept.append(row)
            characters += len(row["text"])
            if characters >= CHARACTERS:
                break
        return kept


def _texts(rows: Sequence[sqlite3.Row]) -> list[Text]:
    return [Text(row["place"], row["text"]) for row in rows if row["text"].strip()]


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a text by which messages are found: those of three letters or more."""
    found = (word.strip('"*') for word in parse_query(text + " ").match.split('" "'))
    return tuple(dict.fromkeys(word for word in found if len(word) > 2))[:MOST_WORDS]


def _hit(row: sqlite3.Row, part: Near | None, words: tuple[str, ...]) -> Hit:
    content = row["content"]
    if part is None:
        plain = folded(content)
        there = tuple(word for word in words if folded(word) in plain)
        snippet = marked(around_words(content, there or words))
    else:
        start = part.start
        end = start + min(part.length, SHOWN)
        snippet = marked(("…" if start else "") + content[start:end] + ("…" if end < len(content) else ""))
    why: Why = "some words" if part is None else "meaning and words" if words else "meaning"
    return Hit(
        row["session_id"], row["title"], row["message_id"], row["role"], snippet, row["at"],
        why=why, similarity=part.similarity if part is not None else None, start=part.start if part is not None else 0,
    )  # fmt: skip

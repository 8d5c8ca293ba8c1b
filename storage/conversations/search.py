"""Full-text search as one types: any text is safe, case and accents do not matter, the last word may be unfinished.

The index cuts text into words at spaces and punctuation. Chinese, Japanese, Korean, Thai and the like write no
spaces, and symbols and emoji are no words at all; such a piece of a query is looked for as a substring, in the newest
messages only (:data:`SCANNED`), which takes no index and about as long as a screen refresh. A trigram index, the
other way, is three times the size of the text and knows nothing of one or two letters.

The index knows the first one, two and three letters of words. A longer beginning of a common word, ``inte``, would
have to put together the lists of all words that begin so, a tenth of a second among millions of messages. So the
newest messages with ``int`` are read first, which a common word ends at once; only when :data:`CANDIDATES` of them
are not enough is the index asked, and then the word is a rare one and its lists are short. Either way is quick, and
longer prefix indexes, which would double the index, are not needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from ..database.connection import Database, readable
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .attachment_search import attachments_named
from .list_filter import conditions, parse_filter
from .origins import Condition
from .saved_names import saved_searches, with_saved
from .search_hits import Hit, hit_of
from .search_operators import joined, parse_operators, without_words
from .search_query import LONGEST, Query, parse_query
from .search_snippets import CLOSE, OPEN, folded, marked

SNIPPET_WORDS = 16
SNIPPET_LENGTH = 4_000
"""Characters up to which SQLite makes the snippet. Its time grows with the square of the matches: a pasted log of a
megabyte that repeats a word takes it ten seconds, which everything else would wait for."""
SCANNED = 20_000
"""Number of newest messages that are read for what the index does not know."""

CANDIDATES = 1_500
"""Newest messages with the beginning of the unfinished word that are read before the whole index is asked."""

FEW = 5_000
"""Messages of the conversations that fulfil a filter up to which each is looked up in the index."""

SHOWN = 400
"""Characters of a message from which its line is made where no word was looked for."""

MOST_ASKED = 5
"""Words by which earlier questions are looked for."""
ASKED_LATELY = 200_000
"""Newest messages among which questions, and messages with any word of one, are looked for."""
MOST_TITLES = 10

ALL = Condition("", {})

_FOUND = f"""
select m.id as message_id, m.session_id, m.role, m.message_timestamp as at, s.title,
    case when length(m.content) <= {SNIPPET_LENGTH}
        then snippet(message_search, 0, '{OPEN}', '{CLOSE}', '…', {SNIPPET_WORDS}) end as snippet,
    case when length(m.content) > {SNIPPET_LENGTH} then m.content end as whole
"""
_MESSAGES = f"""{_FOUND}
from message_search as f
join chat_messages as m on m.local_id = f.rowid
join chat_sessions as s on s.id = m.session_id
where f.message_search match :match
"""
# The conversations first: few messages fulfil the filter, and a common word is in very many.
_MESSAGES_OF_FEW = f"""{_FOUND}
from chat_sessions as s
cross join chat_messages as m on m.session_id = s.id
cross join message_search as f on f.rowid = m.local_id
where f.message_search match :match
"""
# The index knows row numbers, not conversations: the range of one's rows keeps a search in it from walking through
# everything.
_RANGE = """
and (:session is null or f.rowid between
    (select min(local_id) from chat_messages where session_id = :session)
    and (select max(local_id) from chat_messages where session_id = :session))
"""
_TITLES = f"""
select chat_sessions.id as session_id, chat_sessions.title, coalesce(last_message_timestamp, created_at) as at,
    highlight(title_search, 0, '{OPEN}', '{CLOSE}') as snippet
from title_search as f
join chat_sessions on chat_sessions.local_id = f.rowid
where f.title_search match :match
"""


def begins_word(word: str, text: bytes | str) -> bool:
    """Return True when a word of ``text`` begins with ``word``, which is folded. Called for thousands of messages.

    Bytes from SQL, because Python refuses to be called with a text that is not UTF-8.
    """
    text = folded(text if isinstance(text, str) else readable(text))
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at >= 0


@in_sentences
class Search:
    """Titles and messages by their words."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def search(self, text: str, *, limit: int = 50, session_id: str | None = None) -> list[Hit]:
        """Find conversations by title, messages by names of attachments, then by their text, the newest first.

        With ``session_id``, only messages of that one.

        The text may have conditions as the list's filter has them (``#tag``, ``is:archived`` and the like), the
        operators of :mod:`.search_operators`, and names of saved searches (``@work``).
        """
        if "@" in text:
            text = with_saved(text, saved_searches(self.db))
        operators = parse_operators(text, self.db.now())
        wanted = parse_filter(self.db, operators.rest, LONGEST)
        query = parse_query(wanted.words + text[len(text.rstrip()) :])
        extra = conditions(wanted, "s")
        if not query.match and not query.parts:
            if operators.are_about_messages and not operators.titles_only:
                return self._newest(joined(extra, operators.messages), limit, session_id)
            return self._conversations(conditions(wanted), limit) if session_id is None else []
        titles = []
        if session_id is None and not operators.are_about_messages:
            also = joined(conditions(wanted), without_words(self.db, operators.without, "chat_sessions.title"))
            titles = self._title_hits(query, limit if operators.titles_only else min(MOST_TITLES, limit), also)
        if operators.titles_only:
            return titles
        messages = joined(operators.messages, without_words(self.db, operators.without, "m.content"))
        both = joined(extra, messages)
        named = self._attachment_hits(query, min(MOST_TITLES, limit - len(titles)), session_id, both)
        known = {hit.message_id for hit in named}
        hits = self._message_hits(query, limit - len(titles) - len(named), session_id, extra, messages)
        return [*titles, *named, *(hit for hit in hits if hit.message_id not in known)]

    def _newest(self, extra: Condition, limit: int, session_id: str | None) -> list[Hit]:
        """Find messages that fulfil conditions, among the newest ones, by nothing else."""
        rows = self.db.rows(
            f"""select m.id as message_id, m.session_id, m.role, m.message_timestamp as at, s.title,
                m.content as snippet
            from chat_messages as m
            join chat_sessions as s on s.id = m.session_id
            where m.role <> 'system' and (:session is null or m.session_id = :session) and {extra.sql}
                and m.local_id > (select coalesce(max(local_id), 0) - {ASKED_LATELY} from chat_messages)
            order by m.local_id desc limit :limit""",
            session=session_id, limit=limit, **extra.values,
        )  # fmt: skip
        return [replace(hit_of(row), snippet=marked(row["snippet"][:SHOWN])) for row in rows]

    def _conversations(self, extra: Condition, limit: int) -> list[Hit]:
        """Find conversations that fulfil conditions, newest first."""
        if not extra.sql:
            return []
        rows = self.db.rows(
            f"""select id, title, coalesce(last_message_timestamp, created_at) as at from chat_sessions
            where {extra.sql} order by coalesce(last_message_timestamp, created_at) desc, id desc limit :limit""",
            limit=limit, **extra.values,
        )  # fmt: skip
        return [Hit(row["id"], row["title"], None, None, marked(row["title"]), row["at"]) for row in rows]

    def search_best(self, text: str, limit: int) -> list[Hit]:
        """Find messages with any word of a question, best first (BM25), among the newest ones."""
        query = parse_query(text)
        words = [word.rstrip("*") for word in query.match.split('" "')]
        words = ['"' + word.strip('"') + '"' for word in words if len(word.strip('"')) > 2]
        if not words:
            return self._message_hits(query, limit, None)
        rows = self.db.rows(
            f"""{_MESSAGES} and f.rowid > (select coalesce(max(local_id), 0) from chat_messages) - {ASKED_LATELY}
            order by f.rank limit :limit""",
            match=" OR ".join(words), limit=limit,
        )  # fmt: skip
        return [hit_of(row, words=tuple(word.strip('"') for word in words)) for row in rows]

    def questions_with_words(self, text: str, limit: int) -> list[str]:
        """Return ids of recent questions with two of the longest words of ``text``, newest first."""
        words = {word.strip('"*') for word in parse_query(text + " ").match.split('" "')}
        longest = sorted((word for word in words if len(word) > 2), key=lambda word: (-len(word), word))[:MOST_ASKED]
        if not longest:
            return []
        pairs = [f'("{item}" AND "{other}")' for item, other in combinations(longest, 2)]
        rows = self.db.rows(
            f"""select m.id from message_search as f join chat_messages as m on m.local_id = f.rowid
            where f.message_search match :match and m.role = 'user'
                and f.rowid > (select coalesce(max(local_id), 0) from chat_messages) - {ASKED_LATELY}
            order by f.rowid desc limit :limit""",
            match=" OR ".join(pairs) or f'"{longest[0]}"', limit=limit,
        )  # fmt: skip
        return [row["id"] for row in rows]

    def _attachment_hits(self, query: Query, limit: int, session_id: str | None, extra: Condition) -> list[Hit]:
        words = (*(word.strip('"*') for word in query.match.split('" "')), *query.parts)
        words = tuple(word for word in words if word)
        if limit <= 0:
            return []
        rows = attachments_named(self.db, words, limit, session_id, extra)
        return [replace(hit_of(row, words), is_attachment=True) for row in rows]

    def _title_hits(self, query: Query, limit: int, extra: Condition) -> list[Hit]:
        more = f"and {extra.sql}" if extra.sql else ""
        if parts := (*query.parts, *query.literal):
            wanted = _all_of(parts, "title")
            rows = self.db.rows(
                f"""select id as session_id, title, coalesce(last_message_timestamp, created_at) as at, title as snippet
                from chat_sessions where {wanted.sql}
                    and (:match = '' or local_id in (select rowid from title_search where title_search match :match))
                    {more}
                order by coalesce(last_message_timestamp, created_at) desc, id desc limit :limit""",
                match=query.match or "", limit=limit, **wanted.values, **extra.values,
            )  # fmt: skip
        else:
            rows = self.db.rows(
                f"{_TITLES} {more} order by f.rowid desc limit :limit", match=query.match, limit=limit, **extra.values
            )
        return [
            Hit(row["session_id"], row["title"], None, None, marked(row["snippet"], parts), row["at"]) for row in rows
        ]

    def _message_hits(
        self,
        query: Query,
        limit: int,
        session_id: str | None,
        extra: Condition = ALL,
        messages: Condition = ALL,
    ) -> list[Hit]:
        """Find messages by words; ``extra`` is a condition on conversations ``s``, ``messages`` on messages ``m``."""
        if limit <= 0 or not (query.match or query.parts):
            return []
        both = joined(extra, messages)
        if query.parts:
            return self._scan(query, limit, session_id, both)
        if query.literal:
            return self._literal_hits(query, limit, session_id, both)
        values = {"session": session_id, "limit": limit, **both.values}
        also = f"and {both.sql}" if both.sql else ""
        is_few = bool(extra.sql) and self._is_few(extra)
        if query.begun and not is_few:
            hits = self._near_hits(query, values, also)
            more = (
                f"select 1 from message_search as f where f.message_search match :match {_RANGE} limit 1 offset :skip"
            )
            if (
                len(hits) == limit
                or self.db.one(more, match=query.near, skip=max(CANDIDATES, limit), session=session_id) is None
            ):
                return hits
        if self._has_imports():
            places = self._newest_places(query.match, values, also)
            also = f"{also} and f.rowid in (select value from json_each(:places))"
            values["places"] = to_json(places)
        rows = self.db.rows(
            f"""{_MESSAGES_OF_FEW if is_few else _MESSAGES} {_RANGE}
                and m.session_id = coalesce(:session, m.session_id) {also}
            order by f.rowid desc limit :limit""",
            match=query.match, **values,
        )  # fmt: skip
        words = tuple(word.strip('"*') for word in query.match.split('" "'))
        rows.sort(key=lambda row: row["at"], reverse=True)
        return [hit_of(row, words=words) for row in rows]

    def _is_few(self, extra: Condition) -> bool:
        row = self.db.one(
            f"select coalesce(sum(s.message_count), 0) as n from chat_sessions as s where {extra.sql}", **extra.values
        )
        return row is not None and row["n"] <= FEW

    def _has_imports(self) -> bool:
        """Return whether messages may be older than those that were stored before them."""
        return self.db.one("select 1 from session_settings where key = 'source' limit 1") is not None

    def _newest_places(self, match: str, values: dict[str, Any], also: str) -> list[int]:
        """Return the index's rows of the newest messages, among those that were stored last."""
        rows = self.db.rows(
            f"""select place from (
                select f.rowid as place from message_search as f
                where f.message_search match :match {_RANGE}
                order by f.rowid desc limit :candidates
            )
            join chat_messages as m on m.local_id = place
            join chat_sessions as s on s.id = m.session_id
            where m.session_id = coalesce(:session, m.session_id) {also}
            order by m.message_timestamp desc, place desc limit :limit""",
            match=match, candidates=max(CANDIDATES, values["limit"]), **values,
        )  # fmt: skip
        return [row["place"] for row in rows]

    def _near_hits(self, query: Query, values: dict[str, Any], also: str) -> list[Hit]:
        self.db.create_function("begins_word", 2, begins_word, deterministic=True)
        rows = self.db.rows(
            f"""select m.id as message_id, m.session_id, m.role, m.message_timestamp as at, s.title,
                null as snippet, m.content as whole
            from (
                select f.rowid as place from message_search as f
                where f.message_search match :match {_RANGE}
                order by f.rowid desc limit :candidates
            )
            join chat_messages as m on m.local_id = place
            join chat_sessions as s on s.id = m.session_id
            where m.session_id = coalesce(:session, m.session_id) and begins_word(:begun, cast(m.content as blob))
                {also}
            order by {"m.message_timestamp desc," if self._has_imports() else ""} place desc limit :limit""",
            match=query.near, begun=query.begun, candidates=max(CANDIDATES, values["limit"]), **values,
        )  # fmt: skip
        wanted = [word.strip('"') for word in query.near.split('" "')[:-1]]
        return [hit_of(row, words=(*wanted, query.begun)) for row in rows]

    def _literal_hits(self, query: Query, limit: int, session_id: str | None, extra: Condition) -> list[Hit]:
        """Read the newest messages that have the letters, and keep those that have them with their symbols."""
        wanted = _all_of(query.literal, "m.content")
        rows = self.db.rows(
            f"""select m.id as message_id, m.session_id, m.role, m.message_timestamp as at, s.title,
                m.content as snippet
            from (
                select f.rowid as place from message_search as f
                where f.message_search match :match {_RANGE}
                order by f.rowid desc limit :scanned
            )
            join chat_messages as m on m.local_id = place
            join chat_sessions as s on s.id = m.session_id
            where m.session_id = coalesce(:session, m.session_id) and {wanted.sql} and {extra.sql or "true"}
            order by place desc limit :limit""",
            match=query.match, session=session_id, scanned=SCANNED, limit=limit, **wanted.values, **extra.values,
        )  # fmt: skip
        words = tuple(word for word in (item.strip('"*').casefold() for item in query.match.split('" "')) if word)
        return [hit_of(row, (*query.literal, *(word for word in words if word not in query.literal))) for row in rows]

    def _scan(self, query: Query, limit: int, session_id: str | None, extra: Condition) -> list[Hit]:
        wanted = _all_of((*query.parts, *query.literal), "m.content")
        rows = self.db.rows(
            f"""select m.id as message_id, m.session_id, m.role, m.message_timestamp as at, s.title,
                m.content as snippet
            from (
                select local_id from chat_messages
                where role <> 'system' and (:session is null or session_id = :session)
                order by local_id desc limit :scanned
            ) as newest
            join chat_messages as m on m.local_id = newest.local_id
            join chat_sessions as s on s.id = m.session_id
            where {wanted.sql} and {extra.sql or "true"}
                and (:match = '' or m.local_id in (select rowid from message_search where message_search match :match))
            order by m.local_id desc limit :limit""",
            match=query.match, session=session_id, scanned=SCANNED, limit=limit, **wanted.values, **extra.values,
        )  # fmt: skip
        return [hit_of(row, (*query.parts, *query.literal)) for row in rows]


@dataclass(frozen=True)
class _Wanted:
    sql: str
    values: dict[str, str]


def _all_of(parts: tuple[str, ...], column: str) -> _Wanted:
    values = {f"part{number}": part for number, part in enumerate(parts)}
    cased = {name: column if part.upper() == part else f"lower({column})" for name, part in values.items()}
    return _Wanted(" and ".join(f"instr({cased[name]}, :{name}) > 0" for name in values), values)

"""Conversations: made, listed, renamed, and the settings that go with each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from .. import ids
from ..database.connection import Database, readable
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import from_json, to_json
from ..records import Conversation, ConversationSummary
from ..text import clip, storable, title_text

DEFAULT_TITLE = "New Chat"
TITLE_LENGTH = 255

NO_SUCH_CONVERSATION = "That conversation is not here any more."

_COLUMNS = """id, user_id, title, created_at, updated_at, last_activity, message_count, total_tokens, last_model,
    last_message_preview, last_message_timestamp"""

_PAGE = """
select
    s.id, s.title, coalesce(s.last_message_preview, '') as preview, s.last_model,
    coalesce(s.last_message_timestamp, s.created_at) as at,
    exists (select 1 from live_replies as l where l.session_id = s.id) as live,
    coalesce((select k.unread from session_marks as k where k.session_id = s.id), 0) as unread,
    coalesce(
        (
            select m.error_message <> ''
                and coalesce(iif(json_valid(m.metadata), json_extract(m.metadata, '$.finish'), null), '') <> 'stopped'
            from chat_messages as m
            where m.session_id = s.id order by m.message_timestamp desc, m.id desc limit 1
        ), 0
    ) as failed,
    exists (select 1 from sync_outbox as o where o.conv_id = s.id) as unsynced,
    exists (select 1 from drafts as d where d.session_id = s.id) as draft,
    exists (select 1 from sync_private as p where p.conv_id = s.id) as private,
    s.title = 'New Chat' and not exists (
        select 1 from sync_session_state as t where t.session_id = s.id and t.title_class = 1
    ) as untitled
from (
    select local_id as place from chat_sessions
    {where}
    order by coalesce(last_message_timestamp, created_at) desc, id desc
    limit :limit offset :offset
)
join chat_sessions as s on s.local_id = place
order by at desc, s.id desc
"""

# like folds ASCII only, which is all that an ASCII needle needs; anything else asks Python, row by row.
_LIKE = "where title like :text escape '\\' or last_message_preview like :text escape '\\'"
_FOLD = "where folded_in(:text, cast(title as blob)) or folded_in(:text, cast(last_message_preview as blob))"


def session_of(row: sqlite3.Row) -> Conversation:
    """Return the record of a row with the columns of a conversation."""
    return Conversation(**{name: text_of(row[name]) for name in Conversation.__slots__})


def text_of(value: Any) -> Any:
    """Return ``value``; text for binary data, which a damaged file may hold in place of text."""
    return readable(value) if type(value) is bytes else value


def folded_in(needle: str, text: bytes | None) -> bool:
    """Return True when ``text`` holds ``needle``, which is case-folded already.

    Bytes, because Python refuses to be called with a text that is not UTF-8.
    """
    return text is not None and needle in readable(text).casefold()


@in_sentences
class Conversations:
    """Conversations as a list and one by one."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def create(self, title: str | None = None, *, session_id: str | None = None) -> Conversation:
        """Create a conversation, and return it. A title that is given counts as given by hand."""
        with self.db.write():
            session_id = session_id or ids.conversation_id(self.db.now(), self.db.token)
            self.db.execute(
                """insert into chat_sessions (id, user_id, title, created_at, updated_at, last_activity)
                values (:id, :user, :title, :now, :now, :now)""",
                {"id": session_id, "user": self.db.user_id, "title": DEFAULT_TITLE, "now": self.db.stamp()},
            )
            self.db.touch(session_id)
            return self.get(session_id) if title is None else self.rename(session_id, title)

    def get(self, session_id: str) -> Conversation:
        """Return the conversation with that id. Raises NotFound."""
        row = self.db.one(f"select {_COLUMNS} from chat_sessions where id = :id", id=session_id)
        if row is None:
            raise NotFound(NO_SUCH_CONVERSATION)
        return session_of(row)

    def count(self, text: str = "") -> int:
        """Return how many conversations there are, or have ``text`` in title or preview, whatever its case."""
        where, text = self._filter(text)
        row = self.db.one(f"select count(*) as n from chat_sessions {where}", text=text)
        return int(row["n"]) if row else 0

    def page(self, offset: int, limit: int, text: str = "") -> list[ConversationSummary]:
        """Return lines of the sidebar, newest first; any part of a long list costs the same."""
        where, text = self._filter(text)
        rows = self.db.rows(_PAGE.format(where=where), limit=max(limit, 0), offset=max(offset, 0), text=text)
        return [
            ConversationSummary(
                row["id"], text_of(row["title"]), text_of(row["preview"]), text_of(row["last_model"]), row["at"],
                bool(row["live"]), bool(row["unread"]), bool(row["failed"]), bool(row["unsynced"]),
                bool(row["draft"]), bool(row["private"]), bool(row["untitled"]),
            )
            for row in rows
        ]  # fmt: skip

    def position(self, session_id: str, text: str = "") -> int | None:
        """Return the line at which :meth:`page` shows a conversation; None when it does not."""
        where, text = self._filter(text)
        row = self.db.one(
            """select coalesce(last_message_timestamp, created_at) as at, title, last_message_preview as preview
            from chat_sessions where id = :id""",
            id=session_id,
        )
        if row is None or (text and not self._matches(text, row["title"], row["preview"])):
            return None
        both = "and (" + where.removeprefix("where ") + ")" if where else ""
        before = self.db.one(
            f"""select
                (select count(*) from chat_sessions where coalesce(last_message_timestamp, created_at) > :at {both})
                + (
                    select count(*) from chat_sessions
                    where coalesce(last_message_timestamp, created_at) = :at and id > :id {both}
                ) as n""",
            at=row["at"], id=session_id, text=text,
        )  # fmt: skip
        return int(before["n"]) if before else None

    def groups(self, bounds: Sequence[str]) -> list[int]:
        """Return for each of these falling times how many conversations are at or after it: places of day headings."""
        counts, above, total = [], "\x7f", 0
        for bound in bounds:
            row = self.db.one(
                """select count(*) as n from chat_sessions
                where coalesce(last_message_timestamp, created_at) >= :bound
                    and coalesce(last_message_timestamp, created_at) < :above""",
                bound=bound, above=above,
            )  # fmt: skip
            total += int(row["n"]) if row else 0
            above = min(above, bound)
            counts.append(total)
        return counts

    def rename(self, session_id: str, title: str) -> Conversation:
        """Give a conversation a title by hand, which only another one by hand replaces, and return it."""
        title = title_text(title)
        if not title.strip():
            raise Invalid("A title cannot be empty.")
        if len(title) > TITLE_LENGTH:
            raise Invalid(f"A title has at most {TITLE_LENGTH} characters; this one has {len(title)}.")
        with self.db.write():
            self._set_title(session_id, title)
            self.db.execute(
                """insert into sync_session_state (session_id, title_class) values (:id, 1)
                on conflict (session_id) do update set title_class = 1""",
                {"id": session_id},
            )
            return self.get(session_id)

    def title_from_exchange(self, session_id: str) -> Conversation | None:
        """Title a conversation after its first prompt, once its first reply has ended, failed or not.

        Return None when nothing is to be done. A title given by hand is never replaced, not even ``New Chat``.
        """
        with self.db.write():
            untitled = self.db.one(
                """select 1 from chat_sessions where id = :id and title = :default
                    and not exists (select 1 from sync_session_state where session_id = :id and title_class = 1)""",
                id=session_id, default=DEFAULT_TITLE,
            )  # fmt: skip
            if untitled is None:
                return None  # before the messages are counted: a long conversation has its title
            row = self.db.one(
                """select content from chat_messages where session_id = :id and role = 'user'
                    and (select count(*) from (select 1 from chat_messages
                        where session_id = :id and role = 'assistant' and standing is not null limit 2)) <= 1
                order by message_timestamp, id limit 1""",
                id=session_id,
            )
            words = " ".join(row["content"][:1000].split()) if row else ""
            if not words:
                return None
            self._set_title(session_id, clip(words, TITLE_LENGTH))
            return self.get(session_id)

    def is_untitled(self, session_id: str) -> bool:
        """Return whether a conversation has the default title, not given by hand."""
        page = _PAGE.format(where="where id = :id")
        rows = self.db.rows(page, id=session_id, limit=1, offset=0)
        return bool(rows and rows[0]["untitled"])

    def _set_title(self, session_id: str, title: str) -> None:
        changed = self.db.execute(
            "update chat_sessions set title = :title where id = :id", {"title": title, "id": session_id}
        ).rowcount
        if not changed:
            raise NotFound(NO_SUCH_CONVERSATION)
        self.db.touch(session_id)

    def mark_read(self, session_id: str) -> None:
        """Take the unread mark away. Costs a read when there is none; does nothing while the file is read-only."""
        if self.db.read_only is not None:
            return
        if self.db.one("select 1 from session_marks where session_id = :id and unread = 1", id=session_id):
            with self.db.write():
                self.db.execute("delete from session_marks where session_id = :id", {"id": session_id})
                self.db.touch(session_id)

    def mark_unread(self, session_id: str) -> None:
        self.db.execute(
            """insert into session_marks (session_id, unread) values (:id, 1)
            on conflict (session_id) do update set unread = 1""",
            {"id": session_id},
        )

    def settings(self, session_id: str) -> dict[str, Any]:
        """Return the settings of one conversation: model, system_prompt, temperature, reasoning_effort and others."""
        rows = self.db.rows(
            "select key, value from session_settings where session_id = :id order by key", id=session_id
        )
        return {row["key"]: from_json(row["value"]) for row in rows}

    def set_setting(self, session_id: str, key: str, value: Any) -> None:
        """Set one of them; None takes it away."""
        with self.db.write():
            self.get(session_id)
            if value is None:
                self.db.execute(
                    "delete from session_settings where session_id = :id and key = :key", {"id": session_id, "key": key}
                )
            else:
                self.db.execute(
                    """insert into session_settings (session_id, key, value) values (:id, :key, :value)
                    on conflict (session_id, key) do update set value = excluded.value where value <> excluded.value""",
                    {"id": session_id, "key": key, "value": to_json(value)},
                )
            self.db.touch(session_id)

    def set_settings(self, session_id: str, values: Mapping[str, Any]) -> None:
        """Set several of them at once; None takes one away."""
        with self.db.write():
            for key, value in values.items():
                self.set_setting(session_id, key, value)

    def _filter(self, text: str) -> tuple[str, str]:
        """Return a where clause for the words of the filter, and its value."""
        text = storable(clip(text.strip(), 200))
        if not text:
            return "", ""
        if text.isascii():
            for special in "\\%_":
                text = text.replace(special, f"\\{special}")
            return _LIKE, f"%{text}%"
        self.db.create_function("folded_in", 2, folded_in, deterministic=True)
        return _FOLD, text.casefold()

    def _matches(self, text: str, title: str, preview: str | None) -> bool:
        where, value = ("folded_in(:text, cast(:title as blob)) or folded_in(:text, cast(:preview as blob))", text)
        if text.isascii():
            where = "(:title like :text escape '\\') or (:preview like :text escape '\\')"
        return bool(self.db.rows(f"select 1 where {where}", text=value, title=title, preview=preview))

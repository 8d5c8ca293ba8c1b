"""Conversations: made, listed, renamed, and the settings that go with each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import ids
from ..database.connection import Database, readable
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import from_json, to_json
from ..records import Conversation, ConversationSummary
from ..text import clip, title_text
from .origins import origin_text

if TYPE_CHECKING:
    from .origins import Condition
    from .saved_filter import SavedFilter

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
    exists (select 1 from live_replies as l where l.session_id = s.id and l.waiting is not null) as waiting,
    coalesce((select k.unread from session_marks as k where k.session_id = s.id), 0) as unread,
    coalesce(
        (
            select m.error_message <> ''
                and coalesce(iif(json_valid(m.metadata), json_extract(m.metadata, '$.finish'), null), '') <> 'stopped'
            from chat_messages as m
            where m.session_id = s.id and not exists (
                select 1 from hidden_messages as h where h.session_id = s.id and h.message_id = m.id
            )
            order by m.message_timestamp desc, m.id desc limit 1
        ), 0
    ) as failed,
    exists (select 1 from sync_outbox as o where o.conv_id = s.id) as unsynced,
    exists (select 1 from drafts as d where d.session_id = s.id) as draft,
    exists (select 1 from sync_private as p where p.conv_id = s.id) as private,
    s.title = 'New Chat' and not exists (
        select 1 from sync_session_state as t where t.session_id = s.id and t.title_class = 1
    ) as untitled,
    place.pinned, place.archived,
    (
        select group_concat(substr(g.key, 5), ' ') from session_settings as g
        where g.session_id = s.id and g.key >= 'tag:' and g.key < 'tag;' and g.value not in ('false', 'null')
    ) as tags,
    (select g.value from session_settings as g where g.session_id = s.id and g.key = 'source') as source,
    (select g.value from session_settings as g where g.session_id = s.id and g.key = 'project') as project
from (
    select local_id, pinned, archived from chat_sessions -- all in the index, while the row may be long
    where {where}
    order by pinned desc, coalesce(last_message_timestamp, created_at) desc, id desc
    limit :limit offset :offset
) as place
join chat_sessions as s on s.local_id = place.local_id
order by place.pinned desc, at desc, s.id desc
"""


def session_of(row: sqlite3.Row) -> Conversation:
    """Return the record of a row with the columns of a conversation."""
    return Conversation(**{name: text_of(row[name]) for name in Conversation._fields})


def text_of(value: Any) -> Any:
    """Return ``value``; text for binary data, which a damaged file may hold in place of text."""
    return readable(value) if type(value) is bytes else value


def title_of_question(question: str) -> str:
    """Return the title that a conversation has from its first question; empty for a question without words."""
    return clip(" ".join(question[:1000].split()), TITLE_LENGTH)


@in_sentences
class Conversations:
    """Conversations as a list and one by one."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._saved: tuple[tuple[str, tuple[int, int]], SavedFilter] | None = None
        """Filter with saved searches that was read last; another one, or any write, makes it read again."""

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

    def total(self) -> int:
        """Return how many conversations there are, archived ones too."""
        row = self.db.one("select count(*) as n from chat_sessions")
        return int(row["n"]) if row else 0

    def count(self, text: str = "") -> int:
        """Return how many conversations the list has with this filter; without one, all but the archived ones."""
        wanted = self._conditions(text)
        row = self.db.one(f"select count(*) as n from chat_sessions where {wanted.sql}", **wanted.values)
        return int(row["n"]) if row else 0

    def pinned(self) -> int:
        """Return how many lines of the unfiltered list are pinned."""
        row = self.db.one("select count(*) as n from chat_sessions where archived = 0 and pinned = 1")
        return int(row["n"]) if row else 0

    def page(self, offset: int, limit: int, text: str = "") -> list[ConversationSummary]:
        """Return lines of the list, pinned ones first, then newest first; any part of a long list costs the same."""
        wanted = self._conditions(text)
        rows = self.db.rows(_PAGE.format(where=wanted.sql), limit=max(limit, 0), offset=max(offset, 0), **wanted.values)
        return [
            ConversationSummary(
                row["id"], text_of(row["title"]), text_of(row["preview"]), text_of(row["last_model"]), row["at"],
                bool(row["live"]), bool(row["unread"]), bool(row["failed"]), bool(row["unsynced"]),
                bool(row["draft"]), bool(row["private"]), bool(row["untitled"]),
                bool(row["pinned"]), bool(row["archived"]), tuple(sorted((text_of(row["tags"]) or "").split())),
                origin_text(row["source"], row["project"]) if row["source"] else "", bool(row["waiting"]),
            )
            for row in rows
        ]  # fmt: skip

    def ids(self, offset: int, limit: int, text: str = "") -> list[str]:
        """Return the ids of these lines."""
        wanted = self._conditions(text)
        rows = self.db.rows(
            f"""select id from chat_sessions where {wanted.sql}
            order by pinned desc, coalesce(last_message_timestamp, created_at) desc, id desc
            limit :limit offset :offset""",
            limit=max(limit, 0), offset=max(offset, 0), **wanted.values,
        )  # fmt: skip
        return [row["id"] for row in rows]

    def listed(self, session_ids: Sequence[str], text: str = "") -> list[str]:
        """Return those of these conversations that the list has with this filter."""
        wanted = self._conditions(text)
        rows = self.db.rows(
            f"select id from chat_sessions where id in (select value from json_each(:ids)) and {wanted.sql}",
            ids=to_json(list(session_ids)), **wanted.values,
        )  # fmt: skip
        return [row["id"] for row in rows]

    def position(self, session_id: str, text: str = "") -> int | None:
        """Return the line at which :meth:`page` shows a conversation; None when it does not."""
        wanted = self._conditions(text)
        row = self.db.one(
            f"""select pinned, coalesce(last_message_timestamp, created_at) as at
            from chat_sessions where id = :id and {wanted.sql}""",
            id=session_id, **wanted.values,
        )  # fmt: skip
        if row is None:
            return None
        count = f"select count(*) from chat_sessions where {wanted.sql}"
        before = self.db.one(
            f"""select ({count} and pinned > :pinned)
                + ({count} and pinned = :pinned and coalesce(last_message_timestamp, created_at) > :at)
                + ({count} and pinned = :pinned and coalesce(last_message_timestamp, created_at) = :at and id > :id)
                as n""",
            id=session_id, **dict(row), **wanted.values,
        )  # fmt: skip
        return int(before["n"]) if before else None

    def groups(self, bounds: Sequence[str]) -> list[int]:
        """Return for each of these falling times how many lines are at or after it, pinned ones left out.

        These are the places of day headings.
        """
        counts, above, total = [], "\x7f", 0
        for bound in bounds:
            row = self.db.one(
                """select count(*) as n from chat_sessions
                where archived = 0 and pinned = 0 and coalesce(last_message_timestamp, created_at) >= :bound
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
            title = title_of_question(row["content"]) if row else ""
            if not title:
                return None
            self._set_title(session_id, title)
            return self.get(session_id)

    def is_untitled(self, session_id: str) -> bool:
        """Return whether a conversation has the default title, not given by hand."""
        page = _PAGE.format(where="id = :id")
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

    def private_of(self, session_ids: Sequence[str]) -> set[str]:
        """Return those of the conversations that stay on this device."""
        rows = self.db.rows(
            "select conv_id from sync_private where conv_id in (select value from json_each(:ids))",
            ids=to_json(list(session_ids)),
        )
        return {row["conv_id"] for row in rows}

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

    def _conditions(self, text: str) -> Condition:
        """Return the conditions of the filter's text for a conversation in the list."""
        from .list_filter import list_conditions, parse_filter

        if "@" not in text:
            return list_conditions(self.db, parse_filter(self.db, text))
        key = (text, self.db.version())
        if self._saved is None or self._saved[0] != key:
            from .saved_filter import saved_filter

            self._saved = (key, saved_filter(self.db, text))
        saved = self._saved[1]
        return list_conditions(self.db, saved.wanted, saved.found, has_archived=saved.has_archived)

"""Full-text index of messages: what is indexed now, what is left for later."""

from __future__ import annotations

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences

AT_ONCE = 5_000
"""Up to so many messages the search index is changed while the person waits; more go through the backlog."""


@in_sentences
class SearchIndex:
    """Full-text index of messages: what is indexed now, what is left for later."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def newest_local_id(self) -> int:
        row = self.db.one("select coalesce(max(local_id), 0) as n from chat_messages")
        return int(row["n"]) if row else 0

    def index_after(self, before: int, *, at_once: int) -> int:
        """Make the messages after that row searchable: up to ``at_once`` now, more of them by :meth:`catch_up`.

        Returns how many more may be indexed at once.
        """
        values = {"before": before, "newest": self.newest_local_id()}
        if values["newest"] - before <= at_once:
            self.db.execute(
                """insert into message_search (rowid, content)
                select local_id, content from searchable_messages where local_id > :before""",
                values,
            )
            return at_once - (values["newest"] - before)
        self.db.execute("insert into search_backlog (first_id, last_id) values (:before + 1, :newest)", values)
        return 0

    def catch_up(self, limit: int = 2_000) -> int:
        """Index some of the messages that an import left for later, newest first; how many. 0: none are left."""
        if self.db.one("select 1 from search_backlog") is None:
            return 0
        with self.db.write():
            row = self.db.one("select first_id, last_id from search_backlog order by first_id desc limit 1")
            if row is None:
                return 0
            values = {"first": row["first_id"], "last": row["last_id"], "limit": limit - 1}
            cut = self.db.one(
                """select local_id from chat_messages where local_id between :first and :last
                order by local_id desc limit 1 offset :limit""",
                **values,
            )
            start = row["first_id"] if cut is None else cut["local_id"]
            done = self.db.execute(
                """insert into message_search (rowid, content)
                select local_id, content from searchable_messages where local_id between :start and :last""",
                {"start": start, "last": row["last_id"]},
            ).rowcount
            if cut is None:
                self.db.execute("delete from search_backlog where first_id = :first", values)
            else:
                self.db.execute(
                    "update search_backlog set last_id = :start - 1 where first_id = :first",
                    {"first": row["first_id"], "start": start},
                )
            return max(done, 1)

    def clear(self) -> None:
        """Empty the index of messages, those in the trash included."""
        self.db.execute("insert into message_search (message_search) values ('delete-all')")
        self.db.execute("update trash set indexed = 0")

    def remove_conversation(self, session_id: str) -> None:
        self.db.execute(
            """insert into message_search (message_search, rowid, content)
            select 'delete', local_id, content from chat_messages
            where session_id = :id and role <> 'system'
                and not exists (select 1 from search_backlog where local_id between first_id and last_id)""",
            {"id": session_id},
        )

    def index_restored(self, token: int, messages: int) -> None:
        if messages > AT_ONCE:
            self.clear()
            self.db.execute("delete from search_backlog")
            self.db.execute(
                """insert into search_backlog (first_id, last_id)
                select min(local_id), max(local_id) from chat_messages having count(*) > 0"""
            )
            return
        self.db.execute(
            """insert into message_search (rowid, content)
            select local_id, content from chat_messages
            where id in (select thing from trash_rows where token = :token and place = 'chat_messages') and role <>
                'system'
                and not exists (select 1 from search_backlog where local_id between first_id and last_id)""",
            {"token": token},
        )

    def defer_after(self, before: int) -> None:
        """Leave the messages after that row to :meth:`catch_up`; pages that follow each other are one range."""
        newest = self.newest_local_id()
        if not self.db.execute(
            "update search_backlog set last_id = :newest where last_id = :before", {"newest": newest, "before": before}
        ).rowcount:
            self.db.execute(
                "insert into search_backlog (first_id, last_id) values (:before + 1, :newest)",
                {"before": before, "newest": newest},
            )

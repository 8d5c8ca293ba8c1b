"""The branch of a conversation that is shown: which messages are hidden, and where the branch ends.

``hidden_messages`` keeps the others, so that a page of the shown branch is read by time, as a page of a conversation
without branches is. Triggers note which conversations have changed; :meth:`ShownBranch.refresh_all` runs before each
commit. Reading each page by a recursive query instead would cost the whole branch each time.
"""

from __future__ import annotations

from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, to_json
from .message_tree import MessageTree

LEAF = "leaf"
"""Setting of a conversation: a message of the branch that is shown."""
BRANCH_END = "branch_end"
"""Setting of a conversation whose shown branch ends at its leaf, although others follow it: the leaf and the newest
message beneath it. It means nothing once there is a newer one.
"""

# An upstream server gets the shown branch; see UpstreamPush.freeze.
_OFFER_UPSTREAM = """
insert into sync_outbox (kind, id, conv_id, op, edited_at)
select 'm', m.id, m.session_id, 'put', t.ms
from json_each(:ids) as j join chat_messages as m on m.id = j.value, sync_moment as t
where m.role <> 'system' and m.session_id not in (select conv_id from sync_private)
    and exists (select 1 from sync_account where mode = 'baseline')
    and not exists (select 1 from sync_remote_message as r where r.message_id = m.id and r.base <> '')
on conflict (kind, id) do nothing
"""


@in_sentences
class ShownBranch:
    """The shown branch of each conversation."""

    def __init__(self, db: Database) -> None:
        self.db = db
        db.before_commit.append(self.refresh_all)

    def refresh_all(self) -> None:
        """Bring conversations that have changed in this write up to date."""
        for row in self.db.rows("select session_id from branched_conversations where stale = 1"):
            self._refresh(row["session_id"])

    def refresh(self, session_id: str) -> None:
        """Bring one conversation up to date, if another program has changed it, and the file can be written."""
        if self._is_stale(session_id):
            if self.db.connection.in_transaction:
                if self.db.is_writing:
                    self._refresh(session_id)
            elif self.db.read_only is None:
                with self.db.write():
                    self._refresh(session_id)

    def leaf(self, session_id: str) -> str | None:
        """Return the last message of the shown branch; None in a conversation without messages."""
        self.refresh(session_id)
        row = self.db.one(
            """select coalesce(
                (select leaf_id from branched_conversations where session_id = :id and leaf_id <> ''),
                (
                    select id from chat_messages where session_id = :id
                    order by message_timestamp desc, id desc limit 1
                )
            ) as id""",
            id=session_id,
        )
        return row["id"] if row else None

    def next_parent(self, session_id: str) -> str | None:
        """Return the ``parent_id`` of a message that continues the shown branch."""
        self.refresh(session_id)
        row = self.db.one(
            "select leaf_id from branched_conversations where session_id = :id and trunk = 0 and leaf_id <> ''",
            id=session_id,
        )
        return row["leaf_id"] if row else None

    def is_line(self, session_id: str) -> bool:
        """Return whether no message of a conversation names its parent: there is one branch."""
        self.refresh(session_id)
        return self.db.one("select 1 from branched_conversations where session_id = :id", id=session_id) is None

    def is_hidden(self, message_id: str, session_id: str) -> bool:
        """Return whether a message is on a branch that is not shown."""
        self.refresh(session_id)
        return self._is_hidden(message_id, session_id)

    def show(self, message_id: str, session_id: str) -> bool:
        """Show the branch of a message, to the newest message beneath it; False where it is shown already."""
        if not self.is_hidden(message_id, session_id):
            return False
        with self.db.write():
            self.set_leaf(session_id, self.tree(session_id).newest_beneath(message_id))
            self.refresh(session_id)
            self.db.touch(session_id)
        return True

    def set_leaf(self, session_id: str, message_id: str | None) -> None:
        """Set the message whose branch is shown, for all devices; None: the newest of all."""
        values = {"id": session_id, "key": LEAF}
        with self.db.write():
            if message_id is None:
                self.db.execute("delete from session_settings where session_id = :id and key = :key", values)
            else:
                self.db.execute(
                    """insert into session_settings (session_id, key, value) values (:id, :key, :value)
                    on conflict (session_id, key) do update set value = excluded.value where value <> excluded.value""",
                    {**values, "value": to_json(message_id)},
                )

    def chosen_leaf(self, session_id: str) -> str | None:
        """Return the message whose branch was chosen; None where nobody has chosen."""
        row = self.db.one(
            "select value from session_settings where session_id = :id and key = :key", id=session_id, key=LEAF
        )
        value: Any = from_json(row["value"]) if row else None
        return value if isinstance(value, str) else None

    def branch_end(self, tree: MessageTree, message_id: str) -> list[str] | None:
        """Return the setting with which the shown branch ends at a message; None where nothing follows it."""
        newest = tree.newest_beneath(message_id) if message_id in tree.parents else message_id
        return [message_id, newest] if newest != message_id else None

    def tree(self, session_id: str) -> MessageTree:
        """Return the whole tree of a conversation."""
        values = {"id": session_id}
        named = {
            row["id"]: row["parent_id"]
            for row in self.db.execute(  # two queries, each of which an index answers
                "select id, parent_id from chat_messages where session_id = :id and parent_id is not null", values
            )
        }
        ids = self.db.execute(
            "select id from chat_messages where session_id = :id order by message_timestamp, id", values
        )
        return MessageTree.of_rows((row["id"], named.pop(row["id"], None)) for row in ids)

    def _is_stale(self, session_id: str) -> bool:
        sql = "select 1 from branched_conversations where session_id = :id and stale = 1"
        return self.db.one(sql, id=session_id) is not None

    def _is_hidden(self, message_id: str, session_id: str) -> bool:
        sql = "select 1 from hidden_messages where session_id = :session and message_id = :id"
        return self.db.one(sql, session=session_id, id=message_id) is not None

    def _refresh(self, session_id: str) -> None:
        values = {"id": session_id}
        before = {
            row["message_id"]
            for row in self.db.rows("select message_id from hidden_messages where session_id = :id", id=session_id)
        }
        named = self.db.one(
            "select 1 from chat_messages where session_id = :id and parent_id is not null limit 1", id=session_id
        )
        end = self.db.one(
            "select value from session_settings where session_id = :id and key = :key", id=session_id, key=BRANCH_END
        )
        if named is None and end is None:
            hidden: set[str] = set()
            self.db.execute("delete from branched_conversations where session_id = :id", values)
        else:
            tree = self.tree(session_id)
            chosen = self.chosen_leaf(session_id)
            leaf = tree.newest_beneath(chosen)
            if chosen is not None and end is not None and from_json(end["value"]) == [chosen, leaf]:
                leaf = chosen
            hidden = tree.parents.keys() - set(tree.path(leaf))
            self.db.execute(
                """update branched_conversations
                set leaf_id = m.id, leaf_at = m.message_timestamp, trunk = :trunk, stale = 0
                from chat_messages as m
                where branched_conversations.session_id = :id and m.id = :leaf""",
                {**values, "leaf": leaf, "trunk": leaf == tree.trunk_end},
            )
        if hidden == before:
            return
        self.db.executemany(
            "delete from hidden_messages where session_id = ? and message_id = ?",
            ((session_id, message_id) for message_id in before - hidden),
        )
        self.db.executemany(
            "insert into hidden_messages (session_id, message_id) values (?, ?)",
            ((session_id, message_id) for message_id in sorted(hidden - before)),
        )
        self.db.execute(_OFFER_UPSTREAM, {"ids": to_json(sorted(before - hidden))})
        self.db.touch(session_id)

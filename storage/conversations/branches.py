"""Branches of conversations: versions of replies and of edited messages, the branch that is shown, and forks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import ids
from ..clock import millis, stamp, stored_time
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid
from ..json_text import to_json
from ..records import Conversation, Message, Version
from ..text import clip
from .conversations import TITLE_LENGTH, Conversations, title_of_question
from .message_order import in_array_order
from .message_tree import ROOT
from .messages import COLUMNS, FIRST, TRUNK, Key, Messages, message_of
from .shown_branch import LEAF, ShownBranch

FORK = " (fork)"
NOT_COPIED = frozenset({LEAF, "pinned", "archived"})
"""Settings that a fork does not take over."""

_NAMED = """
select id, message_timestamp as at from chat_messages
where session_id = :session and parent_id = :parent and (message_timestamp, id) > (:ts, :id)
order by message_timestamp, id
"""
_NAMED_BY = """
select parent_id, message_timestamp as at, id from chat_messages
where session_id = :session and parent_id in (select value from json_each(:ids))
order by parent_id, message_timestamp, id
"""
_TRUNK_AFTER = f"""
select id, message_timestamp as at from chat_messages
where session_id = :session and (message_timestamp, id) > (:ts, :id) and {TRUNK}
order by message_timestamp, id limit 1
"""
_LEAVES = f"""
select {COLUMNS} from chat_messages
where session_id = :session and id in (select value from json_each(:ids))
order by message_timestamp desc, id desc
"""


@in_sentences
class Branches:
    """Branches of conversations."""

    def __init__(
        self, db: Database, conversations: Conversations, messages: Messages, shown_branch: ShownBranch
    ) -> None:
        self.db = db
        self._conversations = conversations
        self._messages = messages
        self._shown_branch = shown_branch

    def siblings(self, message_id: str) -> Version:
        """Return a message's place among those that follow the same message. Raises NotFound."""
        message = self._messages.get(message_id)
        return _version(message_id, self.followers(message.session_id, self._messages.parent(message)))

    def followers(self, session_id: str, parent: Message | None) -> tuple[str, ...]:
        """Return the messages that follow one (None: that begin the conversation), oldest first."""
        ts, id_ = parent.key if parent is not None else FIRST
        name = parent.id if parent is not None else ROOT
        rows = self.db.rows(_NAMED, session=session_id, parent=name, ts=ts, id=id_)
        if parent is None or self._messages.is_trunk(parent):
            rows += self.db.rows(_TRUNK_AFTER, session=session_id, ts=ts, id=id_)
        return tuple(row["id"] for row in sorted(rows, key=lambda row: (row["at"], row["id"])))

    def versions(self, session_id: str, messages: Sequence[Message]) -> dict[str, Version]:
        """Return the places of messages that have siblings, by id. ``messages`` is a page of the shown branch."""
        if not messages or self._shown_branch.is_line(session_id):
            return {}
        before = self._messages.before(session_id, messages[0].key, 1)
        shown = [before[0] if before else None, *messages]
        named: dict[str, list[Key]] = {}
        for row in self.db.rows(
            _NAMED_BY, session=session_id, ids=to_json([parent.id if parent else ROOT for parent in shown[:-1]])
        ):
            named.setdefault(row["parent_id"], []).append((row["at"], row["id"]))
        result = {}
        for place, message in enumerate(messages):
            parent = shown[place]
            keys = [key for key in named.get(parent.id if parent else ROOT, ()) if parent is None or key > parent.key]
            if not keys:
                continue  # nothing follows the parent beside this one
            children = tuple(key[1] for key in keys)
            if not _is_named(parent, shown[place - 1 : place]):
                children = self.followers(session_id, parent)
            if len(children) > 1:
                result[message.id] = _version(message.id, children)
        return result

    def show(self, message_id: str) -> bool:
        """Show the branch of a message, to the newest message beneath it; False where it is shown already.

        Other devices show it too. Raises NotFound.
        """
        return self._shown_branch.show(message_id, self._messages.get(message_id).session_id)

    def switch(self, message_id: str, step: int = 1) -> Message:
        """Show the next version of a message (with ``step`` -1 the one before it), in a ring, and return it.

        Raises Invalid where there is one.
        """
        place = self.siblings(message_id)
        if place.total == 1:
            raise Invalid("This message has one version.")
        target = place.ids[(place.number - 1 + step) % place.total]
        self.show(target)
        return self._messages.get(target)

    def leaf(self, session_id: str) -> str | None:
        """Return the last message of the shown branch."""
        return self._shown_branch.leaf(session_id)

    def ends(self, session_id: str) -> list[Message]:
        """Return the last message of each branch, the newest first."""
        tree = self._shown_branch.tree(session_id)
        leaves = tree.parents.keys() - set(tree.parents.values())
        return [message_of(row) for row in self.db.rows(_LEAVES, session=session_id, ids=to_json(sorted(leaves)))]

    def path(self, message_id: str) -> Iterator[Message]:
        """Yield the messages from the beginning to this one, whether they are shown or not. Raises NotFound."""
        message = self._messages.get(message_id)
        for id_ in reversed(self._shown_branch.tree(message.session_id).path(message_id)):
            yield self._messages.get(id_)

    def fork(self, message_id: str) -> Conversation:
        """Copy the messages up to this one into a new conversation, and return that.

        It has the settings of the old one, and is private if that is. Copies count as no use of a model.
        """
        with self.db.write():
            source = self._conversations.get(self._messages.get(message_id).session_id)
            session_id = ids.conversation_id(self.db.now(), self.db.token)
            values = {"id": session_id, "source": source.id, "ms": millis(self.db.now())}
            self.db.execute(
                "insert into sync_private (conv_id) select :id from sync_private where conv_id = :source", values
            )
            title = source.title
            if self._conversations.is_untitled(source.id):
                prompts = (message.content for message in self.path(message_id) if message.role == "user")
                title = title_of_question(next(prompts, ""))
            named = clip(title, TITLE_LENGTH - len(FORK)) + FORK if title else None
            self._conversations.create(named, session_id=session_id)
            for key, value in self._conversations.settings(source.id).items():
                if key not in NOT_COPIED:
                    self._conversations.set_setting(session_id, key, value)
            self._copy(message_id, session_id)
            self.db.execute(
                """insert into sync_outbox (kind, id, conv_id, op, edited_at)
                select 'm', id, session_id, 'put', :ms from chat_messages
                where session_id = :id and :id not in (select conv_id from sync_private)
                order by message_timestamp, id""",
                values,
            )
            self.db.touch(session_id)
            return self._conversations.get(session_id)

    def _copy(self, message_id: str, session_id: str) -> None:
        """Copy a message and those before it, with ids of their own, as a line."""
        names = [
            row["name"]
            for row in self.db.rows("select name from pragma_table_info('chat_messages')")
            if row["name"] not in ("local_id", "elapsed_time")
        ]
        copied: dict[str, str] = {}
        rows = []
        for message in self.path(message_id):
            row = self.db.one(f"select {', '.join(names)} from chat_messages where id = :id", id=message.id)
            assert row is not None
            copied[message.id] = ids.message_id(stored_time(message.message_timestamp), self.db.token)
            rows.append(
                dict(row)
                | {"id": copied[message.id], "session_id": session_id, "parent_id": None}
                | {"user_message_id": copied.get(message.user_message_id or "")}
            )
        times = in_array_order([stored_time(values["message_timestamp"]) for values in rows], self.db.now())
        for values, at in zip(rows, times, strict=True):  # the new ids must not change the order of equal times
            values["message_timestamp"] = stamp(at)
        with self.db.applying():
            self.db.insert_many("chat_messages", rows)


def _is_named(parent: Message | None, before: Sequence[Message | None]) -> bool:
    """Return whether only messages that name it can follow ``parent``: it has a parent itself, which ``before`` is."""
    return parent is not None and any(one is not None and parent.parent_id == one.id for one in before)


def _version(message_id: str, children: tuple[str, ...]) -> Version:
    return Version(children.index(message_id) + 1, len(children), children)

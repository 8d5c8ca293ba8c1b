"""Prompts that wait in the rows of their replies until their provider can be reached.

A row is marked while its prompt waits and the mark is taken away before the prompt is sent. A process that dies in
between leaves a row without the mark, which becomes an interrupted reply, so no prompt is sent twice. A marked row of
a dead process is taken over by the next one.
"""

from __future__ import annotations

from ..clock import parse, stamp
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..records import LiveReply, Message, NewTurn, Settled
from ..text import storable
from .arriving_replies import ArrivingReplies
from .branches import Branches
from .conversations import Conversations
from .live_replies import LiveReplies
from .messages import Messages
from .process_locks import ProcessLock, is_free
from .trash import Trash


@in_sentences
class WaitingPrompts:
    """Prompts that could not be sent yet."""

    def __init__(
        self,
        db: Database,
        arriving_replies: ArrivingReplies,
        branches: Branches,
        conversations: Conversations,
        live_replies: LiveReplies,
        messages: Messages,
        process_lock: ProcessLock,
        trash: Trash,
    ) -> None:
        self.db = db
        self._arriving_replies = arriving_replies
        self._branches = branches
        self._conversations = conversations
        self._live_replies = live_replies
        self._messages = messages
        self._process_lock = process_lock
        self._trash = trash

    def wait(self, reply_id: str, reason: str) -> float:
        """Let the prompt of a reply wait; return for how many seconds it has waited by now. Raises NotFound."""
        with self.db.write():
            row = self.db.one("select session_id, waiting_since from live_replies where id = :id", id=reply_id)
            if row is None:
                raise NotFound("That reply is not arriving any more.")
            now = self.db.now()
            since = row["waiting_since"] or stamp(now)
            self.db.execute(
                "update live_replies set waiting = :reason, waiting_since = :since where id = :id",
                {"reason": storable(reason), "since": since, "id": reply_id},
            )
            self.db.touch(row["session_id"])
            return max(0.0, (now - parse(since)).total_seconds())

    def release(self, reply_id: str) -> NewTurn:
        """Return the turn as it is now, and mark it as sent: call this before the request. Raises NotFound."""
        with self.db.write():
            turn = self._turn(self._waiting(reply_id))
            self.db.execute("update live_replies set waiting = null where id = :id", {"id": reply_id})
            self.db.touch(turn.session.id)
            return turn

    def take_back(self, reply_id: str) -> Message:
        """Delete a waiting prompt, which undo brings back, with the rows of its replies; return it.

        Raises Invalid for one that other messages follow, as when another version of a reply was asked for, and
        NotFound for one that does not wait any more.
        """
        with self.db.write():
            reply = self._waiting(reply_id)
            question = self._messages.get(reply.user_message_id)
            for other in self._arriving_replies.of(reply.session_id):
                self._waiting(other.id)
            if reply.continues or self._branches.followers(reply.session_id, question):
                raise Invalid("A message that was answered before cannot be taken back. Stop the reply instead.")
            self.db.execute("delete from live_replies where user_message_id = :id", {"id": question.id})
            self._trash.delete_message(question.id)
            return question

    def left(self) -> list[LiveReply]:
        """Return the replies whose prompts wait and whose process has ended, oldest first; none while read-only."""
        waiting = [reply for reply in self._arriving_replies.of() if reply.waiting is not None and not reply.mine]
        return [reply for reply in waiting if self._is_left(reply.id)] if self.db.read_only is None else []

    def take_over(self, reply_id: str) -> NewTurn:
        """Make a prompt that was left this process's. Raises NotFound if another process was first."""
        mine = self._process_lock.take()
        with self.db.write():
            if not self._is_left(reply_id):
                raise NotFound("That prompt is waiting elsewhere.")
            self.db.execute("update live_replies set owner = :mine where id = :id", {"mine": mine, "id": reply_id})
            return self._turn(self._waiting(reply_id))

    def give_up(self) -> None:
        """Settle, as interrupted, the replies to prompts that were left: nobody sends those of this file any more."""
        for reply in self.left():
            self._live_replies.settle(reply.id, Settled("interrupted", "", model=reply.model))

    def leave(self) -> None:
        """Leave the prompts of this process that wait to whatever process looks for them next."""
        with self.db.write():
            self.db.execute(
                "update live_replies set owner = '' where owner = :name and waiting is not null",
                {"name": self._process_lock.name},
            )

    def _waiting(self, reply_id: str) -> LiveReply:
        reply = next((reply for reply in self._arriving_replies.of() if reply.id == reply_id), None)
        if reply is None or reply.waiting is None:
            raise NotFound("It is too late: the message is being sent.")
        return reply

    def _turn(self, reply: LiveReply) -> NewTurn:
        session, question = self._conversations.get(reply.session_id), self._messages.get(reply.user_message_id)
        return NewTurn(session, False, question, reply)

    def _is_left(self, reply_id: str) -> bool:
        row = self.db.one("select owner from live_replies where id = :id and waiting is not null", id=reply_id)
        return row is not None and (not row["owner"] or is_free(self.db.path.parent / row["owner"]))

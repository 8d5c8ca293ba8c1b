"""Replies of this process that are not settled yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sterna.storage import Finish, Message, StoreError

from .comparison import Comparison

if TYPE_CHECKING:
    from .reply import Reply


class AnsweringError(StoreError):
    """The conversation's last reply is still arriving."""

    def __init__(self) -> None:
        super().__init__("A reply to this conversation is still arriving. Wait for it or stop it, then send again.")


class RunningReplies:
    """At most one turn in a conversation; where models are compared, it has several replies."""

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._comparisons: dict[str, Comparison] = {}
        self._claimed: set[str] = set()

    def add(self, prompt: Message, replies: Sequence[Reply]) -> Comparison:
        """Add the replies to a prompt that begin, and return their comparison; a simple turn has one reply."""
        comparison = Comparison(prompt, replies)
        self._replies |= {reply.id: reply for reply in replies}
        self._comparisons |= {reply.id: comparison for reply in replies}
        return comparison

    def remove(self, reply: Reply) -> None:
        """Remove a reply that is settled."""
        del self._replies[reply.id], self._comparisons[reply.id]

    def comparison(self, session_id: str) -> Comparison | None:
        """Return the comparison of models whose replies are arriving in a conversation, or None."""
        replies = [reply for reply in self.of(session_id) if reply.is_compared]
        return self._comparisons[replies[0].id] if replies else None

    def is_behind(self, reply: Reply) -> bool | None:
        """Return whether another reply of its comparison is to be shown; None where it is compared with none."""
        return self._comparisons[reply.id].is_behind(reply) if reply.is_compared else None

    def all(self) -> list[Reply]:
        """Return all of them, the oldest first."""
        return list(self._replies.values())

    def of(self, session_id: str) -> list[Reply]:
        """Return those of a conversation, the oldest first."""
        return [reply for reply in self._replies.values() if reply.session_id == session_id]

    def stop(self, session_id: str, finish: Finish = "stopped") -> bool:
        """Stop the replies of a conversation; return False if there is none, or they have just ended."""
        return sum(reply.stop(finish) for reply in self.of(session_id)) > 0

    async def halt(self, session_id: str) -> None:
        """Stop the replies of a conversation, and return once they are settled."""
        self.stop(session_id)
        while replies := self.of(session_id):
            await replies[0].changed(replies[0].version)

    @contextmanager
    def claim(self, session_id: str | None) -> Iterator[None]:
        """Prevent a second turn of the conversation while its row is not written yet. Raises AnsweringError."""
        if session_id is None:
            yield
            return
        if session_id in self._claimed or self.of(session_id):
            raise AnsweringError
        self._claimed.add(session_id)
        try:
            yield
        finally:
            self._claimed.discard(session_id)

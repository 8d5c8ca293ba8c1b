"""Comparison: replies of several models to one prompt, which arrive at the same time. Each becomes a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from sterna.storage import Invalid

from .reply import Reply

if TYPE_CHECKING:
    from sterna.storage import Message

FEWEST, MOST = 2, 4
"""Models that can be compared."""


def require_models(models: Sequence[str]) -> None:
    """Raise Invalid unless ``models`` can be compared with each other."""
    if not FEWEST <= len(models) <= MOST or len(set(models)) < len(models):
        raise Invalid(f"Between {FEWEST} and {MOST} different models can be compared.")


class Comparison:
    """Replies to one prompt. The first that has text is shown in the conversation, unless another one is kept."""

    def __init__(self, prompt: Message, replies: Sequence[Reply]) -> None:
        self.prompt = prompt
        self.replies = tuple(replies)
        self.kept: str | None = None
        """Id of the reply that was kept."""
        self._first: str | None = None
        for reply in replies:
            reply.is_compared = len(replies) > 1

    @classmethod
    def of_versions(cls, prompt: Message, versions: Sequence[Message]) -> Self:
        """Return a comparison of replies that have arrived before."""
        replies = []
        for version in versions:
            reply = Reply(version.id, version.session_id, prompt.id, version.model, 0.0)
            reply.add(version.content)
            reply.message = version
            reply.close()
            replies.append(reply)
        return cls(prompt, replies)

    @property
    def session_id(self) -> str:
        """Conversation of the prompt."""
        return self.prompt.session_id

    @property
    def running(self) -> list[Reply]:
        """Replies that are not settled yet."""
        return [reply for reply in self.replies if reply.running]

    def stop(self) -> int:
        """Stop all that are arriving; return how many."""
        return sum(reply.stop() for reply in self.running)

    def keep(self, reply: Reply) -> int:
        """Show this reply once it is settled, and stop the others; return how many were stopped."""
        self.kept = reply.id
        return sum(other.stop() for other in self.running if other is not reply)

    def is_behind(self, reply: Reply) -> bool:
        """Return whether another reply than this one, which is about to be settled, is to be shown."""
        if self._first is None and reply.content.strip() and reply.finish in ("done", "stopped"):
            self._first = reply.id
        return (self.kept or self._first) != reply.id

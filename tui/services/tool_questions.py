"""Questions of running turns whether a tool may be called: each waits for its answer, or for the end of its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sterna.chat import Approval, ToolAsk


class Question:
    """One question, and the answer once there is one."""

    def __init__(self, ask: ToolAsk) -> None:
        self.ask = ask
        self.closed: Callable[[], None] = lambda: None
        """Called once it is answered, or its turn has ended."""
        self._answer: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """False once it is answered, or its turn has ended."""
        return not self._answer.done()

    def answer(self, approval: Approval) -> None:
        """Answer it; a second answer changes nothing."""
        if self.is_open:
            self._answer.set_result(approval)

    async def wait(self) -> Approval:
        """Return the answer. Cancelled, the question is closed."""
        return await self._answer


class ToolQuestions:
    """Open questions of all conversations, in the order in which they were asked."""

    def __init__(self) -> None:
        self._open: list[Question] = []
        self.asked: Callable[[Question], None] = lambda _: None
        """Called for each new question."""
        self.changed: Callable[[], None] = lambda: None
        """Called after a question was added or has gone."""

    async def approve(self, ask: ToolAsk) -> Approval:
        """Ask, and return the answer; cancelled, the question goes."""
        question = Question(ask)
        self._open.append(question)
        self.changed()
        self.asked(question)
        try:
            return await question.wait()
        finally:
            self._open.remove(question)
            question.closed()
            self.changed()

    def of(self, conversation_id: str | None) -> list[Question]:
        """Return the open questions of a conversation."""
        return [question for question in self._open if question.ask.session_id == conversation_id]

    @property
    def conversations(self) -> frozenset[str]:
        """Ids of the conversations in which a question waits."""
        return frozenset(question.ask.session_id for question in self._open)

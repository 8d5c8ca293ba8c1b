"""Sync with an upstream server, which reports no changes: they are found by comparing its lists.

See docs/specification/sync-protocol.md#upstream-mode.

This promises that no message is lost and that the last writer's title stands; deletions reach other devices as far as
such a server allows. A cycle compares the list and fetches what changed before it sends, so that an edit meets what
others wrote meanwhile; between two comparisons only local changes are sent.
"""

from __future__ import annotations

import random

from sterna.storage import OutboxSummary, UpstreamPush

from ..backoff import HOUR_MS
from ..protocol.effects import CurrentTime, CycleResult, Effects, Problem, Transaction
from .pull import ConversationPull
from .push import ConversationPush
from .requests import BudgetExhausted, UpstreamRequests
from .responses import CycleStopped

COMPARE_MS = 270_000
"""Time between two comparisons while there is something to send or to fetch."""
IDLE_MS = 30_000
"""The same where nothing waits: the cycle was requested to find remote changes."""
EXHAUSTED = "The hourly number of requests is used up. The rest is sent later."


class UpstreamSync:
    """Upstream's protocol for one account. Made once per process: it remembers what it sent and when."""

    def __init__(self, user_id: str, *, rng: random.Random, host: str = "") -> None:
        self.requests = UpstreamRequests(user_id, rng=rng, host=host)
        self.pull = ConversationPull(self.requests)
        self.push = ConversationPush(self.requests)
        self._compared_ms: int | None = None

    def cycle(self, fence: int) -> Effects[CycleResult]:
        """Compare, fetch and send, as far as the server allows."""
        self.push.pushed = self.pull.pulled = 0
        problem: Problem | None = None
        complete = False
        try:
            complete = yield from self._exchange(fence)
        except CycleStopped as stopped:
            problem = stopped.problem
        except BudgetExhausted:
            problem = Problem("paused", EXHAUSTED, self.requests.budget.wait_ms(5))
        return CycleResult(self.push.pushed, self.pull.pulled, complete, problem)

    def fetch_newest(self, fence: int) -> Effects[None]:
        """Do nothing: the comparison lists all conversations at once."""
        yield from ()

    def fetch_conversation(self, session_id: str, fence: int) -> Effects[None]:
        """Fetch one conversation's messages now."""
        yield from self.pull.fetch_conversation(session_id, fence)

    def _exchange(self, fence: int) -> Effects[bool]:
        now_ms = yield from CurrentTime()
        outlook = yield from Transaction(UpstreamPush.outlook, now_ms)
        listed = None
        compares = self._is_comparison_due(now_ms, outlook)
        if compares:
            listed = yield from self.pull.compare(fence, now_ms, complete=outlook.doubtful or outlook.clear)
            self._compared_ms = now_ms
        yield from self.pull.fetch(fence)
        if outlook.clear:
            yield from self.push.clear(listed, fence, now_ms)
        if outlook.waits or outlook.has_settings or compares:
            yield from self.push.push(fence, now_ms, skip=(*self.pull.changed, *self.pull.held_back))
        if self.pull.held_back:
            raise CycleStopped(self._missing_problem())
        return not self.pull.changed

    def _is_comparison_due(self, now_ms: int, outlook: OutboxSummary) -> bool:
        if self._compared_ms is None or outlook.doubtful or outlook.clear:
            return True
        wait = COMPARE_MS if outlook.waits or self.pull.changed else IDLE_MS
        return not 0 <= now_ms - self._compared_ms < wait

    def _missing_problem(self) -> Problem:
        host = self.requests.reader.host or "the server"
        return Problem(
            "blocked",
            f"{len(self.pull.held_back):,} conversations are missing at {host}. Nothing was deleted here. Move them to "
            "the trash, or send them again: sterna sync missing",
            HOUR_MS,
        )

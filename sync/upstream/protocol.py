"""Sync with an upstream server: no changes are told there, so everything is found by looking.

See docs/specification/sync-protocol.md#upstream-mode.

What this promises: no message is lost, of a title the last writer's stands, and deletions reach other devices as well
as they can. In a cycle the list is looked at and what changed is fetched before anything is sent, so that an edit meets
what others wrote meanwhile; between two looks only what waits is sent.
"""

from __future__ import annotations

from sterna.storage import Outlook, UpstreamPush

from ..protocol.effects import Cycle, Now, Problem, Tx
from .pull import Pulling
from .push import SPENT, Pushing
from .requests import Spent, Steps
from .responses import Stopped

LOOK_MS = 270_000
"""Between two looks while there is something to send or to fetch."""
IDLE_MS = 30_000
"""The same, when a cycle is asked for and nothing waits: then a look is what is wanted."""
ASK_MS = 3_600_000


class BaselineSync(Pulling, Pushing):
    """Upstream's protocol, for one account. Made once a process: it remembers what it asked and when."""

    _looked_ms: int | None = None

    def cycle(self, fence: int) -> Steps[Cycle]:
        """Look, fetch and send, as far as the server lets one."""
        self._pushed = self._pulled = 0
        problem: Problem | None = None
        complete = False
        try:
            complete = yield from self._once(fence)
        except Stopped as stopped:
            problem = stopped.problem
        except Spent:
            problem = Problem("paused", SPENT, self.budget.wait_ms(5))
        return Cycle(self._pushed, self._pulled, complete, problem)

    def _once(self, fence: int) -> Steps[bool]:
        now_ms: int = yield Now()
        outlook: Outlook = yield Tx(UpstreamPush.outlook, (now_ms,))
        looks = self._is_due(now_ms, outlook)
        if looks:
            listed = yield from self.look(fence, now_ms, sure=outlook.doubtful or outlook.clear)
            self._looked_ms = now_ms
        yield from self.fetch(fence)
        if outlook.clear:
            yield from self.clear(listed if looks else None, fence, now_ms)
        if outlook.waits or looks:
            yield from self.push(fence, now_ms, skip=(*self._left, *self._kept_back))
        if self._kept_back:
            raise Stopped(self._question())
        return not self._left

    def _is_due(self, now_ms: int, outlook: Outlook) -> bool:
        if self._looked_ms is None or outlook.doubtful or outlook.clear:
            return True
        wait = LOOK_MS if outlook.waits or self._left else IDLE_MS
        return not 0 <= now_ms - self._looked_ms < wait

    def _question(self) -> Problem:
        many = len(self._kept_back)
        return Problem(
            "blocked",
            f"{many:,} conversations are not at {self.judge.host} any more. Nothing was deleted here: say whether they "
            "go to the trash, or are sent again (sterna sync missing).",
            ASK_MS,
        )

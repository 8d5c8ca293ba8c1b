"""The sync of one history while a program runs: when to talk to the server, and what to say of it meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .report import SyncReport
from .timing import Timing

if TYPE_CHECKING:
    from storage import StoreThread

    from .accounts import Account
    from .session import Session
    from .wire import Capability

FLUSH_SECONDS = 1.5


class Engine:
    """The messenger of one history. Make it in the event loop that runs it.

    ``make_sync`` gives the protocol for what the server can: for None, upstream's. ``on_report`` is called in the event
    loop whenever :attr:`report` changes.
    """

    def __init__(
        self,
        store: StoreThread,
        account: Account,
        session: Session,
        make_sync: Callable[[Capability | None], Any],
        *,
        timing: Timing | None = None,
        rng: random.Random | None = None,
        on_report: Callable[[SyncReport], None] | None = None,
    ) -> None:
        self.report = SyncReport("synced")

    async def run(self) -> None:
        """Sync until :meth:`stop`. It never raises for what a network, a server or a sign-in does."""
        raise NotImplementedError

    def poke(self, *, now: bool = False) -> None:
        """Something changed here (commits of the store are heard anyway); ``now``: the person asks for a sync."""
        raise NotImplementedError

    async def stop(self, deadline: float = FLUSH_SECONDS) -> None:
        """Send what waits, for so many seconds at most, and end :meth:`run`."""
        raise NotImplementedError

    async def once(self) -> Any:
        """All that can be done now, without :meth:`run`; gives the :class:`~sync.steps.Cycle`."""
        raise NotImplementedError

    async def want(self, session_id: str) -> bool:
        """Fetch the messages of a conversation that is known from the first list only; whether they are there now."""
        raise NotImplementedError

"""Lock that lets one process sync a history. The operating system releases it when the process ends."""

from __future__ import annotations

import logging
from pathlib import Path

from sterna.config import ConfigError
from sterna.config.files import ProcessLock

log = logging.getLogger("sterna.sync")


class SyncLock:
    """Lock on syncing the history in ``database``; never waited for.

    Correctness does not depend on it: of two holders, the fence in the database lets only the newer one write. So where
    no lock can be made, as on some network file systems, the fence alone suffices.
    """

    def __init__(self, database: Path) -> None:
        self._lock = ProcessLock(database.with_name(f"{database.name}.sync-lock"))
        self.held = False

    def acquire(self) -> bool:
        """Acquire the lock if it is free. Return whether this process holds it."""
        if not self.held:
            try:
                self.held = self._lock.try_acquire()
            except ConfigError:
                log.warning("no lock between processes can be made here")
                self.held = True
        return self.held

    def release(self) -> None:
        """Release the lock."""
        self.held = False
        self._lock.release()

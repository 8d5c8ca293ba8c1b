"""One syncing process per history: a lock of the system, which ends with the process that has it and needs no clock."""

from __future__ import annotations

import logging
from pathlib import Path

from sterna.config import ConfigError
from sterna.config.files import ProcessLock

log = logging.getLogger("sterna.sync")


class SyncLock:
    """The right to sync the history in ``database``, asked for and never waited for.

    Nothing is wrong where two have it: the fence in the database lets only the newer one write. So where no lock can be
    made (some network file systems) the fence alone does it.
    """

    def __init__(self, database: Path) -> None:
        self._lock = ProcessLock(database.with_name(f"{database.name}.sync-lock"))
        self.held = False

    def take(self) -> bool:
        """Whether this process may sync now."""
        if not self.held:
            try:
                self.held = self._lock.try_acquire()
            except ConfigError:
                log.warning("no lock between processes can be made here")
                self.held = True
        return self.held

    def give_back(self) -> None:
        """Let the next process sync."""
        self.held = False
        self._lock.release()

"""Temporary folders of test runs: removed at the end, or after a failure when the next run of this checkout starts."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

PREFIX = f"sterna-tests-{sha256(str(Path(__file__).parent).encode()).hexdigest()[:6]}-"

IN_MEMORY = Path("/dev/shm")
ROOM = 8 * 2**30
"""Free bytes from which a file system in memory is used: a run needs some hundred megabytes."""

_kept: set[Path] = set()
_locks: list[int] = []


def new_folder(parent: Path | None = None, prefix: str = PREFIX) -> Path:
    """Create a folder that is removed when this process ends, or later if it is killed.

    It is removed after everything that is registered for the end of the process from now on.
    """
    above = parent or usual_parent()
    remove_abandoned(above, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
    # the system drops the lock of a process that is killed; children do not inherit it
    _locks.append(os.open(_lock_of(folder), os.O_RDWR | os.O_CREAT, 0o600))
    fcntl.flock(_locks[-1], fcntl.LOCK_EX)
    atexit.register(_finish, folder)
    return folder


def usual_parent() -> Path:
    """Return the folder for temporary files: in memory where there is plenty, unless ``TMPDIR`` names one."""
    if "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK | os.X_OK):
        with suppress(OSError):
            if shutil.disk_usage(IN_MEMORY).free >= ROOM:
                return IN_MEMORY
    return Path(tempfile.gettempdir())


def keep(folder: Path) -> None:
    """Leave what tests wrote into ``folder`` to be looked at; not the databases of servers, which are large."""
    _kept.add(folder)


def remove_abandoned(parent: Path, prefix: str = PREFIX) -> None:
    """Remove the folders in ``parent`` whose process has ended."""
    for lock in parent.glob(f"{prefix}*.lock"):
        with suppress(OSError):  # another run removes it, or it is in use
            handle = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(lock.with_suffix(""))
            finally:
                os.close(handle)


def remove_databases(folder: Path) -> None:
    """Remove the PostgreSQL databases below ``folder``, but for their logs."""
    for version in folder.rglob("PG_VERSION"):
        if (database := version.parent).joinpath("postgresql.conf").exists():
            for path in database.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)


def _finish(folder: Path) -> None:
    if folder in _kept:
        remove_databases(folder)
    else:
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")

"""Shared memory for PostgreSQL where the system's is missing, closed or too small, as in some containers."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

FOLDER = Path("/dev/shm")
MIN_FREE = 16 * 1024 * 1024
"""Bytes; a parallel query allocates some megabytes at once."""

IN_FILES = "dynamic_shared_memory_type=mmap"
"""Setting that keeps shared memory in files of the database's folder."""


def settings(*, is_other_user: bool) -> list[str]:
    """Return the settings that PostgreSQL needs on this machine; ``is_other_user``: it runs as somebody else."""
    return [] if sys.platform != "linux" or is_usable(FOLDER, is_other_user=is_other_user) else [IN_FILES]


def is_usable(folder: Path, *, is_other_user: bool) -> bool:
    """Return whether shared memory can be allocated in ``folder``."""
    try:
        file_system, mode = os.statvfs(folder), folder.stat().st_mode
    except OSError:
        return False
    if is_other_user:
        needed = stat.S_IWOTH | stat.S_IXOTH
        is_writable = mode & needed == needed and not file_system.f_flag & os.ST_RDONLY
    else:
        is_writable = os.access(folder, os.W_OK | os.X_OK)
    return is_writable and file_system.f_bavail * file_system.f_frsize >= MIN_FREE

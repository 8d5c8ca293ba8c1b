"""A server in a process of its own, on an embedded PostgreSQL in a temporary folder, and a client that costs little."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

SECRET = "a secret of the measurements, long enough for HS256"
START = datetime(2026, 1, 1, tzinfo=UTC)
Db = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Served:
    """Server that a measurement talks to."""

    port: int
    db: Db
    """The superuser's."""
    process: Pipe

    def person(self) -> tuple[UUID, str]:
        """Somebody new, and a token."""
        from sterna.server.auth.tokens import Tokens
        from sterna.server.settings import ServerSettings

        user = uuid4()
        email = f"{user.hex[:12]}@example.org"
        self.db.execute("insert into auth.users (id, email) values (%s, %s)", (user, email))
        return user, Tokens(ServerSettings(), SECRET, lambda: datetime.now(UTC)).access(user, email)

    def cpu(self) -> float:
        """Seconds that the server's process has used so far."""
        self.process.send("cpu")
        return float(self.process.recv())

    def database_cpu(self) -> float:
        """Seconds that PostgreSQL's processes that are there have used so far, as Linux tells it."""
        ticks = 0
        for (pid,) in self.db.execute("select pid from pg_stat_activity where pid <> pg_backend_pid()").fetchall():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class Client:
    """One connection that stays open."""

    def __init__(self, port: int, token: str) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=120)
        self._http.connect()
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def post(self, path: str, body: bytes) -> float:
        """Seconds until it was answered; anything but success stops the measurement."""
        began = time.perf_counter()
        self._http.request("POST", path, body, self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        taken = time.perf_counter() - began
        if answer.status not in (200, 201) or json.loads(content).get("results", {}).get("errors"):
            raise SystemExit(f"{answer.status}: {content[:400]!r}")
        return taken


def messages(prefix: str, count: int, first: int = 0) -> list[dict[str, Any]]:
    """Questions and answers in turns, of the usual length."""
    result = []
    for n in range(first, first + count):
        one: dict[str, Any] = {
            "id": f"{prefix}_{n}",
            "role": "assistant" if n % 2 else "user",
            "content": f"{n} " + "lorem ipsum dolor sit amet " * 15,
            "timestamp": (START + timedelta(seconds=n)).isoformat(),
        }
        if n % 2:
            one |= {"model": "acme/small", "input_tokens": 31, "output_tokens": 80, "total_tokens": 111}
            one |= {"elapsed_ms": 1830, "completion_id": f"gen-{n}", "user_message_id": f"{prefix}_{n - 1}"}
        result.append(one)
    return result


def _run(url: str, admin_url: str, pipe: Pipe) -> None:
    from sterna.server import garbage_collection
    from sterna.server.app import create_app
    from sterna.server.run import Ending, configured
    from sterna.server.settings import ServerSettings

    settings = ServerSettings(database_url=url, admin_url=admin_url, jwt_secret=SECRET, rate_limits=False)

    class Announcing(Ending):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            garbage_collection.settle()
            pipe.send(listening.getsockname()[1])

    config = configured(create_app(settings), settings)
    listening = socket.create_server(("127.0.0.1", 0))

    async def serve() -> None:
        server = Announcing(config)
        running = asyncio.create_task(server.serve([listening]))
        while await asyncio.to_thread(pipe.recv) == "cpu":
            used = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send(used.ru_utime + used.ru_stime)
        server.should_exit = True
        await running

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())


@contextmanager
def served() -> Iterator[Served]:
    """The server, until the end of the measurement."""
    from sterna.server.database.embedded import APP, SERVICE, start, stop
    from sterna.server.database.migrations import migrate

    with tempfile.TemporaryDirectory() as folder:
        found = start(Path(folder) / "postgres")
        migrate(found.admin_url, app_role=APP, server_role=SERVICE)
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_run, args=(found.url, found.admin_url, theirs))
        process.start()
        try:
            with psycopg.connect(found.admin_url, autocommit=True) as db:
                yield Served(ours.recv(), db, ours)
        finally:
            ours.send("stop")
            process.join(10)
            stop(found.folder)

"""A server in a process of its own, and requests to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

START = "import sys; from sterna.cli import main; sys.exit(main())"
PASSWORD = "correct horse battery"
DEVICE = {"sync-client": "dos/1; proto=1-1"}


@dataclass(frozen=True)
class Target:
    """A running server."""

    host: str
    port: int
    pid: int

    def connect(self, seconds: float = 60) -> HTTPConnection:
        """Return a new connection."""
        return HTTPConnection(self.host, self.port, timeout=seconds)

    def reset_peak(self) -> None:
        """Reset the peak of the server's memory."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_megabytes(self) -> int:
        """Return the peak of the server's memory since :meth:`reset_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        raise LookupError("VmHWM")


@dataclass(frozen=True)
class Account:
    """A signed-up account."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of their requests."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def running(tree: Path, python: Path) -> Iterator[Target]:
    """Run the server of ``tree`` on an empty data folder.

    It has a process group of its own, but shares the session: the kernel compares priorities within one session only.
    """
    with tempfile.TemporaryDirectory(prefix="sterna-dos-") as folder:
        paths = {"STERNA_DATA_DIR": folder, "STERNA_CONFIG_DIR": folder, "PYTHONPATH": str(tree / "src")}
        command = [python, "-c", START, "serve", "--port", "0", "--trusted-proxies", "1", "--log", "json"]
        with (Path(folder) / "log").open("w") as log:
            server = subprocess.Popen(
                command,
                cwd=tree,
                env=os.environ | paths,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                process_group=0,
            )
            try:
                assert server.stdout is not None
                address = server.stdout.readline().strip()
                if not address:
                    sys.exit((Path(folder) / "log").read_text())
                yield Target("127.0.0.1", int(address.rpartition(":")[2]), server.pid)
            finally:
                server.send_signal(signal.SIGINT)
                server.send_signal(signal.SIGINT)
                server.wait(60)


def request(
    connection: HTTPConnection, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Return status and body; status 0 for a closed connection. A ``body`` that is not bytes is sent as JSON."""
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(method, path, sent, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        connection.close()
        return 0, b""


def sign_up(target: Target, address: str) -> Account:
    """Create an account from an address of its own, so that no rate limit applies."""
    body = {"email": f"{uuid4().hex}@example.org", "password": PASSWORD}
    headers = {"X-Forwarded-For": address}
    status, answer = request(target.connect(), "POST", "/auth/v1/signup", body, headers)
    assert status == 200, answer
    session = json.loads(answer)
    return Account(session["user"]["id"], session["access_token"])

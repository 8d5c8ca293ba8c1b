"""Two devices and their server as real processes, which are killed at random, behind a faulty proxy."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sterna.storage import Store, data_dir, open_account
from sterna.sync.protocol.capabilities import client_header
from tests.clients import WORD, Somebody, sign_up
from tests.stories.chaos_proxy import ChaosProxy
from tests.stories.processes import STERNA, Home, until

SECONDS, TURNS = float(os.environ.get("DURATION", "4")), 40
"""Duration of the faults, longer in `make strict`; and the minimum number of words that are typed meanwhile."""


class Device:
    """One device: its folders, the words that were typed there, and its sync in the background."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "config").mkdir()
        (folder / "config" / "config.toml").write_text("discover = false\n", "utf-8")
        self.home = Home(folder)
        self.typed: list[str] = []
        self.syncing: subprocess.Popen[bytes] | None = None

    def sign_in(self, url: str, email: str) -> None:
        command = self.home.start(
            "login", url, "--email", email, "--password-stdin", "--yes", "--adopt", stdin=subprocess.PIPE
        )
        done = command.wait(f"{WORD}\n")
        assert done.code == 0, done.err

    def sync(self) -> None:
        """Start sync in the background unless it is running."""
        if self.syncing is None or self.syncing.poll() is not None:
            self.syncing = subprocess.Popen(
                [STERNA, "sync"], env=self.home.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def kill(self) -> None:
        """Kill sync with SIGKILL."""
        if self.syncing is not None:
            self.syncing.kill()
            self.syncing.wait()

    def write(self, rng: random.Random, word: str) -> None:
        """Type or rename something while sync is running."""
        store = self.open()
        try:
            rows = store.conversations.page(0, 5)
            session_id = rng.choice(rows).id if rows and rng.random() < 0.7 else None
            with store.db.write():
                begun = store.live_replies.begin_turn(session_id, word, model=None)
                store.db.execute("delete from live_replies where id = :id", {"id": begun.reply.id})
            self.typed.append(word)
            if rng.random() < 0.3:
                store.conversations.rename(begun.session.id, f"title of {word}")
        finally:
            store.close()

    def open(self) -> Store:
        return Store.open(open_account(data_dir(self.home.folder / "data")))

    def history(self) -> dict[str, tuple[str, list[tuple[str, str]]]]:
        """Return the title of each conversation, and its messages in order."""
        store = self.open()
        try:
            return {
                row.id: (row.title, [(one.id, one.content) for one in store.messages.before(row.id, None, 10_000)])
                for row in store.conversations.page(0, 10_000)
            }
        finally:
            store.close()

    def waiting(self) -> int:
        answer = self.home.run("sync", "status", "--json")
        return int(json.loads(answer.out)["waiting"])


@pytest.fixture
def proxy() -> Iterator[ChaosProxy]:
    made = ChaosProxy(7)
    yield made
    made.close()


class ServerProcess:
    """The server behind the proxy."""

    def __init__(self, folder: Path, proxy: ChaosProxy) -> None:
        folder.mkdir()
        self.home = Home(folder)
        self._proxy = proxy
        self.serve()

    def serve(self) -> None:
        """Start the server on any port."""
        self.command = self.home.start("serve", "--port", "0", "--no-rate-limits")
        self.command.wait_for_output("http://127.0.0.1:")
        self.command.wait_for_output("\n")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.command.output.decode())
        assert found is not None
        self._proxy.port = int(found[1])

    def kill(self, *, database: bool) -> None:
        """Kill the server with SIGKILL, with ``database`` PostgreSQL too, and start it again."""
        pid = (self.home.folder / "data" / "server" / "postgres" / "postmaster.pid").read_text().split()[0]
        self.command.signal(signal.SIGKILL)
        if database:
            os.kill(int(pid), signal.SIGKILL)
        self.command.wait()
        self.serve()

    def stop(self) -> int:
        """Stop the server. Return the exit code."""
        self.command.signal(signal.SIGTERM)
        return self.command.wait().code

    def history(self, who: Somebody) -> dict[str, tuple[str, list[tuple[str, str]]]]:
        """Return an account's conversations: title of each, and its messages in order."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self._proxy.port}", timeout=30) as http:
            asked = {"email": who.email, "password": WORD}
            token = http.post("/auth/v1/token?grant_type=password", json=asked).json()["access_token"]
            http.headers.update({"authorization": f"Bearer {token}", **client_header()})
            rows: dict[tuple[str, str], dict[str, Any]] = {}
            cur, more = 0, True
            while more:
                answer = http.get("/api/chat/sync", params={"since": cur}).json()["sync"]
                rows |= {(row["kind"], row["id"]): row for row in answer["rows"]}
                cur, more = answer["cur"], answer["more"]
        live = [row for row in rows.values() if row.get("value") is not None]
        inside: dict[str, list[tuple[str, str, str]]] = {row["id"]: [] for row in live if row["kind"] == "c"}
        for row in live:
            if row["kind"] == "m":
                inside[row["session"]].append((row["value"]["timestamp"], row["id"], row["value"]["content"]))
        titles = {row["id"]: row["value"]["title"] for row in live if row["kind"] == "c"}
        return {key: (titles[key], [(id_, text) for _, id_, text in sorted(found)]) for key, found in inside.items()}


@pytest.fixture
def server_process(tmp_path: Path, proxy: ChaosProxy) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "server", proxy)
    yield server
    assert server.stop() == 0


@pytest.mark.slow
def test_no_word_is_lost_while_everything_is_killed_behind_a_faulty_proxy(
    tmp_path: Path, server_process: ServerProcess, proxy: ChaosProxy
) -> None:
    rng = random.Random(11)
    who = sign_up(f"http://127.0.0.1:{proxy.port}")
    devices = [Device(tmp_path / name) for name in ("here", "there")]
    proxy.rate = 0.0
    for one in devices:
        one.sign_in(proxy.url, who.email)
    proxy.rate = 0.25
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or number < TURNS:
        for one in devices:
            one.sync()
        number += 1
        rng.choice(devices).write(rng, f"word {number}.")
        if rng.random() < 0.15:
            rng.choice(devices).kill()
        if rng.random() < 0.05:
            server_process.kill(database=rng.random() < 0.5)
        time.sleep(0.1)
    proxy.rate = 0.0
    for one in devices:
        one.kill()

    def up_to_date() -> bool:
        return all(one.home.run("sync", "--once").code == 0 for one in (*devices, *devices))

    until(up_to_date, "both devices are up to date")
    here, there = (one.history() for one in devices)
    assert here == there == server_process.history(who)
    texts = {text for _, messages in here.values() for _, text in messages}
    assert {word for one in devices for word in one.typed} <= texts
    assert [one.waiting() for one in devices] == [0, 0]

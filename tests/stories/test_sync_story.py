"""Two computers and their server, as real processes that are killed at random, and a wire between them that breaks."""

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
from tests.stories.faulty import Faulty
from tests.stories.living import STERNA, Home, until

SECONDS = 60.0
"""How long everything is killed and written to."""


class Computer:
    """One of the two: its folders, the words that were typed there, and the sync that runs in the background."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "config").mkdir()
        (folder / "config" / "config.toml").write_text("discover = false\n", "utf-8")
        self.home = Home(folder)
        self.typed: list[str] = []
        self.syncing: subprocess.Popen[bytes] | None = None

    def sign_in(self, url: str, email: str) -> None:
        going = self.home.start(
            "login", url, "--email", email, "--password-stdin", "--yes", "--adopt", stdin=subprocess.PIPE
        )
        done = going.end(f"{WORD}\n")
        assert done.code == 0, done.err

    def sync(self) -> None:
        """Let it sync in the background, anew if it was killed."""
        if self.syncing is None or self.syncing.poll() is not None:
            self.syncing = subprocess.Popen(
                [STERNA, "sync"], env=self.home.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def kill(self) -> None:
        """kill -9."""
        if self.syncing is not None:
            self.syncing.kill()
            self.syncing.wait()

    def write(self, rng: random.Random, word: str) -> None:
        """Type something, rename something: whatever the sync is doing meanwhile."""
        store = self.open()
        try:
            rows = store.session_page(0, 5)
            session_id = rng.choice(rows).id if rows and rng.random() < 0.7 else None
            with store.write():
                begun = store.begin_turn(session_id, word, model=None)
                store.db.execute("delete from live_replies where id = :id", {"id": begun.reply.id})
            self.typed.append(word)
            if rng.random() < 0.3:
                store.rename_session(begun.session.id, f"title of {word}")
        finally:
            store.close()

    def open(self) -> Store:
        return Store.open(open_account(data_dir(self.home.folder / "data")))

    def history(self) -> dict[str, tuple[str, list[tuple[str, str]]]]:
        """Every conversation: its title, and its messages in order."""
        store = self.open()
        try:
            return {
                row.id: (row.title, [(one.id, one.content) for one in store.messages_before(row.id, None, 10_000)])
                for row in store.session_page(0, 10_000)
            }
        finally:
            store.close()

    def waiting(self) -> int:
        told = self.home.run("sync", "status", "--json")
        return int(json.loads(told.out)["waiting"])


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    made = Faulty(7)
    yield made
    made.close()


class Keeper:
    """The server, at the far end of the wire."""

    def __init__(self, folder: Path, faulty: Faulty) -> None:
        folder.mkdir()
        self.home = Home(folder)
        self._faulty = faulty
        self.serve()

    def serve(self) -> None:
        """Have it listen, somewhere."""
        self.going = self.home.start("serve", "--port", "0", "--no-rate-limits")
        self.going.hear("http://127.0.0.1:")
        self.going.hear("\n")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.going.heard.decode())
        assert found is not None
        self._faulty.port = int(found[1])

    def kill(self, *, database: bool) -> None:
        """kill -9, of PostgreSQL too when ``database``; and start it again."""
        pid = (self.home.folder / "data" / "server" / "postgres" / "postmaster.pid").read_text().split()[0]
        self.going.signal(signal.SIGKILL)
        if database:
            os.kill(int(pid), signal.SIGKILL)
        self.going.end()
        self.serve()

    def end(self) -> int:
        """Let it end by itself; its exit code."""
        self.going.signal(signal.SIGTERM)
        return self.going.end().code

    def history(self, who: Somebody) -> dict[str, tuple[str, list[tuple[str, str]]]]:
        """What it has of somebody: every conversation's title, and its messages in order."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self._faulty.port}", timeout=30) as http:
            asked = {"email": who.email, "password": WORD}
            token = http.post("/auth/v1/token?grant_type=password", json=asked).json()["access_token"]
            http.headers.update({"authorization": f"Bearer {token}", **client_header()})
            rows: dict[tuple[str, str], dict[str, Any]] = {}
            cur, more = 0, True
            while more:
                told = http.get("/api/chat/sync", params={"since": cur}).json()["sync"]
                rows |= {(row["kind"], row["id"]): row for row in told["rows"]}
                cur, more = told["cur"], told["more"]
        live = [row for row in rows.values() if row.get("value") is not None]
        inside: dict[str, list[tuple[str, str, str]]] = {row["id"]: [] for row in live if row["kind"] == "c"}
        for row in live:
            if row["kind"] == "m":
                inside[row["session"]].append((row["value"]["timestamp"], row["id"], row["value"]["content"]))
        titles = {row["id"]: row["value"]["title"] for row in live if row["kind"] == "c"}
        return {key: (titles[key], [(id_, text) for _, id_, text in sorted(found)]) for key, found in inside.items()}


@pytest.fixture
def keeper(tmp_path: Path, faulty: Faulty) -> Iterator[Keeper]:
    made = Keeper(tmp_path / "keeper", faulty)
    yield made
    assert made.end() == 0


def test_everything_is_killed_behind_a_wire_that_breaks_and_no_word_is_missing(
    tmp_path: Path, keeper: Keeper, faulty: Faulty
) -> None:
    rng = random.Random(11)
    who = sign_up(f"http://127.0.0.1:{faulty.port}")
    computers = [Computer(tmp_path / name) for name in ("here", "there")]
    faulty.rate = 0.0
    for one in computers:
        one.sign_in(faulty.url, who.email)
    faulty.rate = 0.25
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        for one in computers:
            one.sync()
        number += 1
        rng.choice(computers).write(rng, f"word {number}.")
        if rng.random() < 0.03:
            rng.choice(computers).kill()
        if rng.random() < 0.01:
            keeper.kill(database=rng.random() < 0.5)
        time.sleep(0.1)
    faulty.rate = 0.0
    for one in computers:
        one.kill()

    def in_step() -> bool:
        return all(one.home.run("sync", "--once").code == 0 for one in (*computers, *computers))

    until(in_step, "both computers are in step")
    here, there = (one.history() for one in computers)
    assert here == there == keeper.history(who)
    texts = {text for _, messages in here.values() for _, text in messages}
    assert {word for one in computers for word in one.typed} <= texts
    assert [one.waiting() for one in computers] == [0, 0]

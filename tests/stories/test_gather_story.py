"""Histories of two programs grow, are rewound, rotate and vanish, while gathering is killed again and again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from sterna.importers.gather.places import Places
from sterna.importers.gather.rounds import gather_round
from sterna.storage import GatherChoice, SourceChoice, Store, data_dir, open_account

CHOICE = GatherChoice({"claude-code": SourceChoice(), "codex": SourceChoice()})
KILLS = 5


class Claude:
    """One session of Claude Code; its log is a tree of lines."""

    def __init__(self, folder: Path, name: str) -> None:
        self.log = folder / ".claude" / "projects" / "app" / f"{name}.jsonl"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.shown: list[str] = []
        self.lines: list[str] = []

    def say(self, text: str, role: str = "user") -> None:
        parent = f"{self.name} {self.shown[-1]}" if self.shown else None
        line = {
            "type": role, "uuid": f"{self.name} {text}", "parentUuid": parent, "sessionId": self.name,
            "cwd": "/home/ana/app", "timestamp": f"2026-02-01T12:00:{len(self.lines):02}Z",
            "message": {"id": f"{self.name} {text}", "role": role, "content": text},
        }  # fmt: skip
        self.shown.append(text)
        self.lines.append(json.dumps(line) + "\n")
        with self.log.open("a") as file:
            file.write(self.lines[-1])

    def turn(self, number: int) -> None:
        self.say(f"question {number}")
        self.say(f"reply {number}", "assistant")

    def rewind(self) -> None:
        """Go back before the last turn."""
        del self.shown[-2:]

    def rotate(self) -> None:
        """Write the log anew, as another file."""
        new = self.log.with_suffix(".new")
        new.write_text("".join(self.lines))
        new.replace(self.log)


def rollout(folder: Path, numbers: Iterable[int]) -> None:
    """Append turns to a session of Codex, with half a line at its end."""
    log = folder / ".codex" / "sessions" / "rollout-c1.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    if not log.exists():
        lines.append({"type": "session_meta", "payload": {"id": "c1", "cwd": "/home/ana/app"}})
    for number in numbers:
        for role in ("user", "assistant"):
            content = [{"type": "text", "text": f"{role} {number}"}]
            lines.append({"type": "response_item", "payload": {"type": "message", "role": role, "content": content}})
    whole = log.read_bytes().rpartition(b"\n") if log.exists() else (b"", b"", b"")
    text = "".join(json.dumps(line) + "\n" for line in lines)
    log.write_bytes(whole[0] + whole[1])
    with log.open("a") as file:
        file.write(text + '{"type": "response_it')


def opened(folder: Path) -> Store:
    return Store.open(open_account(data_dir(folder)))


def texts(store: Store) -> dict[str, list[str]]:
    """Return the branch that each conversation shows."""
    return {
        str(store.conversations.settings(row.id)["source_id"]): [
            message.content for message in store.messages.after(row.id, None, 1000)
        ]
        for row in store.conversations.page(0, 50)
    }


def test_nothing_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    home, history = tmp_path / "home", tmp_path / "history"
    environment = {**os.environ, "HOME": str(home), "STERNA_DATA_DIR": str(history)}
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        environment.pop(name, None)
    with_store = opened(history)
    with_store.gathered.choose(CHOICE)
    with_store.close()
    random = Random(7)
    grows, vanishes = Claude(home, "grows"), Claude(home, "vanishes")
    for number in range(KILLS):
        for part in range(20):
            grows.turn(number * 20 + part)
            vanishes.turn(number * 20 + part)
        rollout(home, range(number * 20, number * 20 + 20))
        if number % 2:
            grows.rewind()
            grows.turn(1000 + number)
        if number == 3:
            grows.rotate()
        process = subprocess.Popen(
            [sys.executable, "-m", "sterna", "gather", "once"], env=environment, stdout=subprocess.DEVNULL
        )
        time.sleep(random.uniform(0.25, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
    places = Places(home, {}, "linux")
    store = opened(history)
    gather_round(store, places, CHOICE)
    shutil.rmtree(vanishes.log.parent)
    gather_round(store, places, CHOICE)
    assert texts(store) == {
        "grows": grows.shown,
        "vanishes": vanishes.shown,
        "c1": [f"{role} {number}" for number in range(KILLS * 20) for role in ("user", "assistant")],
    }
    stored = sum(row["n"] for row in store.db.rows("select count(*) as n from chat_messages"))
    assert stored == len(grows.lines) + len(vanishes.lines) + KILLS * 40
    assert [done.new + done.updated for done in gather_round(store, places, CHOICE)] == [0, 0]
    store.close()

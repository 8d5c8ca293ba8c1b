"""Somebody who reads and writes a little, all the time, and notes how long it took."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Event
from uuid import uuid4

from .target import DEVICE, Account, Target, request

PAUSE = 0.04


@dataclass(frozen=True)
class Waits:
    """How long a bystander's requests took."""

    seconds: Sequence[float]
    failures: int

    def at(self, part: float) -> float:
        """Return the milliseconds in which this part of the requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0


class Bystander:
    """A process that asks while :meth:`watch` runs."""

    def __init__(self, target: Target, accounts: Sequence[Account]) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_ask, args=(theirs, target, accounts), daemon=True)
        self._process.start()

    def begin(self) -> None:
        """Begin to ask."""
        self._pipe.send("begin")

    def end(self) -> Waits:
        """Stop, and return what was measured."""
        self._pipe.send("end")
        told = self._pipe.recv()
        assert isinstance(told, Waits)
        return told

    def close(self) -> None:
        """End the process."""
        self._pipe.send("close")
        self._process.join(10)


def _ask(pipe: Connection, target: Target, accounts: Sequence[Account]) -> None:
    turn = 0
    connection = target.connect(120)
    while pipe.recv() == "begin":
        seconds, failures = [], 0
        while not pipe.poll():
            turn += 1
            account = accounts[turn % len(accounts)]
            before = time.perf_counter()
            status = _once(connection, account, turn)
            seconds.append(time.perf_counter() - before)
            failures += status != 200
            Event().wait(PAUSE)
        if pipe.recv() == "end":
            pipe.send(Waits(seconds, failures))


def _once(connection: HTTPConnection, account: Account, turn: int) -> int:
    headers = {**account.headers, **DEVICE, "X-Forwarded-For": "10.9.9.9"}
    if turn % 4:
        return request(connection, "GET", "/api/chat/sync?since=0&max_bytes=2000", None, headers)[0]
    value = {"title": f"title {turn}"}
    op = {"kind": "c", "id": f"c{turn % 20}", "op": "put", "value": value}
    sync = {"replica": uuid4().hex, "push_seq": 1, "ops": [op]}
    body = json.dumps({"conversations": [], "sync": sync}).encode()
    return request(connection, "POST", "/api/chat/sync", body, headers)[0]

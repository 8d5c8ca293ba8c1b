"""A client that reads and writes a little, all the time, and measures how long it takes."""

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
"""Seconds between two requests."""


@dataclass(frozen=True)
class Latencies:
    """Durations of a bystander's requests."""

    seconds: Sequence[float]
    failures: int

    def at(self, quantile: float) -> float:
        """Return a quantile in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] * 1000 if ordered else 0.0


class Bystander:
    """A process that sends requests between :meth:`begin` and :meth:`end`."""

    def __init__(self, target: Target, accounts: Sequence[Account]) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_send_requests, args=(theirs, target, accounts), daemon=True)
        self._process.start()

    def begin(self) -> None:
        """Start to send requests."""
        self._pipe.send("begin")

    def end(self) -> Latencies:
        """Stop, and return the measurements."""
        self._pipe.send("end")
        latencies = self._pipe.recv()
        assert isinstance(latencies, Latencies)
        return latencies

    def close(self) -> None:
        """End the process."""
        self._pipe.send("close")
        self._process.join(10)


def _send_requests(pipe: Connection, target: Target, accounts: Sequence[Account]) -> None:
    turn = 0
    connection = target.connect(120)
    while pipe.recv() == "begin":
        seconds, failures = [], 0
        while not pipe.poll():
            turn += 1
            account = accounts[turn % len(accounts)]
            before = time.perf_counter()
            status = _request(connection, account, turn)
            seconds.append(time.perf_counter() - before)
            failures += status != 200
            Event().wait(PAUSE)
        if pipe.recv() == "end":
            pipe.send(Latencies(seconds, failures))


def _request(connection: HTTPConnection, account: Account, turn: int) -> int:
    headers = {**account.headers, **DEVICE, "X-Forwarded-For": "10.9.9.9"}
    if turn % 4:
        return request(connection, "GET", "/api/chat/sync?since=0&max_bytes=2000", None, headers)[0]
    value = {"title": f"title {turn}"}
    op = {"kind": "c", "id": f"c{turn % 20}", "op": "put", "value": value}
    sync = {"replica": uuid4().hex, "push_seq": 1, "ops": [op]}
    body = json.dumps({"conversations": [], "sync": sync}).encode()
    return request(connection, "POST", "/api/chat/sync", body, headers)[0]

"""The wire between devices and the server, and everything that goes wrong on it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sterna.sync.protocol.effects import Request, Response, Unreachable

from .driving import JSON, inflated, served
from .history import History

HTML = {"content-type": "text/html"}

FAULTS: tuple[str, ...] = (
    "lost request",
    "lost answer",
    "late",
    "twice",
    "again later",
    "500 before",
    "503 after",
    "429",
    "413",
    "html",
    "cut off",
    "401",
    "redirect",
    "wrong shape",
)


@dataclass
class Net:
    """One wire for all; ``rate`` of the requests meet with a fault while it is not healed."""

    history: History
    rng: random.Random
    now_ms: Callable[[], int]
    rate: float = 0.0
    faults: Sequence[str] = FAULTS
    delayed: list[Request] = field(default_factory=list)
    """Requests that come to the server once more, much later."""
    requests: int = 0
    bytes_sent: int = 0
    watch: Callable[[bytes], None] = lambda body: None

    def send(self, step: Request) -> Response:
        """Return the response to a device. Raises Unreachable."""
        self.requests += 1
        if step.body is not None:
            self.bytes_sent += len(step.body)
            self.watch(inflated(step.body))
        if self.rng.random() >= self.rate:
            return self._served(step)
        return self._faulty(step, self.rng.choice(self.faults))

    def deliver_late(self) -> None:
        """A request that everybody had given up arrives."""
        if self.delayed:
            self._served(self.delayed.pop(self.rng.randrange(len(self.delayed))))

    def heal(self) -> None:
        """From now on everything arrives."""
        self.rate = 0.0
        self.delayed.clear()

    def _served(self, step: Request) -> Response:
        return served(self.history, step, self.now_ms())

    def _faulty(self, step: Request, fault: str) -> Response:
        match fault:
            case "lost request":
                raise Unreachable("network")
            case "lost answer":
                self._served(step)
                raise Unreachable("network")
            case "late":
                self._served(step)
                raise Unreachable("timeout")
            case "twice":
                self._served(step)
                return self._served(step)
            case "again later":
                self.delayed.append(step)
                return self._served(step)
            case "500 before":
                return Response(500, HTML, b"oops")
            case "503 after":
                self._served(step)
                return Response(503, JSON | {"retry-after": "3"}, b'{"error":"away","code":"service_unavailable"}')
            case "429":
                return Response(429, JSON | {"retry-after": "7"}, b'{"error":"too many","code":"rate_limit_exceeded"}')
            case "413":
                return Response(413, JSON, b'{"error":"too large","code":"payload_too_large"}')
            case "html":
                return Response(200, HTML, b"<html>Welcome to the hotel</html>")
            case "cut off":
                whole = self._served(step)
                return Response(whole.status, whole.headers, whole.body[: len(whole.body) // 2])
            case "401":
                return Response(401, JSON, b'{"error":"who?","code":"auth_required"}')
            case "redirect":
                return Response(302, {"location": "https://portal.example.net/"}, b"")
        self._served(step)
        return Response(200, JSON, b'{"success":true,"sync":{"push_seq":"x","acks":7}}')

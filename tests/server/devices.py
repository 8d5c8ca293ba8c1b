"""A minimal device: pushes ops and pulls rows over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
from accounts import Person

from sterna.sync.wire import DeltaPush, DeltaResponse, Op

CLIENT = {"sync-client": "test/1; proto=1-1"}


class Device:
    """One device's copy of a history."""

    def __init__(self, who: Person | httpx.Client, replica: str = "r1") -> None:
        self.http = who.http if isinstance(who, Person) else who
        self.replica = replica
        self.push_seq = 0
        self.cur = 0
        self.seen = ""

    def headers(self, **more: str) -> dict[str, str]:
        """Return the headers of a request."""
        return (
            CLIENT | ({"sync-seen": self.seen} if self.seen else {}) | {k.replace("_", "-"): v for k, v in more.items()}
        )

    def send(self, *ops: Op, push_seq: int | None = None, **headers: str) -> httpx.Response:
        """Push ops, under the next number if none is given."""
        if push_seq is None:
            self.push_seq += 1
        body = {
            "conversations": [],
            "sync": DeltaPush(self.replica, self.push_seq if push_seq is None else push_seq, ops).encode(),
        }
        return self.http.post("/api/chat/sync", json=body, headers=self.headers(**headers))

    def push(self, *ops: Op, **headers: str) -> DeltaResponse:
        """Push ops and return the decoded response."""
        return self.decode(self.send(*ops, **headers))

    def pull(self, max_bytes: int = 1 << 20, **query: Any) -> DeltaResponse:
        """Pull changes and return the decoded response."""
        request = {"since": self.cur, "max_bytes": max_bytes} | query
        answer = self.decode(self.http.get("/api/chat/sync", params=request, headers=self.headers()))
        self.cur = answer.cur
        return answer

    def decode(self, answer: httpx.Response) -> DeltaResponse:
        """Return the sync object of a response."""
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["success"] is True
        result = DeltaResponse.decode(body["sync"])
        if result.seen is not None:
            self.seen = result.seen.format()
        return result


def conversation_op(session: str = "c1", title: str = "Terns", **more: Any) -> Op:
    """Return an op that puts a conversation."""
    return Op("c", session, "put", value={"title": title}, **more)


def message_op(message: str = "m1", session: str = "c1", content: str = "hello", role: str = "user", **more: Any) -> Op:
    """Return an op that puts a message."""
    value = {"role": role, "content": content, "timestamp": "2026-03-01T12:00:00.000Z"}
    return Op("m", message, "put", session, value=value, **more)

"""A device in a few lines: pushes ops and pulls rows over HTTP, and reads what it is told."""

from __future__ import annotations

from typing import Any

import httpx
from people import Person

from sterna.sync.wire import DeltaAnswer, DeltaPush, Op

CLIENT = {"sync-client": "test/1; proto=1-1"}


class Device:
    """One copy of somebody's history."""

    def __init__(self, who: Person | httpx.Client, replica: str = "r1") -> None:
        self.http = who.http if isinstance(who, Person) else who
        self.replica = replica
        self.push_seq = 0
        self.cur = 0
        self.seen = ""

    def headers(self, **more: str) -> dict[str, str]:
        """What its requests carry."""
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

    def push(self, *ops: Op, **headers: str) -> DeltaAnswer:
        """Push ops that the server takes."""
        return self.heard(self.send(*ops, **headers))

    def pull(self, most: int = 1 << 20, **query: Any) -> DeltaAnswer:
        """What is new."""
        asked = {"since": self.cur, "max_bytes": most} | query
        told = self.heard(self.http.get("/api/chat/sync", params=asked, headers=self.headers()))
        self.cur = told.cur
        return told

    def heard(self, answer: httpx.Response) -> DeltaAnswer:
        """The sync object of an answer."""
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["success"] is True
        found = DeltaAnswer.decode(told["sync"])
        if found.seen is not None:
            self.seen = found.seen.format()
        return found


def talk(session: str = "c1", title: str = "Terns", **more: Any) -> Op:
    """A conversation, put."""
    return Op("c", session, "put", value={"title": title}, **more)


def said(message: str = "m1", session: str = "c1", content: str = "hello", role: str = "user", **more: Any) -> Op:
    """A message, put."""
    value = {"role": role, "content": content, "timestamp": "2026-03-01T12:00:00.000Z"}
    return Op("m", message, "put", session, value=value, **more)

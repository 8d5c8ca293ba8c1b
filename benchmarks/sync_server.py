"""The server's side of sync: pushes of ops, pages of a history, and whether either costs more the longer that is."""

from __future__ import annotations

import gzip
import json
import socket
import time
from http.client import HTTPConnection
from typing import Any

from sterna.sync.wire import DeltaPush, Op

from .report import heading, line, median
from .served import Served, messages, served

BATCH, BATCHES, SINGLES = 500, 24, 300
PAGE = 1 << 20
SIZES = (1_000, 100_000)
SYNC = "/api/chat/sync"


class Device:
    """One copy of somebody's history, on a connection that stays open."""

    def __init__(self, found: Served, token: str, replica: str = "r") -> None:
        self._http = HTTPConnection("127.0.0.1", found.port, timeout=120)
        self._http.connect()
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "sync-client": "bench/1; proto=1-1",
            "accept-encoding": "gzip",
        }
        self._replica, self._push_seq, self.cur, self._seen = replica, 0, 0, ""

    def push(self, *ops: Op) -> float:
        """Seconds until a push with its pull was answered; anything but success stops the measurement."""
        self._push_seq += 1
        body = {"conversations": [], "sync": DeltaPush(self._replica, self._push_seq, ops).encode()}
        packed = gzip.compress(json.dumps(body).encode(), 1)
        more = {"content-encoding": "gzip", "sync-pull": f"cur={self.cur};max={PAGE}", "sync-sent-at": "1000"}
        began = time.perf_counter()
        response = self._ask("POST", SYNC, packed, more)
        taken = time.perf_counter() - began
        if any(ack["result"] != "ok" for ack in response["acks"]):
            raise SystemExit(f"not taken: {response['acks'][0]}")
        self.cur = response["cur"]
        return taken

    def pull(self) -> int:
        """Pull the next page, and return its number of rows."""
        response = self._ask("GET", f"{SYNC}?since={self.cur}&max_bytes={PAGE}", None, {})
        self.cur = response["cur"]
        return len(response["rows"])

    def _ask(self, method: str, path: str, body: bytes | None, more: dict[str, str]) -> dict[str, Any]:
        headers = self._headers | more | ({"sync-seen": self._seen} if self._seen else {})
        self._http.request(method, path, body, headers)
        answer = self._http.getresponse()
        raw = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {raw[:400]!r}")
        response: dict[str, Any] = json.loads(gzip.decompress(raw) if answer.headers["content-encoding"] else raw)[
            "sync"
        ]
        self._seen = response["seen"]
        return response


def talk(session: str, count: int, first: int = 0) -> list[Op]:
    """A conversation and messages of it."""
    response = [Op("m", one["id"], "put", session, value=one) for one in messages(session, count, first)]
    return [Op("c", session, "put", value={"title": "T"}), *response]


def bulk(found: Served) -> str:
    """Print messages a second, in and out; gives the token of who has them."""
    _, token = found.person()
    device = Device(found, token)
    device.push(*talk("warm", 50))
    pushes = [talk(f"bulk{n}", BATCH) for n in range(BATCHES)]
    before, began = found.cpu(), time.perf_counter()
    total = sum(device.push(*ops) for ops in pushes)
    used = found.cpu() - before
    line(f"messages in, {BATCH} a push, one device", f"{BATCH * BATCHES / total:,.0f}/s")
    line("the same, a core of the server's process", f"{BATCH * BATCHES / used:,.0f}/s")
    reader = Device(found, token, "reader")
    before, began, rows = found.cpu(), time.perf_counter(), 0
    while count := reader.pull():
        rows += count
    line(f"rows out, pages of {PAGE >> 20} MiB, one device", f"{rows / (time.perf_counter() - began):,.0f}/s")
    line("the same, a core of the server's process", f"{rows / (found.cpu() - before):,.0f}/s")
    before, began = found.cpu(), time.perf_counter()
    for _ in range(SINGLES):
        reader.pull()
    line("idle pulls, one device", f"{SINGLES / (time.perf_counter() - began):,.0f}/s")
    line("the same, a core of the server's process", f"{SINGLES / (found.cpu() - before):,.0f}/s")
    return token


def growth(found: Served) -> None:
    """Print what one push costs in a short and in a long history."""
    _, token = found.person()
    device = Device(found, token)
    there, medians = 0, []
    for size in SIZES:
        while there < size:
            device.push(*talk("long", BATCH, there))
            there += BATCH
        before = found.cpu()
        taken = [device.push(*talk("long", 1, 10**6 + there * 10 + n)) for n in range(SINGLES)]
        used = found.cpu() - before
        medians.append(median(taken))
        line(f"a push of one message where {size:,} are, p50", f"{medians[-1] * 1000:,.2f} ms")
        line("the same, a core of the server's process", f"{SINGLES / used:,.0f}/s")
    ratio = medians[-1] / medians[0]
    line("the long one against the short", f"{ratio:.2f}×", target="≤ 1.5×", ok=ratio <= 1.5)


def main() -> None:
    """Print all of it."""
    heading("Sync, the server's side")
    with served() as found:
        bulk(found)
        growth(found)


if __name__ == "__main__":
    main()

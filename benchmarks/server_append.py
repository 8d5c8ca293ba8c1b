"""One message more over HTTP, by the length of the conversation it goes to."""

from __future__ import annotations

import json
from typing import Any

from .report import heading, line, median
from .served import Client, Served, messages, served

LENGTHS, APPENDS, BATCH = (10, 1_000, 100_000), 150, 5_000


def fill(client: Client, session: str, count: int) -> None:
    """Store ``count`` messages."""
    for first in range(0, count, BATCH):
        batch = messages(session, min(BATCH, count - first), first)
        client.post("/api/chat/sync", json.dumps({"conversations": [{"id": session, "messages": batch}]}).encode())


def appends(found: Served) -> dict[int, float]:
    """Seconds of one POST, in turns so that all meet the same machine."""
    _, token = found.person()
    client = Client(found.port, token)
    for size in LENGTHS:
        fill(client, f"c{size}", size)
    found.db.execute("analyze")
    taken: dict[int, list[float]] = {size: [] for size in LENGTHS}
    for n in range(APPENDS):
        for size in LENGTHS:
            body: dict[str, Any] = {"sessionId": f"c{size}", "messages": messages(f"c{size}", 1, size + n)}
            taken[size].append(client.post("/api/chat/messages", json.dumps(body).encode()))
    return {size: median(values) for size, values in taken.items()}


def main() -> None:
    """Print it."""
    heading("One message more over HTTP")
    with served() as found:
        taken = appends(found)
    for size, seconds in taken.items():
        line(f"POST of one message to {size:,}", f"{seconds * 1000:,.2f} ms")
    ratio = max(taken.values()) / min(taken.values())
    line("longest against shortest price", f"{ratio:.2f}×", target="≤ 1.5×", ok=ratio <= 1.5)


if __name__ == "__main__":
    main()

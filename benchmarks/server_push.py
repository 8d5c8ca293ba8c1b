"""Messages a second through POST /api/chat/sync against plain COPY into the same tables and indexes."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

from .report import heading, line, median
from .served import Client, Served, messages, served

BODY, BODIES, ROUNDS = 500, 24, 3
PUSHES, LOAD_SECONDS = 400, 5

COLUMNS = [
    "id",
    "role",
    "content",
    "message_timestamp",
    "model",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "elapsed_ms",
    "elapsed_time",
    "completion_id",
    "user_message_id",
]


def body(session: str, batch: list[dict[str, Any]]) -> bytes:
    """A push of one conversation."""
    return json.dumps({"conversations": [{"id": session, "title": "T", "messages": batch}]}).encode()


def copied(found: Served, name: str) -> float:
    """Messages a second by COPY, one transaction a conversation, no triggers."""
    user, _ = found.person()
    rows = [(f"{name}{n}", messages(f"{name}{n}", BODY)) for n in range(BODIES)]
    for table in ("chat_sessions", "chat_messages"):
        found.db.execute(f"alter table {table} disable trigger all".encode())
    began = time.perf_counter()
    for n, (session, batch) in enumerate(rows):
        copy(found, user, session, batch, n * (BODY + 1))
    taken = time.perf_counter() - began
    for table in ("chat_sessions", "chat_messages"):
        found.db.execute(f"alter table {table} enable trigger all".encode())
    return BODY * BODIES / taken


def copy(found: Served, user: UUID, session: str, batch: list[dict[str, Any]], seq: int) -> None:
    """One conversation."""
    db = found.db
    with db.transaction(), db.cursor() as cursor:
        with cursor.copy("copy chat_sessions (user_id, id, title) from stdin") as out:
            out.write_row((user, session, "T"))
        with cursor.copy(f"copy chat_messages (user_id, session_id, {', '.join(COLUMNS)}) from stdin".encode()) as out:
            for one in batch:
                ms = one.get("elapsed_ms", 0)
                row = one | {
                    "message_timestamp": datetime.fromisoformat(one["timestamp"]),
                    "elapsed_ms": ms,
                    "elapsed_time": (ms + 500) // 1000,
                }
                out.write_row((user, session, *(row.get(name) for name in COLUMNS)))
        with cursor.copy("copy sync_rows (user_id, kind, id, session_id, seq, created_seq, time) from stdin") as out:
            out.write_row((user, "c", session, session, seq, seq, 0))
            for n, one in enumerate(batch, seq + 1):
                out.write_row((user, "m", one["id"], session, n, n, 0))


def sent(found: Served, name: str, connections: int) -> float:
    """Messages a second over HTTP, a person a connection."""
    clients = [Client(found.port, found.person()[1]) for _ in range(connections)]
    shares = [
        [body(f"{name}{c}_{n}", messages(f"{name}{c}_{n}", BODY)) for n in range(BODIES // connections)]
        for c in range(connections)
    ]

    def run(client: Client, bodies: list[bytes]) -> None:
        for one in bodies:
            client.post("/api/chat/sync", one)

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(run, clients, shares))
    return BODY * (BODIES // connections) * connections / (time.perf_counter() - began)


def bulk(found: Served) -> None:
    """Print messages a second."""
    sent(found, "warm", 1)
    rates: dict[str, list[float]] = {"copy": [], "1": [], "4": []}
    for n in range(ROUNDS):
        rates["copy"].append(copied(found, f"copy{n}_"))
        rates["1"].append(sent(found, f"one{n}_", 1))
        rates["4"].append(sent(found, f"four{n}_", 4))
    plain = median(rates.pop("copy"))
    line("by COPY, no triggers", f"{plain:,.0f}/s")
    best = max(median(values) for values in rates.values()) / plain
    for connections, values in rates.items():
        line(f"over HTTP, bodies of {BODY}, {connections} at once", f"{median(values):,.0f}/s")
    line("better of the two against COPY", f"{best:.2f}×", target="≥ 0.4×", ok=best >= 0.4)


def single(found: Served) -> None:
    """Print what a push of one message costs, and how long it takes at half of what is possible."""
    client = Client(found.port, found.person()[1])
    bodies = [body("single", messages("single", 1, n)) for n in range(PUSHES)]
    client.post("/api/chat/sync", body("single", messages("single", 1)))
    before, before_below = found.cpu(), found.database_cpu()
    total = sum(client.post("/api/chat/sync", one) for one in bodies)
    spent, spent_below = found.cpu() - before, found.database_cpu() - before_below
    line("pushes of one message, one after the other", f"{PUSHES / total:,.0f}/s")
    line("a core, PostgreSQL's work included", f"{PUSHES / (spent + spent_below):,.0f}/s")
    line("a core of the server, without PostgreSQL's", f"{PUSHES / spent:,.0f}/s")
    pause = 2 * total / PUSHES
    taken = []
    due = time.perf_counter()
    for n in range(int(LOAD_SECONDS / pause)):
        due += pause
        time.sleep(max(0.0, due - time.perf_counter()))
        taken.append(client.post("/api/chat/sync", body("half", messages("half", 1, n))))
    taken.sort()
    line("one push at half of that load, p50", f"{median(taken) * 1000:,.1f} ms")
    line("p99", f"{taken[int(len(taken) * 0.99)] * 1000:,.1f} ms")


def main() -> None:
    """Print all of it."""
    heading("Pushing conversations over HTTP")
    with served() as found:
        bulk(found)
        single(found)


if __name__ == "__main__":
    main()

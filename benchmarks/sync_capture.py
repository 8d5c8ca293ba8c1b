"""What noting a change for a later sync adds to an insert, and how long a change takes from one device to another."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from storage import Store

from .report import heading, line, median, p95
from .served import served
from .syncing import Device

ROWS, ROUNDS, TRIPS = 20_000, 5, 60


def inserts(path: Path, *, capture: bool) -> float:
    """Seconds an insert, many in a transaction."""
    store = Store.open(path)
    session = store.create_session("Talk")
    if not capture:
        names = [row[0] for row in store.db.execute("select name from sqlite_master where name like 'capture_%'")]
        for name in names:
            store.db.execute(f"drop trigger {name}")
    began = time.perf_counter()
    with store.write():
        for n in range(ROWS):
            store.db.execute(
                "insert into chat_messages (id, session_id, role, content, message_timestamp)"
                " values (?, ?, 'user', 'some words', ?)",
                (f"m{n}", session.id, f"2026-01-01T00:00:00.{n:06}Z"),
            )
    taken = time.perf_counter() - began
    store.close()
    return taken / ROWS


def main() -> None:
    """Print it."""
    heading("Noting changes")
    with tempfile.TemporaryDirectory() as folder:
        without = [inserts(Path(folder) / f"w{n}.db", capture=False) for n in range(ROUNDS)]
        noted = [inserts(Path(folder) / f"n{n}.db", capture=True) for n in range(ROUNDS)]
    added = (median(noted) - median(without)) * 1e6
    line("an insert, nothing noted", f"{median(without) * 1e6:.1f} µs")
    line("noting it adds", f"{added:.1f} µs", target="≤ 10 µs", ok=added <= 10)
    heading("From one device to another, both asking at once")
    with served() as found, tempfile.TemporaryDirectory() as folder:
        user, token = found.person()
        one, two = (Device(Path(folder) / f"{name}.db", found.port, user, token) for name in "ab")
        session = one.store.create_session("Talk")
        one.in_step()
        two.in_step()
        taken = []
        for n in range(TRIPS):
            began = time.perf_counter()
            one.store.rename_session(session.id, f"title {n}")
            one.in_step()
            two.in_step()
            taken.append(time.perf_counter() - began)
            assert two.store.get_session(session.id).title == f"title {n}"
        one.close()
        two.close()
    debounce, tick = 1.0, 1.0
    line("push and pull, p95", f"{p95(taken) * 1000:.0f} ms")
    total = p95(taken) + debounce + tick
    line(
        "with the pause before a push and the longest wait for news",
        f"{total:.2f} s",
        target="≤ 2.5 s",
        ok=total <= 2.5,
    )


if __name__ == "__main__":
    main()

"""Cost of change capture per insert, and time of a change from one device to another."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from sterna.storage import Store

from .report import heading, line, median, p95, spread
from .served import served
from .syncing import Device

ROWS, PAIRS, TRIPS = 2_000, 25, 60


def opened(path: Path, *, capture: bool) -> tuple[Store, str]:
    """A history with one conversation, where changes are noted or not."""
    store = Store.open(path)
    session = store.conversations.create("Talk")
    if not capture:
        names = [row[0] for row in store.db.execute("select name from sqlite_master where name like 'capture_%'")]
        for name in names:
            store.db.execute(f"drop trigger {name}")
    return store, session.id


def inserts(store: Store, session: str, turn: int) -> float:
    """Seconds of this process's own work that an insert takes, many in a transaction."""
    began = time.process_time()
    with store.db.write():
        for n in range(ROWS):
            store.db.execute(
                "insert into chat_messages (id, session_id, role, content, message_timestamp)"
                " values (?, ?, 'user', 'some words', ?)",
                (f"m{turn}_{n}", session, f"2026-01-01T00:{turn:02}:00.{n:06}Z"),
            )
    return (time.process_time() - began) / ROWS


def captured() -> None:
    """Print what noting adds, from pairs that are measured one right after the other, each in either order."""
    without: list[float] = []
    added: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        plain = opened(Path(folder) / "plain.db", capture=False)
        noting = opened(Path(folder) / "noting.db", capture=True)
        for turn in range(PAIRS):
            pair = {name: inserts(*one, turn) for name, one in _in_turn(turn, plain=plain, noting=noting)}
            without.append(pair["plain"] * 1e6)
            added.append((pair["noting"] - pair["plain"]) * 1e6)
        plain[0].close()
        noting[0].close()
    line("an insert, nothing noted: median (middle half)", spread(without, "µs"))
    line("noting it adds", spread(added, "µs"), target="≤ 10 µs", ok=median(added) <= 10)


def _in_turn(turn: int, **both: tuple[Store, str]) -> list[tuple[str, tuple[Store, str]]]:
    return list(both.items()) if turn % 2 else list(both.items())[::-1]


def main() -> None:
    """Print it."""
    heading("Noting changes")
    captured()
    heading("From one device to another, both asking at once")
    with served() as found, tempfile.TemporaryDirectory() as folder:
        user, token = found.person()
        one, two = (Device(Path(folder) / f"{name}.db", found.port, user, token) for name in "ab")
        session = one.store.conversations.create("Talk")
        one.in_step()
        two.in_step()
        taken = []
        for n in range(TRIPS):
            began = time.perf_counter()
            one.store.conversations.rename(session.id, f"title {n}")
            one.in_step()
            two.in_step()
            taken.append(time.perf_counter() - began)
            assert two.store.conversations.get(session.id).title == f"title {n}"
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

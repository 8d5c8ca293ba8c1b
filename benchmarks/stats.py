"""Figures about the large history, as ``sterna stats`` and its screen read them, and each of their parts."""

from __future__ import annotations

from collections.abc import Callable

from sterna.storage import Store, open_account
from sterna.storage.analytics import statistics

from . import corpus
from .report import heading, line, median, milliseconds, p95, spread

ROUNDS = 21
TARGET_MS = 500.0
"""A screen that opens within half a second needs no sign that it works."""


def main() -> None:
    """Print how long all figures take, against a count of the messages in an index, which is less than any of them."""
    store = Store.open(open_account(corpus.long_history()))
    messages = store.db.rows("select count(*) as n from chat_messages")[0]["n"]
    heading(f"Statistics, {messages:,} messages")

    def count() -> object:
        return store.db.rows("select count(message_timestamp) as n from chat_messages")

    whole, plain = [], []
    for _ in range(ROUNDS):  # in turn, so that both see the same load
        whole.append(milliseconds(store.statistics.summary))
        plain.append(milliseconds(count))
    rows = store.db.rows
    parts: dict[str, Callable[[], object]] = {
        "days": lambda: rows(statistics.DAYS, user=store.db.user_id),
        "replies: costs and durations": lambda: rows(statistics.REPLIES, newest=statistics.NEWEST),
        "sources": lambda: rows(statistics.SOURCES),
        "hours": lambda: list(store.statistics.newest_hours()),
    }
    for name, work in parts.items():
        line(f"  {name}", spread([milliseconds(work) for _ in range(5)], "ms"))
    store.close()
    line("a count of all messages: median (middle half)", spread(plain, "ms"))
    line("Statistics.summary: median (middle half)", spread(whole, "ms"))
    line("Statistics.summary, p95", f"{p95(whole):.1f} ms", target="p95 ≤ 500 ms", ok=p95(whole) <= TARGET_MS)
    line("ratio of the medians", f"{median(whole) / median(plain):.2f}×")


if __name__ == "__main__":
    main()

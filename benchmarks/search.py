"""Search as you type over the large history: every prefix of every query, as the keys would come."""

from __future__ import annotations

import random
import time

from storage import Store, open_account

from . import corpus
from .report import heading, line, median, p95

QUERIES = 40


def typed() -> list[str]:
    """What stands in the search box after each key, for queries of common, middling and rare words."""
    rng = random.Random(3)
    boxes: list[str] = []
    for number in range(QUERIES):
        top = (40, 2_000, len(corpus.VOCABULARY))[number % 3]
        query = " ".join(corpus.VOCABULARY[rng.randrange(top)] for _ in range(1 + number % 3))
        boxes += [query[:end] for end in range(1, len(query) + 1)]
    return boxes


def main() -> None:
    """Print p50 and p95 of a whole search, against the bare index looking up the same words."""
    heading(f"Search as you type, {corpus.CONVERSATIONS * corpus.MESSAGES:,} messages")
    store = Store.open(open_account(corpus.long_history()))
    boxes = typed()
    for box in boxes[:20]:
        store.search(box)
    ours: list[float] = []
    bare: list[float] = []
    for box in boxes:
        began = time.perf_counter()
        store.search(box)
        ours.append(time.perf_counter() - began)
        words = box.split()
        match = " ".join(f'"{word}"' for word in words[:-1]) + f' "{words[-1]}"*'
        began = time.perf_counter()
        store.db.execute(
            "select rowid from message_search where message_search match ? order by rowid desc limit 50", (match,)
        ).fetchall()
        bare.append(time.perf_counter() - began)
    store.close()
    line("the bare index, newest 50: median, p95", f"{median(bare) * 1e3:.1f} / {p95(bare) * 1e3:.1f} ms")
    line(
        "Store.search: median, p95",
        f"{median(ours) * 1e3:.1f} / {p95(ours) * 1e3:.1f} ms",
        target="p95 ≤ 50 ms",
        ok=p95(ours) <= 0.05,
    )
    line("ratio of the p95s", f"{p95(ours) / p95(bare):.2f}×")


if __name__ == "__main__":
    main()

"""Search as you type over the large history: every prefix of every query, as the keys would come."""

from __future__ import annotations

import random
from functools import partial

from sterna.storage import Store, open_account

from . import corpus
from .report import heading, line, median, milliseconds, p95, spread

QUERIES = 40
BARE_ROUNDS = 3


def typed() -> list[str]:
    """Return the text of the search box after each key, for queries of common, middling and rare words."""
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
        store.search.search(box)
        bare(store, box)
    # a pass of each in turn: a bare query of a common letter takes so long that the search right after it would pay for
    # what it drove out of the caches
    ours: list[list[float]] = []
    plain: list[list[float]] = []
    for _ in range(BARE_ROUNDS):
        ours.append([milliseconds(partial(store.search.search, box)) for box in boxes])
        plain.append([milliseconds(partial(bare, store, box)) for box in boxes])
    store.close()
    for what, rounds in (("the bare index, newest 50", plain), ("Search.search", ours)):
        line(f"{what}: median (middle half)", spread([one for each in rounds for one in each], "ms"))
        line("  p95 of each pass", " / ".join(f"{p95(each):.1f}" for each in rounds) + " ms")
    worst = median([p95(each) for each in ours])
    line("Search.search, the middle p95", f"{worst:.1f} ms", target="p95 ≤ 50 ms", ok=worst <= 50)
    line("ratio of the middle p95s", f"{worst / median([p95(each) for each in plain]):.2f}×")


def bare(store: Store, box: str) -> None:
    """Look the same words up in the index alone."""
    words = box.split()
    match = " ".join(f'"{word}"' for word in words[:-1]) + f' "{words[-1]}"*'
    store.db.execute(
        "select rowid from message_search where message_search match ? order by rowid desc limit 50", (match,)
    ).fetchall()


if __name__ == "__main__":
    main()

"""Search for an earlier similar question in the large history, which follows each question that is sent."""

from __future__ import annotations

import random
import time

from sterna.providers.embedding import embed
from sterna.storage import Store, open_account

from . import corpus
from .report import heading, line, median, p95

QUERIES = 60


def asked() -> list[str]:
    """Questions of common, middling and rare words."""
    rng = random.Random(5)
    tops = (40, 2_000, len(corpus.VOCABULARY))
    return [
        " ".join(corpus.VOCABULARY[rng.randrange(tops[number % 3])] for _ in range(6 + number % 5))
        for number in range(QUERIES)
    ]


def main() -> None:
    """Print p50 and p95 of a look, against the bare index looking up the same words among everything."""
    heading(f"Asked before? {corpus.CONVERSATIONS * corpus.MESSAGES:,} messages")
    store = Store.open(open_account(corpus.long_history()))
    ours: list[float] = []
    bare: list[float] = []
    for question in asked():
        began = time.perf_counter()
        store.visits.similar_questions(question, embed)
        ours.append(time.perf_counter() - began)
        words = sorted(set(question.split()), key=lambda word: (-len(word), word))[:6]
        began = time.perf_counter()
        store.db.execute(
            "select rowid from message_search where message_search match ? order by rank limit 60",
            (" OR ".join(f'"{word}"' for word in words),),
        ).fetchall()
        bare.append(time.perf_counter() - began)
    store.close()
    line("the bare index, best 60 of all: median, p95", f"{median(bare) * 1e3:.1f} / {p95(bare) * 1e3:.1f} ms")
    line(
        "Store.similar_questions: median, p95",
        f"{median(ours) * 1e3:.1f} / {p95(ours) * 1e3:.1f} ms",
        target="p95 ≤ 100 ms",
        ok=p95(ours) <= 0.1,
    )
    line("ratio of the p95s", f"{p95(ours) / p95(bare):.2f}×")


if __name__ == "__main__":
    main()

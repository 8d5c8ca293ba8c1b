"""Search by meaning over the large history: vectors of two million messages, and what is found by them.

The vectors are made up: a topic each, with some noise, as many as there are messages. The model reads the questions.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sterna.chat.meaning.finder import Finder
from sterna.cli.meaning_search import run_in
from sterna.providers.local_embedder import LocalEmbedder
from sterna.storage import HistoryReader, MeaningQuery, VectorFile, open_account
from sterna.storage.meaning.vector_file import FORM, SLOTS, About, Part

from . import corpus
from .report import heading, line, median, milliseconds, p95, spread

COUNT = corpus.CONVERSATIONS * corpus.MESSAGES
TOPICS = 2_000
A_BATCH = 20_000
QUERIES = 60
ROUNDS = 3
TARGET = 150.0


def main() -> None:
    """Print p50 and p95 of a look among all vectors, against the bare scan of their signs; then of a whole search."""
    heading(f"Search by meaning, {COUNT:,} messages")
    asyncio.run(measure())


async def measure() -> None:
    """Measure with one model in memory, as the chat has it."""
    embedder = await LocalEmbedder.load("package")
    path = made(embedder.key)
    rng = random.Random(11)
    asked = [corpus.text(rng, rng.randint(1, 8)) for _ in range(QUERIES)]
    vectors = [vector for vector in await embedder.embed(asked) if vector]
    file = VectorFile.open(path)
    assert file is not None
    for vector in vectors[:10]:
        file.nearest(vector)
        bare(file, vector)
    ours: list[list[float]] = []
    plain: list[list[float]] = []
    for _ in range(ROUNDS):
        ours.append([milliseconds(partial(file.nearest, vector)) for vector in vectors])
        plain.append([milliseconds(partial(bare, file, vector)) for vector in vectors])
    file.close()
    for what, rounds in (("all signs, the nearest of each slot", plain), ("VectorFile.nearest", ours)):
        line(f"{what}: median (middle half)", spread([one for each in rounds for one in each], "ms"))
        line("  p95 of each pass", " / ".join(f"{p95(each):.1f}" for each in rounds) + " ms")
    line("ratio of the middle p95s", f"{median([p95(e) for e in ours]) / median([p95(e) for e in plain]):.2f}×")

    history = HistoryReader.open(open_account(corpus.long_history()))
    finder = Finder(run_in(history), partial(ready, embedder), path)
    whole: list[float] = []
    for text in asked:
        began = time.perf_counter()
        await finder.find(MeaningQuery(text, 20))
        whole.append((time.perf_counter() - began) * 1e3)
    line("a whole search by meaning: median (middle half)", spread(whole[10:], "ms"))
    worst = p95(whole[10:])
    line("a whole search by meaning", f"{worst:.1f} ms", target="p95 ≤ 150 ms", ok=worst <= TARGET)
    await finder.close()
    history.close()
    await embedder.aclose()


def made(key: str) -> Path:
    """Return a file with as many vectors as there are messages; made at the first call."""
    path = corpus.ROOT / f"meaning-{COUNT}-{FORM}"
    done = path.with_name(f"{path.name}.complete")
    if not done.exists():
        began = time.perf_counter()
        print(f"  making {COUNT:,} vectors in {path} …", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = VectorFile.create(path, About(key, "bench", 256, COUNT, 0, -1.0))
        for parts in batches():
            file.put((), parts, top=COUNT, bottom=0)
        file.close()
        done.touch()
        print(f"  made in {time.perf_counter() - began:.0f} s, {path.stat().st_size / 1e6:.0f} MB", flush=True)
    return path


def batches() -> Iterator[list[Part]]:
    """Yield vectors of all messages."""
    import numpy as np

    rng = np.random.default_rng(3)
    topics = rng.standard_normal((TOPICS, 256), dtype=np.float32)
    for first in range(0, COUNT, A_BATCH):
        size = min(A_BATCH, COUNT - first)
        rows = topics[rng.integers(0, TOPICS, size)] + rng.standard_normal((size, 256), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield [Part(first + number + 1, 0, 200, row.tobytes()) for number, row in enumerate(rows)]


def bare(file: VectorFile, vector: bytes) -> None:
    """Compare a vector with all signs by sqlite-vec alone, for the nearest one of each slot."""
    for slot in range(SLOTS):
        file._db.execute(
            "select id from signs where signs match vec_quantize_binary(vec_f32(?)) and k = 1 and slot = ?",
            (vector, slot),
        ).fetchall()


async def ready(embedder: LocalEmbedder) -> LocalEmbedder:
    """Return the model, which is loaded already."""
    return embedder


if __name__ == "__main__":
    main()

"""Histories to measure on: deterministic text with the word frequencies of real language, built once and kept.

``STERNA_BENCH_CONVERSATIONS`` (default 100,000) and ``STERNA_BENCH_MESSAGES`` (default 20 a conversation) set the size,
``STERNA_BENCH_DIR`` where the files are kept (default: ``sterna-bench`` in the system's temporary folder).
"""

from __future__ import annotations

import itertools
import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sterna.storage import Store, open_account

CONVERSATIONS = int(os.environ.get("STERNA_BENCH_CONVERSATIONS", "100000"))
MESSAGES = int(os.environ.get("STERNA_BENCH_MESSAGES", "20"))
ROOT = Path(os.environ.get("STERNA_BENCH_DIR", Path(tempfile.gettempdir()) / "sterna-bench"))

SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ter",
    "na",
    "sol",
    "ve",
    "rin",
    "du",
    "pa",
    "che",
    "lu",
    "for",
    "est",
    "min",
    "dra",
    "gel",
)
START = datetime(2021, 1, 1, tzinfo=UTC)


def vocabulary(size: int = 30_000) -> list[str]:
    """Distinct made-up words, commonest first."""
    words = ("".join(parts) for n in (1, 2, 3, 4) for parts in itertools.product(SYLLABLES, repeat=n))
    chosen = list(itertools.islice(words, size))
    random.Random(7).shuffle(chosen)
    return chosen


VOCABULARY = vocabulary()
WEIGHTS = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(VOCABULARY))))


def text(rng: random.Random, words: int) -> str:
    """That many words, as frequent as words of a language are (Zipf)."""
    return " ".join(rng.choices(VOCABULARY, cum_weights=WEIGHTS, k=words))


def conversation(number: int, messages: int, *, start: datetime = START) -> dict[str, Any]:
    """One conversation, begun 25 × ``number`` minutes after ``start``.

    See docs/specification/endpoints.md#conversation-object.
    """
    rng = random.Random(number)
    begun = start + timedelta(minutes=25 * number)
    rows: list[dict[str, Any]] = []
    for place in range(messages):
        at = begun + timedelta(seconds=20 * place)
        asked = place % 2 == 0
        rows.append(
            {
                "id": f"msg_{number:09d}_{place:06d}",
                "role": "user" if asked else "assistant",
                "content": text(rng, rng.randint(5, 25) if asked else rng.randint(20, 160)),
                "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "model": None if asked else "acme/small",
                "input_tokens": 20,
                "output_tokens": 0 if asked else 80,
                "total_tokens": 20 if asked else 100,
            }
        )
    return {
        "id": f"conv_{number:09d}",
        "title": text(rng, 4).capitalize(),
        "createdAt": begun.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "messages": rows,
    }


def conversations(count: int, messages: int, *, first: int = 0) -> Iterator[dict[str, Any]]:
    """``count`` conversations, oldest first, from the one of that number on."""
    return (conversation(number, messages) for number in range(first, first + count))


def history(name: str, count: int, messages: int, *, extra: list[dict[str, Any]] | None = None) -> Path:
    """The data folder of an account with that history; built at the first call, which takes minutes for millions."""
    folder = ROOT / f"{name}-{count}x{messages}"
    done = folder / ".complete"
    if not done.exists():
        began = time.perf_counter()
        print(f"  building {count * messages:,} messages in {folder} …", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        store = Store.open(open_account(folder))
        store.bulk_import.import_conversations(itertools.chain(conversations(count, messages), extra or []))
        while store.search_index.catch_up(20_000):
            continue
        store.close()
        done.touch()
        print(f"  built in {time.perf_counter() - began:.0f} s", flush=True)
    return folder


def long_history() -> Path:
    """The large account that every measurement shares, with two marked conversations on top of its list."""
    after = START + timedelta(minutes=25 * (CONVERSATIONS + 10))
    marked = [
        marked_conversation(CONVERSATIONS + 1, 40, "short", after),
        marked_conversation(CONVERSATIONS + 2, 10_000, "long", after + timedelta(days=1)),
    ]
    return history("large", CONVERSATIONS, MESSAGES, extra=marked)


def marked_conversation(number: int, messages: int, mark: str, start: datetime) -> dict[str, Any]:
    """A conversation whose last message ends in ``ENDOF<mark>``, beyond what a preview shows."""
    made = conversation(number, messages, start=start - timedelta(minutes=25 * number))
    made["title"] = f"Marked {mark}"
    made["messages"][-1]["content"] = text(random.Random(1), 60) + f" ENDOF{mark}"
    return made


if __name__ == "__main__":
    long_history()

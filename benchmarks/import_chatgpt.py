"""Import of a ChatGPT export of 10,000 conversations against ``json`` parsing the same file, and peak memory; then the
search index of what was imported, which the command makes at its end and the chat in its spare time. Last, one
conversation of 200 MB.

Each measurement is a process of its own, so that the peak is its own too.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .report import heading, line, median

CONVERSATIONS, ROUNDS = 10_000, 3
LARGE_MESSAGES = 143_000
WORDS = ("the", "a", "tern", "gull", "sea", "wind", "over", "under", "flies", "dives", "why", "how", "model", "answer")


def node(rng: random.Random, number: int, parent: str | None, at: float) -> dict[str, Any]:
    """Return a node of a conversation, with the metadata that ChatGPT writes."""
    role = "assistant" if number % 2 else "user"
    name = f"{rng.getrandbits(128):032x}"
    words = " ".join(rng.choices(WORDS, k=rng.randrange(120, 260) if number % 2 else rng.randrange(8, 60)))
    return {
        "id": name,
        "message": {
            "id": name,
            "author": {"role": role, "name": None, "metadata": {}},
            "create_time": at + number * 20,
            "update_time": None,
            "content": {"content_type": "text", "parts": [words]},
            "status": "finished_successfully",
            "end_turn": bool(number % 2),
            "weight": 1.0,
            "metadata": {
                "citations": [],
                "content_references": [],
                "message_type": "next",
                "model_slug": "gpt-4o",
                "default_model_slug": "gpt-4o",
                "parent_id": parent,
                "request_id": f"{rng.getrandbits(64):016x}-IAD",
                "timestamp_": "absolute",
                "finish_details": {"type": "stop", "stop_tokens": [200002]},
                "is_complete": True,
                "serialization_metadata": {"custom_symbol_offsets": []},
            },
            "recipient": "all",
            "channel": None,
        },
        "parent": parent,
        "children": [],
    }


def conversation(rng: random.Random, number: int) -> dict[str, Any]:
    """Return a conversation of 4 to 20 messages, one in ten with another version of a reply."""
    at = 1_680_000_000.0 + number * 7_000
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    last = "root"
    for place in range(rng.randrange(4, 21)):
        made = node(rng, place, last, at)
        mapping[made["id"]] = made
        last = made["id"]
    if number % 10 == 0:
        extra = node(rng, 1, list(mapping)[1], at)
        mapping[extra["id"]] = extra
    identity = f"{rng.getrandbits(128):032x}"
    return {
        "title": " ".join(rng.choices(WORDS, k=4)),
        "create_time": at,
        "update_time": at + 600,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": last,
        "plugin_ids": None,
        "conversation_id": identity,
        "conversation_template_id": None,
        "gizmo_id": None,
        "is_archived": number % 20 == 0,
        "safe_urls": [],
        "default_model_slug": "gpt-4o",
        "id": identity,
    }


def write(path: Path, count: int) -> int:
    """Write an export, and return its messages."""
    rng = random.Random(7)
    messages = 0
    with path.open("w") as file:
        file.write("[")
        for number in range(count):
            made = conversation(rng, number)
            messages += len(made["mapping"]) - 1
            file.write(("," if number else "") + json.dumps(made))
        file.write("]")
    return messages


def write_large(path: Path) -> None:
    """Write one conversation."""
    rng = random.Random(8)
    with path.open("w") as file:
        file.write('[{"id": "large", "title": "Large", "create_time": 1680000000.0, "mapping": {')
        last = None
        for place in range(LARGE_MESSAGES):
            made = node(rng, place, last, 1_680_000_000.0)
            last = made["id"]
            file.write(("," if place else "") + f'"{last}": {json.dumps(made)}')
        file.write(f'}}, "current_node": "{last}"}}]')


def parsed(path: Path, _: Path) -> float:
    """Parse the whole file."""
    json.loads(path.read_bytes())
    return 0.0


def imported(path: Path, folder: Path) -> float:
    """Import the whole file into a new history; returns the seconds of the search index."""
    from sterna.cli.import_ import AT_ONCE
    from sterna.importers.files import open_tree
    from sterna.importers.importing import Import
    from sterna.importers.registry import find
    from sterna.importers.running import run_import
    from sterna.storage import Store

    store = Store.open(folder / "account.db")
    with open_tree(path) as tree:
        work = Import(tree, find(tree).units, now=datetime.now(UTC))
        run = store.import_runs.begin([str(path)])
        run_import(work, store, run)
        store.import_runs.finish(run, work.account.counts())
    began = time.perf_counter()
    while store.search_index.catch_up(AT_ONCE):
        pass
    took = time.perf_counter() - began
    store.close()
    return took


def measured(what: str, path: Path) -> tuple[float, float, float]:
    """Return the seconds, those of the index apart, and the megabytes of a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.import_chatgpt", what, str(path), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, indexing, megabytes = map(float, done.stdout.split())
    return seconds, indexing, megabytes


def child(what: str, path: str, folder: str) -> None:
    """Do one of both and print what it took."""
    began = time.perf_counter()
    indexing = {"parsed": parsed, "imported": imported}[what](Path(path), Path(folder))
    print(time.perf_counter() - began - indexing, indexing, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Print the speed of both, their ratio, and the peak of memory."""
    heading("Import of a ChatGPT export")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.json"
        messages = write(path, CONVERSATIONS)
        size = path.stat().st_size / 1e6
        parsing = [measured("parsed", path) for _ in range(ROUNDS)]
        importing = [measured("imported", path) for _ in range(ROUNDS)]
        write_large(path)
        large_size = path.stat().st_size / 1e6
        large_seconds, _, large_peak = measured("imported", path)
    base, mine = median([seconds for seconds, _, _ in parsing]), median([seconds for seconds, _, _ in importing])
    index = median([indexing for _, indexing, _ in importing])
    peak = max(megabytes for _, _, megabytes in importing)
    line(f"json.loads of {size:,.0f} MB, {messages:,} messages", f"{base:.2f} s")
    line("import", f"{mine:.2f} s {mine / base:.2f}×", target="≤ 3×", ok=mine <= 3 * base)
    line("search index after it", f"{index:.2f} s {index / mine:.2f}× the import", target="≤ 1×", ok=index <= mine)
    line("import and index", f"{mine + index:.2f} s {(mine + index) / base:.2f}×")
    line("conversations in a second", f"{CONVERSATIONS / mine:,.0f}")
    line("peak of memory, index included", f"{peak:,.0f} MB", target="< 200 MB", ok=peak < 200)
    line(f"one conversation of {large_size:,.0f} MB, {LARGE_MESSAGES:,} messages", f"{large_seconds:.2f} s")
    line("peak of memory with it", f"{large_peak:,.0f} MB", target="< 200 MB", ok=large_peak < 200)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        child(*sys.argv[1:])
    else:
        main()

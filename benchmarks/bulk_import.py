"""Bulk import with every trigger's effect, capture and the search index, against the same rows without triggers."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from sterna.storage import Store

from .corpus import conversations
from .report import heading, line, median

CONVERSATIONS, MESSAGES, ROUNDS = 1_500, 20, 3


def plain(path: Path, items: list[dict[str, Any]]) -> float:
    """Seconds to insert the rows into the same tables and indexes, triggers dropped."""
    store = Store.open(path)
    user = store.user_id
    store.close()
    db = sqlite3.connect(path)
    db.execute("pragma synchronous=full")
    for (name,) in db.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        db.execute(f"drop trigger {name}")
    began = time.perf_counter()
    with db:
        for item in items:
            db.execute(
                "insert into chat_sessions (id, user_id, title, created_at, updated_at, last_activity)"
                " values (:id, :user, :title, :at, :at, :at)",
                {"id": item["id"], "user": user, "title": item["title"], "at": six_digits(item["createdAt"])},
            )
            db.executemany(
                "insert into chat_messages (id, session_id, role, content, model, total_tokens, input_tokens,"
                " output_tokens, message_timestamp) values (:id, :session, :role, :content, :model, :total_tokens,"
                " :input_tokens, :output_tokens, :at)",
                [{**row, "session": item["id"], "at": six_digits(row["timestamp"])} for row in item["messages"]],
            )
    taken = time.perf_counter() - began
    db.close()
    return taken


def ours(path: Path, items: list[dict[str, Any]]) -> tuple[float, float]:
    """Seconds for ``Store.import_conversations``, and until everything can be found by its words too."""
    store = Store.open(path)
    began = time.perf_counter()
    answer = store.bulk_import.import_conversations(items)
    taken = time.perf_counter() - began
    assert answer["errors"] == 0, answer
    while store.search_index.catch_up():
        continue
    indexed = time.perf_counter() - began
    store.close()
    return taken, indexed


def six_digits(iso: str) -> str:
    """A wire time as the tables keep it."""
    return iso.removesuffix("Z") + "000Z"


def main() -> None:
    """Print the speed of both and their ratio."""
    heading("Bulk import")
    items = list(conversations(CONVERSATIONS, MESSAGES))
    count = CONVERSATIONS * MESSAGES
    without, with_all = [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            without.append(plain(Path(folder) / f"plain{number}.db", items))
            with_all.append(ours(Path(folder) / f"ours{number}.db", items))
    base, mine, found = median(without), median([t for t, _ in with_all]), median([i for _, i in with_all])
    line("rows without triggers", f"{count / base:,.0f}/s")
    line("import_conversations", f"{count / mine:,.0f}/s {base / mine:.2f}×", target="≥ 0.4×", ok=base / mine >= 0.4)
    line("and all of it in the search index", f"{count / found:,.0f}/s {base / found:.2f}×")


if __name__ == "__main__":
    main()

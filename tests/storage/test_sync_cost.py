"""Cost of sync in steps of SQLite's virtual machine, which no load changes, and its query plans."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from builders import exchange, in_memory
from fake_server import FakeServer, conversation, message

from sterna.storage import Store
from sterna.storage.sync import merge, merge_messages
from sterna.storage.sync.records import MOST_COUNTED


def steps(store: Store, work: Callable[[], object]) -> int:
    """Return how many hundreds of instructions SQLite's virtual machine runs for some work."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    store.db.connection.set_progress_handler(tick, 100)
    work()
    store.db.connection.set_progress_handler(None, 0)
    return count


def far_with(messages: int) -> FakeServer:
    """A device that has one conversation of so many messages."""
    server = FakeServer(in_memory())
    server.tell(conversation("c", 1), *(message(f"m{n:05}", "c", n + 2) for n in range(messages)))
    return server


def test_a_row_that_comes_costs_the_same_in_a_long_conversation() -> None:
    costs = []
    for length in (20, 2_000):
        server = far_with(length)
        row = message("new", "c", server.seq + 1)
        costs.append(steps(server.store, lambda server=server, row=row: server.tell(row)))
    assert costs[1] <= costs[0] * 1.5


def test_a_push_and_its_answer_cost_the_same_whatever_is_kept() -> None:
    costs = []
    for length in (20, 2_000):
        server = far_with(length)
        server.store.messages.edit("m00003", "Other.")
        costs.append(steps(server.store, server.sync))
    assert costs[1] <= costs[0] * 1.5


def test_a_push_of_few_costs_the_same_however_much_waits() -> None:
    costs = []
    for waiting in (30, 600):
        store = in_memory()
        server = FakeServer(store)
        store.bulk_import.import_conversations([
            {"id": "c", "messages": [{"id": f"m{n:04}", "role": "user", "content": "x"} for n in range(waiting)]}
        ])  # fmt: skip
        costs.append(steps(store, lambda server=server: server.freeze(most_ops=10)))
    assert costs[1] <= costs[0] * 1.5


def test_a_captured_change_opens_no_table_beside_the_outbox(store: Store) -> None:
    """As a check against a list of values would: SQLite builds a table of them for each row that a trigger writes."""
    insert = "insert into sync_outbox (kind, id, conv_id, op, edited_at) values ('m', 'm', 'c', 'put', 0)"
    assert [row["opcode"] for row in store.db.rows(f"explain {insert}") if row["opcode"] == "OpenEphemeral"] == []


def test_what_waits_is_counted_up_to_a_bound(store: Store) -> None:
    exchange(store, "hello")
    assert store.sync_metadata.counts().waiting == 3
    with store.db.write():
        store.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at)
            with recursive n (i) as (select 1 union all select i + 1 from n where i < :most)
            select 'm', 'many' || i, 'c', 'put', 0 from n""",
            {"most": MOST_COUNTED + 500},
        )
    assert store.sync_metadata.counts().waiting == MOST_COUNTED


@pytest.mark.parametrize("query", [merge._CONVERSATIONS, merge._SETTINGS, merge_messages._MESSAGE])
def test_what_is_known_of_a_page_is_looked_up_by_keys(store: Store, query: str) -> None:
    plan = [row["detail"] for row in store.db.rows(f"explain query plan {query}", ids="[]", id="m", session="c")]
    assert [step for step in plan if step.startswith("SCAN") and not step.startswith("SCAN j")] == []


def test_many_messages_are_taken_at_once_and_found_once_the_index_has_caught_up(store: Store) -> None:
    server = FakeServer(store)
    server.tell(conversation("c", 1), *(message(f"m{n:05}", "c", n + 2, f"word{n}") for n in range(500)))
    server.tell(*(message(f"n{n:05}", "c", n + 600, f"other{n}") for n in range(500)))
    assert len(store.db.rows("select 1 from search_backlog")) == 1
    while store.search_index.catch_up():
        pass
    assert [hit.message_id for hit in store.search.search("word123")] == ["m00123"]
    assert [hit.message_id for hit in store.search.search("other321")] == ["n00321"]
    assert store.conversations.get("c").message_count == 1000

"""A message costs the same wherever it is written, in steps of SQLite's machine: no load of a computer changes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from recount import START, USER, Mirror, mirror, run, say

from sterna.storage.clock import stamp
from sterna.storage.specification.functions import SpecifiedFunctions

NOON = stamp(START)

FILLERS: dict[str, Callable[[int], dict[str, object]]] = {
    "a talk": lambda n: {"role": "assistant" if n % 2 else "user", "model": "g/m" if n % 2 else None},
    "failures at the end": lambda n: {"role": "assistant", "model": "g/m", "error_message": "no" if n else None},
    "prompts without a model": lambda n: {"role": "user"},
    "system messages at the end": lambda n: {"role": "system" if n else "user"},
    "all at the same moment": lambda n: {"message_timestamp": NOON},
}


@pytest.mark.parametrize("filler", FILLERS.values(), ids=FILLERS.keys())
def test_a_message_costs_the_same_in_a_long_conversation(filler: Callable[[int], dict[str, object]]) -> None:
    costs: dict[int, list[int]] = {}
    for length in (20, 1500):
        store = mirror()
        run(store, "insert into chat_sessions (id, user_id) values ('s', :user), ('t', :user)", user=USER)
        with store.db.write():
            for n in range(length):
                at = f"2026-03-01T10:{n // 60 % 60:02}:{n % 60:02}.{n:06}Z"
                say(store, f"m{n}", **{"message_timestamp": at, **filler(n)})
        costs[length] = [
            steps(store, f"insert into chat_messages (id, session_id, role, content, message_timestamp)"
                         f" values ('new', 's', 'user', 'x', '{NOON}')"),
            steps(store, "update chat_messages set error_message = 'no' where id = 'new'"),
            steps(store, "update chat_messages set error_message = null, content = 'y' where id = 'new'"),
            steps(store, "update chat_messages set session_id = 't' where id = 'new'"),
            steps(store, "update chat_messages set session_id = 's' where id = 'new'"),
            steps(store, "delete from chat_messages where id = 'new'"),
        ]  # fmt: skip
        store.db.close()
    assert costs[1500] == pytest.approx(costs[20], rel=0.02)


def steps(store: Mirror, sql: str) -> int:
    """Return the instructions that SQLite's virtual machine runs for a statement and all it triggers."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    with store.db.write():
        store.db.connection.set_progress_handler(tick, 1)
        store.db.execute(sql)
        store.db.connection.set_progress_handler(None, 0)
    return count


def test_a_message_costs_the_same_in_a_full_file() -> None:
    costs = []
    for full in (False, True):
        store = mirror()
        run(store, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)
        if full:
            with store.db.write():
                for n in range(300):
                    run(store, "insert into chat_sessions (id, user_id) values (:id, :u)", id=f"s{n}", u=USER)
                    say(store, f"m{n}", f"s{n}", role="assistant")
                    SpecifiedFunctions(store).track_user_usage(
                        USER, 1, usage_date=stamp(store.clock() - timedelta(days=n))[:10]
                    )
                    store.profiles.log_user_activity(USER, "profile_synced")
        say(store, "first")
        costs.append(
            steps(store, "insert into chat_messages (id, session_id, role, content) values ('x', 's', 'user', '')")
        )
        store.db.close()
    assert costs[1] == pytest.approx(costs[0], rel=0.02)

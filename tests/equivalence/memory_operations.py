"""Operations through the names of chat memory: messages of its form, its users, searches.

See docs/specification/schema.md#view-chat-memory.
"""

from __future__ import annotations

import json
from typing import Any

from both import Both
from hypothesis import strategies as st
from visit_operations import happen_to_visit

SESSION = st.sampled_from(["a", "b"])
MEMORY = st.sampled_from(["r1", "r2", "r3"])
MESSAGE = st.sampled_from(
    [
        {"type": "ai", "data": {"content": "yo"}},
        {"type": "human", "content": "hi"},
        {"role": "assistant", "content": "é", "model": "g/m"},
        {"role": "system", "text": "be kind"},
        {"role": "tool", "type": "ai", "content": "", "text": "x"},
        {"content": None, "data": {"content": 3}, "text": "told", "model": "m" * 101},
        {"content": "a", "model": 7, "deep": [{"a": None}, 1.5, True]},
        {"content": {"parts": [1, 2.5, None, True, {}], "é": 'say "hi"\n\x01\x7f', "a": []}, "bb": {"c": "d", "a": 0}},
        {"content": [{"type": "text", "text": "hi"}], "role": "assistant", "model": None},
        [1, "x", [], {"b": False, "aa": 2**40}],
        "just text",
        7,
        None,
        {},
    ]
)
AT = st.sampled_from(["2026-03-01T10:00:00.000000Z", "2026-03-01T10:00:00.000001Z"])
EDIT = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from(["", "edited", "yo"]),
        "role": st.sampled_from(["user", "assistant"]),
        "model": st.sampled_from([None, "g/m"]),
        "error_message": st.sampled_from([None, "boom"]),
    },
)
SEARCH = st.fixed_dictionaries(
    {
        "filters": st.sampled_from(['{"query":"terns"}', "[]", "null"]),
        "results": st.sampled_from(["[]", '[{"session_id":"s1","message_id":null}]']),
        "results_count": st.sampled_from([0, 1, -1, 2**31 - 1, 2**31]),
        "status": st.sampled_from(["completed", "no_results", "failed", "running"]),
    }
)
MEMORIES = st.one_of(
    st.tuples(st.just("remember"), MEMORY, SESSION, MESSAGE, AT),
    st.tuples(st.just("remember"), MEMORY, SESSION, MESSAGE, AT),
    st.tuples(st.just("remember otherwise"), MEMORY, MESSAGE),
    st.tuples(st.just("remember elsewhere"), MEMORY, SESSION, AT),
    st.tuples(st.just("forget"), MEMORY),
    st.tuples(st.just("edit memory"), MEMORY, EDIT),
    st.tuples(st.just("edit memory"), MEMORY, EDIT),
    st.tuples(st.just("same memory"), MEMORY),
    st.tuples(st.just("search"), SEARCH),
    st.tuples(st.just("user"), st.sampled_from([None, "https://example.org/a.png"])),
)


def happen_to_memory(both: Both, operation: tuple[Any, ...]) -> None:
    """Do one of them."""
    mine = "user_id = :user and id = :id"
    match operation:
        case ("remember", key, session_id, message, at):
            if both.exists and session_id not in both.sessions():
                both.both(
                    "insert into chat_sessions (id, user_id, title) values (:id, :user, 'Talk')",
                    id=session_id,
                )
            both.both(
                "insert into chat_memory (id, session_id, message, created_at) values (:id, :session, :message, :at)",
                id=key, session=session_id, message=json.dumps(message), at=at,
            )  # fmt: skip
        case ("remember otherwise", key, message):
            both.both(f"update chat_memory set message = :message where {mine}", id=key, message=json.dumps(message))
        case ("remember elsewhere", key, session_id, at):
            both.both(
                f"update chat_memory set session_id = :session, created_at = :at where {mine}",
                id=key, session=session_id, at=at,
            )  # fmt: skip
        case ("edit memory", key, changes):
            if changes:
                sets = ", ".join(f"{name} = :{name}" for name in changes)
                both.both(
                    f"update chat_messages set {sets} where user_id = :user and id = :id",
                    f"update chat_messages set {sets} where id = :id",
                    id=key, **changes,
                )  # fmt: skip
        case ("same memory", key):
            both.both(f"update chat_memory set message = message where {mine}", id=key)
        case ("forget", key):
            both.both(f"delete from chat_memory where {mine}", id=key)
        case ("search", row):
            both.both(
                "insert into search_sessions (user_id, filters, results, results_count, status)"
                " values (:user, :filters, :results, :results_count, :status)",
                **row,
            )
        case ("user", avatar):
            both.both("update users set avatar_url = :avatar where id = :user", avatar=avatar)
        case _:
            happen_to_visit(both, operation)

"""Searches that were made, and the names of chat memory in the mirror.

See docs/specification/schema.md#table-search-sessions and docs/specification/README.md#chat-memory.
"""

from __future__ import annotations

import json

import pytest
from builders import exchange
from ticking import Ticking

from sterna.storage import Hit, Store, StoreCorrupt
from sterna.storage.conversations.search_history import KEPT
from sterna.storage.specification.functions import SpecifiedFunctions

AI = {"type": "ai", "data": {"content": "yo"}}


def hits(store: Store, word: str) -> list[Hit]:
    return store.search.search(word)


def test_a_search_is_kept_with_what_it_found_and_counted(store: Store) -> None:
    reply = exchange(store, "terns")
    key = store.search_history.record("terns", hits(store, "terns"))
    (row,) = store.db.rows("select * from search_sessions")
    assert (row["id"], row["user_id"], row["status"]) == (key, store.user_id, "completed")
    assert json.loads(row["filters"]) == {"query": "terns", "session_id": None}
    found = json.loads(row["results"])
    assert row["results_count"] == len(found) > 0
    assert {one["session_id"] for one in found} == {reply.session_id}
    assert store.search_history.get_user_stats()["total_searches"] == 1


def test_a_search_that_finds_nothing_and_one_that_fails_say_so(store: Store) -> None:
    store.search_history.record("gulls", [], session_id="c")
    store.search_history.record("rooks", [], failed=True)
    assert {row["status"] for row in store.db.rows("select status from search_sessions")} == {"no_results", "failed"}
    assert store.search_history.recent() == ["gulls"]


def test_recent_searches_are_told_once_each_newest_first(store: Store, clock: Ticking) -> None:
    for word in ("one", "two", "one", "three"):
        clock.move(seconds=1)
        store.search_history.record(word, [])
    assert store.search_history.recent() == ["three", "one", "two"]
    assert store.search_history.recent(1) == ["three"]
    assert store.search_history.forget("one") == 2
    assert store.search_history.recent() == ["three", "two"]


def test_old_searches_go_and_the_counter_stays(store: Store, clock: Ticking) -> None:
    for number in range(KEPT + 3):
        clock.move(seconds=1)
        store.search_history.record(f"word {number}", [])
    assert store.db.rows("select count(*) as n from search_sessions")[0]["n"] == KEPT
    assert store.search_history.recent(10_000)[-1] == "word 3"
    assert store.search_history.get_user_stats()["total_searches"] == KEPT + 3


def test_searches_are_part_of_what_a_person_takes_along(store: Store) -> None:
    store.search_history.record("terns", [])
    (one,) = store.maintenance.export_user_data(store.user_id)["searches"]
    assert (one["filters"], one["results"], one["status"]) == ({"query": "terns", "session_id": None}, [], "no_results")


def test_no_search_waits_to_be_sent(store: Store) -> None:
    store.search_history.record("secret", [])
    assert store.db.rows("select * from sync_outbox") == []


def test_the_account_of_the_file_is_a_user_too(store: Store) -> None:
    (row,) = store.db.rows("select * from users")
    assert (row["id"], row["clerk_id"], row["subscription_status"]) == (store.user_id, store.user_id, "active")
    with store.db.write():
        store.db.execute("update users set avatar_url = 'https://example.org/a.png'")
    assert store.db.rows("select avatar_url from profiles")[0]["avatar_url"] == "https://example.org/a.png"


def test_a_message_written_as_memory_reads_back_as_it_was_and_is_a_message_like_another(store: Store) -> None:
    """docs/specification/vectors.md#vector-18"""
    session = store.conversations.create("Talk")
    with store.db.write():
        store.db.execute("insert into chat_memory (session_id, message) values (?, ?)", (session.id, json.dumps(AI)))
    (row,) = store.db.rows("select * from chat_memory")
    assert json.loads(row["message"]) == AI
    (message,) = store.messages.before(session.id, None, 9)
    assert (message.role, message.content) == ("assistant", "yo")
    assert store.conversations.get(session.id).message_count == 1
    assert {(one["kind"], one["op"]) for one in store.db.rows("select kind, op from sync_outbox")} >= {("m", "put")}
    assert hits(store, "yo")[0].message_id == message.id


def test_what_is_no_json_is_no_memory(store: Store) -> None:
    session = store.conversations.create("Talk")
    with pytest.raises(StoreCorrupt), store.db.write():
        store.db.execute("insert into chat_memory (session_id, message) values (?, 'yo')", (session.id,))
    assert store.messages.count(session.id) == 0


def test_the_chat_history_has_each_conversation_with_its_newest_message(store: Store) -> None:
    exchange(store, "first")
    reply = exchange(store, "second", "Last words.")
    answer = SpecifiedFunctions(store).get_user_chat_history()
    assert [one["title"] for one in answer] == ["second", "first"]
    assert answer[0]["session_id"] == reply.session_id
    assert answer[0]["last_message"]["content"] == "Last words."


def test_the_published_examples_run_as_they_stand(store: Store) -> None:
    session_id = exchange(store, "hello").session_id
    user = store.user_id
    rows = store.db.rows(
        "SELECT id, title, created_at, updated_at FROM chat_sessions WHERE user_id = :u ORDER BY created_at DESC;",
        u=user,
    )
    assert [row["id"] for row in rows] == [session_id]
    rows = store.db.rows(
        "SELECT id, message, created_at FROM chat_memory WHERE session_id = :s ORDER BY created_at ASC;", s=session_id
    )
    assert [json.loads(row["message"])["role"] for row in rows] == ["user", "assistant"]
    rows = store.db.rows(
        "SELECT s.id, s.title, s.created_at, s.updated_at FROM chat_sessions s JOIN users u ON s.id = u.last_session_id"
        " WHERE u.id = :u;",
        u=user,
    )
    assert [row["id"] for row in rows] == [session_id]
    rows = store.db.rows("SELECT id, email, total_conversations FROM users ORDER BY total_conversations DESC;")
    assert [(row["id"], row["total_conversations"]) for row in rows] == [(user, 1)]

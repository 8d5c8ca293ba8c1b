"""Conversations in the wire's form, many at once, against the same ones row by row."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from builders import CONTENT, in_memory, table, tables
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import Invalid, Store
from sterna.storage.specification.functions import SpecifiedFunctions
from tests.generated import examples


def message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"m{number}",
        "role": "user" if number % 2 == 0 else "assistant",
        "content": f"words {number}",
        "timestamp": f"2025-01-01T10:00:{number % 60:02}.000Z",
        "model": None if number % 2 == 0 else "acme/small",
        "input_tokens": number,
        "output_tokens": 2 * number,
        "total_tokens": 3 * number,
        "elapsed_ms": 700 * number,
        **more,
    }


def conversation(name: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": f"Title {name}",
        "createdAt": "2025-01-01T09:00:00.000Z",
        "messages": list(messages),
        **more,
    }


def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All tables but what is random or a matter of order, local numbers left out."""
    found = tables(
        store,
        *CONTENT,
        "sync_outbox",
        "sync_tombstones",
        "profiles",
        "user_usage_daily",
        "sync_session_state",
        "sync_message_state",
    )
    for rows in found.values():
        for row in rows:
            for name in ("local_id", "seq"):
                row.pop(name, None)
        rows.sort(key=repr)
    for name in ("id", "created_at"):
        for row in found["user_usage_daily"]:
            row.pop(name)
    return found


wire_messages = st.builds(
    lambda number, **more: message(number, **more),
    st.integers(0, 9),
    role=st.sampled_from(["user", "assistant", "system"]),
    model=st.sampled_from([None, "acme/small", 'quote"d']),
    error=st.booleans(),
    timestamp=st.sampled_from([None, "2025-01-01T10:00:00Z", "2025-01-01T10:00:05.123456Z"]),
    content=st.sampled_from(["", "x" * 300, "\0é"]),
)
wire_conversations = st.lists(
    st.builds(
        lambda name, messages, count: conversation(name, *messages, messageCount=count, totalTokens=count),
        st.sampled_from("abc"), st.lists(wire_messages, max_size=5), st.integers(0, 9),
    ),
    max_size=4,
)  # fmt: skip


@examples(20)
@given(wire_conversations, wire_conversations)
def test_in_bulk_and_row_by_row_leave_the_same_in_every_table(first: list[Any], second: list[Any]) -> None:
    fast, slow = in_memory(), in_memory()
    slow.bulk_import._sorted_out = lambda batch: ([], batch)  # type: ignore[method-assign]
    for items in (first, second):
        answers = [store.bulk_import.import_conversations(items) for store in (fast, slow)]
        assert answers[0] == answers[1]
        for store in (fast, slow):  # both at the same moment from here on
            store.db.clock.at = max(fast.db.clock.at, slow.db.clock.at)  # type: ignore[attr-defined]
            store.db.execute("insert into message_search (message_search, rank) values ('integrity-check', 1)")
            store.db.execute("insert into title_search (title_search, rank) values ('integrity-check', 1)")
    strip = ("updated_at", "last_activity", "last_active", "edited_at", "usage_stats", "created_at", "last_session_id")
    left, right = everything(fast), everything(slow)
    for found in (left, right):
        for rows in found.values():
            for row in rows:
                for name in strip:
                    row.pop(name, None)
    assert left == right
    fast.close()
    slow.close()


def test_an_import_brings_all_that_the_wire_says_of_a_message(store: Store) -> None:
    answer = store.bulk_import.import_conversations(
        [
            conversation(
                "s",
                message(0, originalModel="acme/small", requested_reasoning_effort="high", attachment_ids=list("abcd")),
                message(
                    1, contentType="markdown", completion_id="gen-1", user_message_id="m0", was_streaming=True,
                    reasoning="hm", has_websearch=True, websearch_result_count=3, annotations=[{"url": "https://x.org"}],
                ),
                message(2, error_message="No route.", error=True, retry_after=30),
                message(3, elapsed_ms=None, elapsed_time=4),
            )
        ]
    )  # fmt: skip
    assert answer == {"synced": 1, "errors": 0, "details": []}
    asked, response, failed, slow = store.messages.after("s", None, 9)
    assert (asked.model, asked.metadata) == ("acme/small", {"requested_reasoning_effort": "high"})
    assert (response.content_type, response.completion_id, response.user_message_id, response.reasoning) == (
        "markdown",
        "gen-1",
        "m0",
        "hm",
    )
    assert response.is_streaming
    assert (failed.error_message, failed.metadata) == ("No route.", {"upstream_retry_after": 30})
    assert slow.elapsed_ms == 4000
    (row,) = store.db.rows("select attachment_count, has_attachments from chat_messages where id = 'm0'")
    assert tuple(row) == (3, 1)
    session = store.conversations.get("s")
    assert (session.created_at, session.message_count) == ("2025-01-01T09:00:00.000000Z", 3)
    assert {hit.session_id for hit in store.search.search("words")} == {"s"}


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (conversation("bad", title="x" * 256), "title_too_long"),
        (conversation("bad", message(1, model="x" * 101)), "model_too_long"),
        (conversation("bad", message(1, role="tool")), "bad_role"),
        (conversation("bad", message(1, timestamp="soon")), "bad_timestamp"),
        (conversation("bad", message(1, timestamp="2025-13-45T10:00:00.000Z")), "bad_timestamp"),
        (conversation("bad", message(1, content=None)), "bad_content"),
        (conversation("bad", message(1, total_tokens=-1)), "bad_number"),
        (conversation("bad", message(1, total_tokens="7")), "bad_number"),
        (conversation("bad", message(1, id=None)), "missing_id"),
        (conversation("bad", messages="text"), "bad_messages"),
        (conversation("bad", userId="another"), "foreign_user"),
        (conversation("bad", message(7, id="taken")), "message_of_another_conversation"),
        ({"title": "no id"}, "missing_id"),
        ("text", "not_an_object"),
        (None, "not_an_object"),
    ],
)
def test_one_bad_conversation_is_named_and_the_others_are_kept(store: Store, item: Any, error: str) -> None:
    store.bulk_import.import_conversations([conversation("owner", message(0, id="taken"))])
    answer = store.bulk_import.import_conversations(
        [conversation("a", message(1)), item, conversation("b", message(2))]
    )
    assert (answer["synced"], answer["errors"]) == (2, 1)
    assert [detail["error"] for detail in answer["details"]] == [error]
    assert [row.id for row in store.conversations.page(0, 9)] == ["b", "a", "owner"]


def test_a_message_that_comes_twice_means_its_last_form(store: Store) -> None:
    store.bulk_import.import_conversations([conversation("s", message(1), message(1, content="last"))])
    assert [m.content for m in store.messages.after("s", None, 9)] == ["last"]


def test_the_same_conversations_again_change_and_count_nothing(store: Store) -> None:
    items = [conversation("s", *(message(n) for n in range(6)))]
    store.bulk_import.import_conversations(items)
    before = (store.usage.usage_today(), table(store, "chat_messages"))
    assert SpecifiedFunctions(store).sync_user_conversations(store.user_id, items)["synced"] == 1
    assert (store.usage.usage_today(), table(store, "chat_messages")) == before


def test_an_account_takes_only_its_own(store: Store) -> None:
    with pytest.raises(Invalid, match="another account"):
        SpecifiedFunctions(store).sync_user_conversations("stranger", [])


def test_a_rule_that_only_the_schema_knows_costs_one_conversation_not_the_batch(store: Store) -> None:
    store.db.execute(
        """create trigger no_thirteen before insert on chat_messages when new.content = 'words 13'
        begin select raise(abort, 'unlucky'); end"""
    )
    items = [conversation(f"s{n}", message(n)) for n in range(10, 16)]
    answer = store.bulk_import.import_conversations(items)
    assert (answer["synced"], answer["details"]) == (5, [{"conversationId": "s13", "error": "refused"}])
    assert store.db.rows("select bulk from write_context")[0]["bulk"] == 0


def test_a_large_import_is_kept_at_once_and_found_once_it_is_indexed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.storage.conversations.bulk_import.INDEX_AT_ONCE", 10)
    monkeypatch.setattr("sterna.storage.conversations.bulk_import.BATCH", 8)
    store.bulk_import.import_conversations(
        conversation(f"s{n}", *(message(100 * n + k) for k in range(4))) for n in range(9)
    )
    assert store.conversations.count() == 9
    found = {hit.session_id for hit in store.search.search("words")}
    assert len(found) < 9
    store.messages.edit("m801", "words changed before they were indexed")
    store.trash.delete_message("m802")
    while store.search_index.catch_up(3):
        pass
    assert len({hit.session_id for hit in store.search.search("words", limit=99)}) == 9
    assert store.search.search("changed") != []
    store.db.execute("insert into message_search (message_search, rank) values ('integrity-check', 1)")
    assert store.search_index.catch_up() == 0


def test_an_import_commits_in_parts_so_that_others_may_write_in_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.storage.conversations.bulk_import.BATCH", 2)
    other = sqlite3.connect(store.db.path, isolation_level=None, timeout=0)

    def items() -> Any:
        for number in range(6):
            other.execute("insert into local_state (key, value) values (?, '1')", (str(number),))
            yield conversation(f"s{number}", message(number))

    assert store.bulk_import.import_conversations(items())["synced"] == 6
    assert len(table(store, "local_state")) == 6
    other.close()

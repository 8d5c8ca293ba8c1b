"""Visits in the mirror, and questions that were asked before.

See docs/specification/schema.md#table-user-sessions and docs/specification/functions.md#start-user-session.
"""

from __future__ import annotations

import re
from array import array

import pytest
from recount import USER, Mirror, mirror, run, say

from sterna.providers.embedding import embed
from sterna.storage import Invalid
from sterna.storage.records import Message


@pytest.fixture
def store() -> Mirror:
    made = mirror()
    run(
        made,
        "insert into chat_sessions (id, user_id, title) values ('s', :user, 'Terns'), ('t', :user, 'Now')",
        user=USER,
    )
    return made


def start(store: Mirror, token: str | None = None) -> str:
    response = store.visits.start_user_session(USER, {"device_type": "terminal", "user_agent": "x" * 600}, token)
    assert response["success"] is True
    return str(response["session_id"])


def ended(store: Mirror, session: str) -> str | None:
    row = store.db.one("select ended_at from user_sessions where id = :id", id=session)
    assert row is not None
    at: str | None = row["ended_at"]
    return at


def ask(store: Mirror, key: str, content: str, session_id: str = "s", answer: str | None = None) -> Message:
    say(store, key, session_id, content=content)
    if answer is not None:
        say(store, f"{key}-a", session_id, role="assistant", content=answer, user_message_id=key)
    return Message(key, session_id, "user", content, store.db.stamp())


def test_a_visit_begins_and_ends_once(store: Mirror) -> None:
    session = start(store)
    row = store.db.one("select * from user_sessions where id = :id", id=session)
    assert row is not None
    assert re.fullmatch(r"sess_\d{13}_[0-9a-z]{9}", row["session_token"])
    assert (row["user_id"], row["device_type"], len(row["user_agent"])) == (USER, "terminal", 512)
    store.clock.move(minutes=1)
    assert [store.visits.end_user_session(session), store.visits.end_user_session(session)] == [True, False]
    assert ended(store, session) == store.db.stamp()


def test_an_open_visit_of_the_same_token_is_gone_on_with_and_an_ended_one_is_not(store: Mirror) -> None:
    session = start(store, "sess_1_a")
    assert start(store, "sess_1_a") == session
    store.visits.end_user_session(session)
    refused = {"success": False, "error": "This session token cannot be used"}
    assert store.visits.start_user_session(USER, session_token="sess_1_a") == refused
    assert store.visits.start_user_session("nobody") == {"success": False, "error": "User not found"}
    assert not store.visits.start_user_session(USER, session_token="with space")["success"]
    assert not store.visits.start_user_session(USER, {"x": "y" * 9000})["success"]


def test_a_visit_keeps_its_token(store: Mirror) -> None:
    session = start(store)
    with pytest.raises(Invalid):
        run(store, "update user_sessions set session_token = 'another' where id = :id", id=session)


def test_an_idle_visit_ended_when_something_last_happened(store: Mirror) -> None:
    idle, began = start(store), store.db.stamp()
    store.clock.move(minutes=29)
    busy = start(store)
    assert store.visits.close_idle_visits() == 0
    store.clock.move(minutes=2)
    assert store.visits.close_idle_visits() == 1
    assert (ended(store, idle), ended(store, busy)) == (began, None)


def test_the_published_names_are_there_and_count(store: Mirror) -> None:
    session = start(store)
    store.visits.log_question(ask(store, "q", "How far do arctic terns fly?"), session, embed)
    row = store.db.one("select session_token, device_type, message_count, created_at from visits_chat_sessions")
    assert row is not None
    assert row["message_count"] == 1
    logged = store.db.one(
        "select message_type, content, sequence_order, length(embedding) as n from visits_chat_messages"
    )
    assert logged is not None
    assert tuple(logged) == ("user", "How far do arctic terns fly?", 1, 1536)
    run(store, "delete from chat_messages where id = 'q'")
    assert store.db.rows("select 1 from visit_messages") == []
    row = store.db.one("select message_count from visits_chat_sessions")
    assert row is not None
    assert row["message_count"] == 0


def test_a_question_asked_before_in_other_words_is_found_with_its_answer(store: Mirror) -> None:
    ask(store, "q", "How far do arctic terns fly in a year?", answer="About 70,000 km.")
    ask(store, "r", "How do I reverse a list in Python?", answer="list.reverse()")
    (found,) = store.visits.log_question(
        ask(store, "n", "how far does an arctic tern fly in one year", "t"), None, embed
    )
    assert (found.session_title, found.message_id, found.answer) == ("Terns", "q", "About 70,000 km.")
    assert 0.8 <= found.similarity <= 1
    row = store.db.one("select similar_qa_matches, similarity_scores, embedding from visit_messages")
    assert row is not None
    assert '"answer":"About 70,000 km."' in row["similar_qa_matches"]
    assert row["similarity_scores"] == f"[{found.similarity}]"
    numbers = array("f")
    numbers.frombytes(row["embedding"])
    assert len(numbers) == 384
    assert sum(number * number for number in numbers) == pytest.approx(1, abs=1e-5)


def test_a_kept_embedding_finds_as_one_made_anew_does(store: Mirror) -> None:
    store.visits.log_question(ask(store, "q", "How far do arctic terns fly in a year?"), None, embed)
    text = "how far does an arctic tern fly in one year"
    kept = store.visits.similar_questions(text, embed)
    run(store, "delete from visit_messages")
    assert store.visits.similar_questions(text, embed) == kept != []


@pytest.mark.parametrize("text", ["", "?!", "yes", "thanks a lot", "go on", "fix this bug", "東京の天気は"])
def test_what_says_nothing_is_like_nothing(store: Mirror, text: str) -> None:
    ask(store, "q", text)
    assert store.visits.similar_questions(text, embed) == []


def test_each_conversation_is_named_once_and_one_s_own_never(store: Mirror) -> None:
    for number in range(3):
        ask(store, f"q{number}", f"How far do arctic terns fly in the year 200{number}?")
    found = store.visits.similar_questions("How far do arctic terns fly in the year 2001?", embed)
    assert [one.message_id for one in found] == ["q1"]
    asked = ask(store, "again", "How far do arctic terns fly in the year 2001?")
    assert store.visits.log_question(asked, None, embed) == []


def test_only_the_newest_embeddings_are_kept(store: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.storage.analytics.visits.KEPT", 2)
    for number in range(4):
        store.clock.move(minutes=1)
        store.visits.log_question(ask(store, f"q{number}", f"A question of length number {number}"), None, embed)
    assert {row[0] for row in store.db.rows("select message_id from visit_messages")} == {"q2", "q3"}


def test_a_failed_answer_is_none(store: Mirror) -> None:
    ask(store, "q", "How far do arctic terns fly in a year?")
    say(store, "a", role="assistant", content="half", error_message="broke", user_message_id="q")
    (found,) = store.visits.similar_questions("How far do arctic terns fly in a year?", embed)
    assert found.answer is None


def test_a_question_that_is_gone_already_is_not_noted(store: Mirror) -> None:
    gone = Message("gone", "s", "user", "How far do arctic terns fly in a year?", store.db.stamp())
    assert store.visits.log_question(gone, None, embed) == []
    assert store.db.rows("select 1 from visit_messages") == []

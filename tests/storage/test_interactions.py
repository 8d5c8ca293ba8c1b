"""Events as the mirror keeps them, and those that wait to be sent.

See docs/specification/schema.md#table-user-interactions and docs/specification/functions.md#interaction-errors.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from recount import USER, Mirror, mirror

from sterna.storage.specification.functions import SpecifiedFunctions


@pytest.fixture
def store() -> Mirror:
    return mirror()


def start(store: Mirror) -> str:
    return str(store.visits.start_user_session(USER)["session_id"])


def event(session: str, **more: Any) -> dict[str, Any]:
    return {"session_id": session, "event_type": "conversation_opened", **more}


def test_start_batch_end_end_again(store: Mirror) -> None:
    """docs/specification/vectors.md#vector-19"""
    session = start(store)
    answer = SpecifiedFunctions(store).batch_track_user_interactions(
        [event(session), event(session, duration=12), event(session)]
    )
    assert answer == {"success": True, "inserted": 3, "failed": 0, "errors": []}
    assert [store.visits.end_user_session(session), store.visits.end_user_session(session)] == [True, False]
    row = store.db.one("select distinct user_id from user_interactions")
    assert row is not None
    assert row["user_id"] == USER


def test_track_keeps_an_event_of_an_open_visit_only(store: Mirror) -> None:
    session = start(store)
    answer = SpecifiedFunctions(store).track_user_interaction(session, "reply_finished", "conv_1", 900, {"tokens": 12})
    row = store.db.one("select content_id, duration, event_data from user_interactions where id = :id", id=answer["id"])
    assert row is not None
    assert tuple(row) == ("conv_1", 900, '{"tokens":12}')
    assert SpecifiedFunctions(store).track_user_interaction(str(uuid4()), "x") == {
        "success": False,
        "error": "Session not found",
    }
    store.visits.end_user_session(session)
    store.clock.move(seconds=1)
    assert SpecifiedFunctions(store).track_user_interaction(session, "x") == {
        "success": False,
        "error": "Session has ended",
    }


def test_an_event_again_is_kept_once_and_a_late_one_belongs_to_its_visit(store: Mirror) -> None:
    session, key, early = start(store), str(uuid4()), store.db.stamp()
    assert SpecifiedFunctions(store).batch_track_user_interactions([event(session, id=key)] * 2)["inserted"] == 1
    store.visits.end_user_session(session)
    store.clock.move(hours=1)
    answer = SpecifiedFunctions(store).batch_track_user_interactions([event(session, created_at=early), event(session)])
    assert (answer["inserted"], answer["errors"]) == (1, [{"index": 1, "error": "Session has ended"}])


def test_an_idle_visit_goes_on_to_its_latest_event(store: Mirror) -> None:
    session = start(store)
    store.clock.move(hours=1)
    store.visits.close_idle_visits()
    assert SpecifiedFunctions(store).batch_track_user_interactions([event(session)])["inserted"] == 1
    row = store.db.one("select ended_at from user_sessions")
    assert row is not None
    assert row["ended_at"] == store.db.stamp()


def test_a_batch_is_an_array_of_at_most_500(store: Mirror) -> None:
    assert not SpecifiedFunctions(store).batch_track_user_interactions({"x": 1})["success"]  # type: ignore[arg-type]
    assert not SpecifiedFunctions(store).batch_track_user_interactions([event(start(store))] * 501)["success"]


def wait(store: Mirror, kind: str, session: str | None = None, token: str = "sess_1_a") -> int:
    return store.interactions.queue_interactions(token, [(kind, None, None, {})], session_id=session)


def test_what_waits_keeps_its_order_and_the_oldest_of_too_many_go(store: Mirror) -> None:
    counts = [wait(store, f"e{number}") for number in range(1003)]
    assert counts[-1] == 1000
    waiting = store.interactions.waiting_interactions(2000)
    assert [waiting[0].event_type, waiting[-1].event_type, len(waiting)] == ["e3", "e1002", 1000]
    assert len(store.interactions.waiting_interactions()) == 500


def test_events_before_a_start_wait_for_the_visit_s_id(store: Mirror) -> None:
    wait(store, "early"), wait(store, "another run", token="sess_2_b")
    session = str(uuid4())
    store.interactions.begin_visit(USER, {}, "sess_1_a", session)
    assert [one.session_id for one in store.interactions.waiting_interactions()] == [session, None]
    row = store.db.one("select session_token from user_sessions where id = :id", id=session)
    assert row is not None
    assert row["session_token"] == "sess_1_a"


def test_what_was_sent_is_in_the_mirror_and_waits_no_more(store: Mirror) -> None:
    session = start(store)
    wait(store, "kept", session), wait(store, "refused", session), wait(store, "later", session)
    kept, refused, _ = store.interactions.waiting_interactions()
    store.interactions.interactions_sent([(kept, session)], [refused])
    assert [one.event_type for one in store.interactions.waiting_interactions()] == ["later"]
    assert [row[0] for row in store.db.rows("select event_type from user_interactions")] == ["kept"]


def test_all_of_it_is_forgotten_on_demand(store: Mirror) -> None:
    session = start(store)
    wait(store, "x")
    SpecifiedFunctions(store).track_user_interaction(session, "x")
    assert store.interactions.forget_interactions() == 2
    for table in ("user_sessions", "user_interactions", "interactions_waiting"):
        assert store.db.rows(f"select 1 from {table}") == []

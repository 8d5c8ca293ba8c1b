"""Interaction analytics on PostgreSQL: visits and events.

See docs/specification/features.md#interaction-analytics and docs/specification/decisions.md#features.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from accounts import Db, acting_as, make_user

from sterna.server.identity import SERVER, Identity


def somebody(db: Db) -> Identity:
    user_id, email = make_user(db)
    return Identity("authenticated", user_id, email)


def call(db: Db, who: Identity, expression: str, *values: Any) -> Any:
    with acting_as(db, who):
        row = db.execute(f"select {expression} as result", values).fetchone()
    assert row is not None
    return row["result"]


def start(db: Db, who: Identity, token: str | None = None) -> str:
    result = call(db, who, "start_user_session(%s, %s, %s)", who.user_id, '{"device_type": "terminal"}', token)
    assert result["success"] is True
    return str(result["session_id"])


def batch(db: Db, who: Identity, items: Any) -> dict[str, Any]:
    result: dict[str, Any] = call(db, who, "batch_track_user_interactions(%s)", json.dumps(items))
    return result


def event(session: str, **more: Any) -> dict[str, Any]:
    return {"session_id": session, "event_type": "conversation_opened", **more}


@pytest.fixture
def ada_(db: Db) -> Identity:
    return somebody(db)


@pytest.fixture
def bob_(db: Db) -> Identity:
    return somebody(db)


def test_a_visit_that_was_announced_before_learns_of_the_device(db: Db, ada_: Identity) -> None:
    token = f"sess_{uuid4().hex}"
    db.execute(
        "insert into user_sessions (user_id, session_token, device_info) values (%s, %s, '{\"kept\": 1}')",
        (ada_.user_id, token),
    )
    session = start(db, ada_, token)
    row = db.execute("select id, device_info from user_sessions where session_token = %s", (token,)).fetchone()
    assert row is not None
    assert (str(row["id"]), row["device_info"]) == (session, {"kept": 1, "device_type": "terminal"})


def test_start_batch_end_end_again(db: Db, ada_: Identity) -> None:
    """docs/specification/vectors.md#vector-19."""
    session = start(db, ada_)
    result = batch(db, ada_, [event(session), event(session, duration=12), event(session, content_id="conv_1")])
    assert result == {"success": True, "inserted": 3, "failed": 0, "errors": []}
    assert call(db, ada_, "end_user_session(%s)", session) is True
    assert call(db, ada_, "end_user_session(%s)", session) is False


def test_start_returns_the_id_that_the_database_made(db: Db, ada_: Identity) -> None:
    session = start(db, ada_)
    row = db.execute("select * from user_sessions where id = %s", (session,)).fetchone()
    assert row is not None
    assert (row["user_id"], row["device_type"], row["ended_at"]) == (ada_.user_id, "terminal", None)


def test_an_open_session_of_the_same_token_is_gone_on_with(db: Db, ada_: Identity, bob_: Identity) -> None:
    token = f"sess_{uuid4()}"
    session = start(db, ada_, token)
    assert start(db, ada_, token) == session
    refused = {"success": False, "error": "This session token cannot be used"}
    assert call(db, bob_, "start_user_session(%s, '{}', %s)", bob_.user_id, token) == refused
    call(db, ada_, "end_user_session(%s)", session)
    assert call(db, ada_, "start_user_session(%s, '{}', %s)", ada_.user_id, token) == refused


def test_nobody_starts_or_ends_a_session_of_somebody_else(db: Db, ada_: Identity, bob_: Identity) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(db, bob_, "start_user_session(%s)", ada_.user_id)
    session = start(db, ada_)
    assert call(db, bob_, "end_user_session(%s)", session) is False
    assert batch(db, bob_, [event(session)])["errors"] == [{"index": 0, "error": "Session not found"}]
    assert call(db, ada_, "end_user_session(%s)", session) is True


def test_track_keeps_one_event_of_an_open_session(db: Db, ada_: Identity) -> None:
    session = start(db, ada_)
    result = call(
        db, ada_, "track_user_interaction(%s, 'reply_finished', 'conv_1', 900, '{\"tokens\": 12}')", session
    )  # fmt: skip
    row = db.execute("select * from user_interactions where id = %s", (result["id"],)).fetchone()
    assert row is not None
    assert (row["user_id"], row["content_id"], row["duration"], row["event_data"]) == (
        ada_.user_id, "conv_1", 900, {"tokens": 12},
    )  # fmt: skip
    unknown = {"success": False, "error": "Session not found"}
    assert call(db, ada_, "track_user_interaction(%s, 'x')", uuid4()) == unknown
    call(db, ada_, "end_user_session(%s)", session)
    ended = {"success": False, "error": "Session has ended"}
    assert call(db, ada_, "track_user_interaction(%s, 'x')", session) == ended


def test_an_event_sent_again_is_kept_once(db: Db, ada_: Identity) -> None:
    session, key = start(db, ada_), str(uuid4())
    assert batch(db, ada_, [event(session, id=key)])["inserted"] == 1
    assert batch(db, ada_, [event(session, id=key)]) == {"success": True, "inserted": 0, "failed": 0, "errors": []}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (7, "An interaction is an object"),
        ({"session_id": "7"}, "session_id is not the id of a session"),
        ({"event_type": ""}, "event_type has 1 to 100 characters"),
        ({"event_type": 7}, "event_type has 1 to 100 characters"),
        ({"id": "7"}, "id is not a uuid"),
        ({"duration": -1}, "duration is a number of milliseconds"),
        ({"duration": "long"}, "duration is a number of milliseconds"),
        ({"duration": 1e40}, "duration is a number of milliseconds"),
        ({"content_id": ["x"]}, "content_id is an id of at most 255 characters"),
        ({"event_data": []}, "event_data is an object"),
        ({"event_data": {"x": "y" * 9000}}, "event_data is larger than 8 KiB"),
        ({"created_at": "yesterdayish"}, "created_at is not a time"),
        ({"created_at": "99999-99-99"}, "created_at is not a time"),
    ],
)
def test_what_is_wrong_with_one_event_stops_no_other(db: Db, ada_: Identity, wrong: Any, says: str) -> None:
    session = start(db, ada_)
    bad = event(session) | wrong if isinstance(wrong, dict) else wrong
    result = batch(db, ada_, [event(session), bad, event(session)])
    assert result == {"success": True, "inserted": 2, "failed": 1, "errors": [{"index": 1, "error": says}]}


def test_a_batch_is_an_array_of_at_most_500(db: Db, ada_: Identity) -> None:
    session = start(db, ada_)
    assert batch(db, ada_, {"session_id": session}) == {"success": False, "error": "Interactions come as an array"}
    assert batch(db, ada_, [event(session)] * 501) == {"success": False, "error": "More than 500 interactions at once"}
    assert batch(db, ada_, [event(session)] * 500)["inserted"] == 500


def test_what_happened_before_the_end_is_kept_after_it_too(db: Db, ada_: Identity) -> None:
    """A client that was offline sends late; one that was taken for gone may still have gone on."""
    session = start(db, ada_)
    call(db, ada_, "end_user_session(%s)", session)
    early = event(session, created_at="2026-01-01T10:00:00Z")
    assert batch(db, ada_, [early, event(session)])["failed"] == 1
    idle = start(db, ada_)
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute("update user_sessions set updated_at = now() - interval '1 h', started_at = now() - interval '2 h'"
                   " where id = %s", (idle,))  # fmt: skip
    call(db, SERVER, "close_idle_visits()")
    assert batch(db, ada_, [event(idle)])["inserted"] == 1
    row = db.execute("select now() - ended_at < interval '1 minute' as late from user_sessions where id = %s", (idle,))
    assert row.fetchone() == {"late": True}


def test_people_see_their_own_events_remove_them_and_write_none_by_hand(db: Db, ada_: Identity, bob_: Identity) -> None:
    session = start(db, ada_)
    batch(db, ada_, [event(session)])
    assert call(db, bob_, "(select count(*) from user_interactions)") == 0
    assert call(db, ada_, "(select count(*) from user_interactions)") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, ada_):
        db.execute(
            "insert into user_interactions (user_id, session_id, event_type) values (%s, %s, 'x')",
            (ada_.user_id, session),
        )
    with acting_as(db, ada_):
        db.execute("delete from user_sessions")
    assert call(db, SERVER, "(select count(*) from user_interactions where user_id = %s)", ada_.user_id) == 0


def test_nothing_is_left_of_an_account_that_is_erased(db: Db, ada_: Identity) -> None:
    batch(db, ada_, [event(start(db, ada_))])
    db.execute("delete from auth.users where id = %s", (ada_.user_id,))
    for table in ("user_sessions", "user_interactions", "sterna.session_tokens"):
        assert call(db, Identity("none"), f"(select count(*) from {table} where user_id = %s)", ada_.user_id) == 0

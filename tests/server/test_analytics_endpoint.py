"""Interaction analytics over /api/analytics and /rest/v1/rpc. See docs/specification/decisions.md#features."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
from accounts import Db, Person

RPC = "/rest/v1/rpc"


def rpc(client: httpx.Client, name: str, **arguments: Any) -> httpx.Response:
    return client.post(f"{RPC}/{name}", json=arguments)


def test_a_session_over_our_own_names(ada: Person, db: Db) -> None:
    token = f"sess_{uuid4()}"
    started = ada.http.post("/api/analytics/session/start", json={"deviceInfo": {}, "sessionToken": token})
    session = started.json()["session_id"]
    assert started.json()["success"] is True
    events = [{"session_id": session, "event_type": "x"}, {"session_id": str(uuid4()), "event_type": "x"}, None]
    body = ada.http.post("/api/analytics/events", json={"events": events}).json()
    assert (body["inserted"], [error["index"] for error in body["errors"]]) == (1, [1, 2])
    ends = [ada.http.post("/api/analytics/session/end", json={"sessionId": session}).json() for _ in range(2)]
    assert ends == [{"success": True}, {"success": False}]
    again = ada.http.post("/api/analytics/session/start", json={"sessionToken": token})
    assert (again.status_code, again.json()["error"]) == (400, "This session token cannot be used.")


def test_the_four_functions_over_postgrest_s_names(ada: Person) -> None:
    """docs/specification/vectors.md#vector-19."""
    session = rpc(ada.http, "start_user_session", p_user_id=str(ada.id)).json()["session_id"]
    body = rpc(ada.http, "track_user_interaction", p_session_id=session, p_event_type="x", p_event_data={"n": 1}).json()
    assert body["success"] is True
    three = [{"session_id": session, "event_type": "x"}] * 3
    assert rpc(ada.http, "batch_track_user_interactions", p_interactions=three).json()["inserted"] == 3
    assert rpc(ada.http, "end_user_session", p_session_id=session).json() is True
    assert rpc(ada.http, "end_user_session", p_session_id=session).json() is False


def test_the_other_functions_are_there_and_give_what_they_give(ada: Person) -> None:
    stats = rpc(ada.http, "get_user_stats", p_clerk_id=str(ada.id)).json()
    assert stats[0]["total_searches"] == 0
    assert rpc(ada.http, "get_user_recent_sessions", user_uuid=str(ada.id)).json() == []
    assert rpc(ada.http, "can_user_use_model", user_uuid=str(ada.id), model_to_check="openai/gpt-4o").json() is False
    assert ada.http.post(f"{RPC}/current_profile_id").json() == str(ada.id)


def test_what_no_person_may_call_is_not_there(ada: Person, http: httpx.Client) -> None:
    for name in (
        "cleanup_old_data",
        "sync_purge",
        "update_user_session",
        "pg_sleep",
        "jsonb_deep_merge",
        "sync_answered",
        "sync_user_conversations",
        "own_user_session",
        "vector_dims",
    ):
        answer = rpc(ada.http, name)
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202"), name
    assert rpc(ada.http, "get_user_stats", p_clerk="x").status_code == 404
    assert rpc(http, "get_user_stats", p_clerk_id="x").status_code == 401


def test_an_error_is_as_postgrest_says_it(ada: Person, bob: Person) -> None:
    refused = rpc(ada.http, "get_user_stats", p_clerk_id=str(bob.id))
    assert refused.status_code == 403
    assert refused.json()["code"] == "42501"
    wrong = rpc(ada.http, "start_user_session", p_user_id="no uuid")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "22P02")
    assert set(wrong.json()) == {"code", "message", "details", "hint"}

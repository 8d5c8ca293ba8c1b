"""The stand-in has upstream's quirks: a client that passes against it has met them.

See docs/specification/endpoints.md#upstream and docs/specification/sync-protocol.md#upstream-behaviour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from ticking import Ticking

from sterna.sync.auth.cookies import updated_session
from tests.upstream import Person, ServerResponse, Upstream, serving

FLAVOURS = ("H", "S")


class Client:
    """One person's calls, with cookies."""

    def __init__(self, upstream: Upstream, person: Person) -> None:
        self.upstream, self.me = upstream, person
        self.session = upstream.sign_in(person)

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> ServerResponse:
        headers = {"cookie": self.upstream.cookies(self.session)}
        raw = b"" if body is None else json.dumps(body).encode()
        return self.upstream.handle(method, f"/api/chat/{path}", query, headers, raw)

    def push(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        response = self("POST", "sync", {"conversations": [{"userId": self.me.id} | one for one in items]})
        assert response.status == 200, response
        details: list[dict[str, Any]] = response.json()["results"]["details"]
        return details

    def sessions(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self("GET", "sessions").json()["sessions"]}


def message(id_: str, content: str = "hello", at: str = "2026-03-01T12:00:00.000Z", **more: Any) -> dict[str, Any]:
    return {"id": id_, "role": "user", "content": content, "timestamp": at} | more


def conversation(id_: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": id_, "messages": list(messages), "messageCount": len(messages)} | more


@pytest.fixture
def ada(up: Upstream) -> Client:
    return Client(up, up.join())


@pytest.fixture
def early(clock: Ticking) -> Client:
    """The same in upstream's early form."""
    up = Upstream("S", clock=clock)
    return Client(up, up.join())


# signing in


def test_a_token_in_a_header_gets_no_profile(up: Upstream, ada: Client, early: Client) -> None:
    bearer = {"authorization": f"Bearer {ada.session['access_token']}"}
    response = up.handle("GET", "/api/chat/sessions", {}, bearer)
    assert (response.status, response.json()["code"]) == (500, "profile_fetch_failed")
    bearer = {"authorization": f"Bearer {early.session['access_token']}"}
    assert early.upstream.handle("GET", "/api/chat/sessions", {}, bearer).json() == {"error": "Unauthorized"}


def test_nobody_and_a_token_that_is_none_are_the_same(up: Upstream) -> None:
    for headers in ({}, {"authorization": "Bearer x"}, {"cookie": "sb-127-auth-token=base64-AA"}):
        response = up.handle("GET", "/api/chat/sessions", {}, headers)
        assert (response.status, response.json()["code"]) == (401, "auth_required")
        assert not response.all("x-request-id")


def test_a_spent_session_is_renewed_by_the_answer_and_the_old_one_ends(clock: Ticking, ada: Client) -> None:
    clock.move(hours=2)
    response = ada("GET", "sessions")
    assert response.status == 200
    new = updated_session(ada.upstream.cookie, ada.session, response.all("set-cookie"))
    assert new is not None
    assert new["refresh_token"] != ada.session["refresh_token"]
    clock.move(seconds=60)
    assert ada("GET", "sessions").status == 401, "the spent refresh token"
    ada.session = dict(new)
    assert ada("GET", "sessions").status == 200


def test_a_banned_person_reads_and_does_not_write(ada: Client) -> None:
    ada.me.banned = True
    assert ada("POST", "sync", {"conversations": []}).json()["code"] == "account_banned"
    assert ada("POST", "messages", {}).status == 403
    assert ada("GET", "sessions").status == 200


# pushing


def test_one_foreign_conversation_refuses_the_whole_batch(ada: Client) -> None:
    mine = conversation("c1") | {"userId": ada.me.id}
    for other in (conversation("c2"), conversation("c2") | {"userId": "somebody"}):
        response = ada("POST", "sync", {"conversations": [mine, other]})
        assert (response.status, response.json()["code"]) == (403, "insufficient_permissions")
        assert response.json()["details"] == "Invalid conversations: c2"
    assert ada.sessions() == {}


def test_in_the_early_form_each_conversation_is_judged_alone(early: Client) -> None:
    response = early(
        "POST", "sync", {"conversations": [conversation("c2"), conversation("c1") | {"userId": early.me.id}]}
    )
    assert [one.get("error") for one in response.json()["results"]["details"]] == [
        "Conversation does not belong to user", None,
    ]  # fmt: skip
    assert list(early.sessions()) == ["c1"]


@pytest.mark.parametrize("body", [b"{", b'{"conversations": [null]}', b"[]"])
def test_malformed_bodies_are_forbidden(ada: Client, body: bytes) -> None:
    headers = {"cookie": ada.upstream.cookies(ada.session)}
    assert ada.upstream.handle("POST", "/api/chat/sync", {}, headers, body).status == 403


def test_absent_counters_are_written_as_zero_and_an_absent_title_is_left(ada: Client) -> None:
    ada.push(conversation("c1", message("m1"), title="Kept", lastMessagePreview="x"))
    before = ada.sessions()["c1"]
    assert before["message_count"] == 1
    ada.push({"id": "c1"})
    after = ada.sessions()["c1"]
    assert (after["title"], after["message_count"], after["last_message_preview"]) == ("Kept", 0, "hello")
    assert after["updated_at"] > before["updated_at"]
    ada.push({"id": "c2"})
    assert ada.sessions()["c2"]["title"] == "New Chat"


def test_what_was_deleted_comes_back_by_a_push_and_created_at_is_ignored(ada: Client) -> None:
    ada.push(conversation("c1", message("m1"), createdAt="2001-01-01T00:00:00.000Z"))
    assert ada.sessions()["c1"]["created_at"].startswith("2026-")
    assert ada("DELETE", "sessions", id="c1").json()["success"] is True
    assert ada("DELETE", "sessions", id="c1").json()["success"] is True, "also where nothing is"
    assert ada.sessions() == {}
    ada.push({"id": "c1", "messages": [message("m2")]})
    assert ada.sessions()["c1"]["message_count"] == 1


def test_a_partial_failure_names_nothing_and_keeps_the_conversation(ada: Client) -> None:
    details = ada.push(
        conversation("c1", message("m1", "a\0b")),
        conversation("c2", title="x" * 256),
        conversation("c3", message("m3"), message("m3")),
        conversation("c4", message("m4", "\ud83d")),
        conversation("c5", message("m5", total_tokens=2**31)),
        conversation("c6", message("m6", at=7)),  # type: ignore[arg-type]
        conversation("c7", message("m7")),
    )
    assert [one.get("error") for one in details] == ["Unknown error"] * 6 + [None]
    assert details[6] == {"conversationId": "c7", "status": "synced", "messageCount": 1}
    assert set(ada.sessions()) == {"c1", "c3", "c4", "c5", "c6", "c7"}


def test_an_id_of_somebody_else_is_refused(up: Upstream, ada: Client) -> None:
    eve = Client(up, up.join("eve@example.org"))
    ada.push(conversation("c1", message("m1")))
    assert eve.push(conversation("c1"), conversation("c2", message("m1"))) == [
        {"conversationId": "c1", "error": "Unknown error"},
        {"conversationId": "c2", "error": "Unknown error"},
    ]
    assert eve("DELETE", "sessions", id="c1").json()["success"] is True
    assert eve("GET", "session", id="c1").status == 404
    assert set(ada.sessions()) == {"c1"}


def test_the_text_of_an_error_is_dropped_and_a_missing_field_erases(ada: Client) -> None:
    reply = message("m1", role="assistant", model="a/b", total_tokens=5, reasoning="why", elapsed_ms=9)
    ada.push(conversation("c1", reply))
    ada.push(conversation("c1", message("m1", role="assistant", error=True, error_message="no credit")))
    [response] = ada("GET", "messages", session_id="c1").json()["messages"]
    assert (response["model"], response["total_tokens"], response["elapsed_ms"], response["error"]) == (
        None,
        0,
        0,
        True,
    )
    assert "reasoning" not in response
    assert "error_message" not in response
    assert ada.upstream.tables.messages["c1"]["m1"]["error_message"] == "Message failed"


def test_a_key_that_one_message_has_is_written_as_null_to_the_others(ada: Client) -> None:
    ada.push(conversation("c1", message("m1", requested_web_search=True)))
    ada.push(conversation("c1", message("m1"), message("m2", requested_web_search=True)))
    assert ada.upstream.tables.messages["c1"]["m1"]["metadata"] is None


def test_failed_messages_count_only_in_the_early_form(ada: Client, early: Client) -> None:
    for client, count in ((ada, 1), (early, 2)):
        client.push(conversation("c1", message("m1"), message("m2", error=True)))
        assert client.sessions()["c1"]["message_count"] == count


def test_too_large_a_body_is_refused_by_the_host(ada: Client) -> None:
    response = ada("POST", "sync", {"conversations": [conversation("c1", message("m1", "x" * 5_000_000))]})
    assert response.status == 413
    assert "json" not in response.all("content-type")[0]


# listing


def test_empty_conversations_come_first_and_none_is_found_behind_a_cursor(ada: Client) -> None:
    ada.push(*(conversation(f"e{n:02}") for n in range(25)))
    ada.push(conversation("c1", message("m1")))
    first = ada("GET", "sync").json()
    assert len(first["conversations"]) == 20
    assert {one["lastMessageTimestamp"] for one in first["conversations"]} == {None}
    cursor = first["meta"]["nextCursor"]
    assert cursor["ts"] == first["conversations"][-1]["updatedAt"]
    second = ada("GET", "sync", cursor_ts=cursor["ts"], cursor_id=cursor["id"], with_total="true").json()
    assert [one["id"] for one in second["conversations"]] == ["c1"]
    assert second["meta"]["totalCount"] == 1


def test_a_rename_moves_nothing_in_the_listing(ada: Client) -> None:
    for n in range(22):
        ada.push(conversation(f"c{n:02}", message(f"m{n}", at=f"2026-03-01T12:00:{n:02}.000Z")))
    assert ada("POST", "session", {"id": "c00", "title": "New"}).json()["session"]["title"] == "New"
    assert "c00" not in {one["id"] for one in ada("GET", "sync").json()["conversations"]}
    assert next(iter(ada.sessions())) == "c00"


def test_a_listing_of_the_early_form_is_the_newest_ten_with_all_messages(early: Client) -> None:
    early.push(*(conversation(f"c{n:02}", message(f"m{n}", role="system")) for n in range(12)))
    response = early("GET", "sync", limit="3").json()
    assert "meta" not in response
    assert len(response["conversations"]) == 10
    assert all(len(one["messages"]) == 1 for one in response["conversations"])


def test_the_manifest_ends_at_a_thousand_rows_and_does_not_say_so(clock: Ticking) -> None:
    up = Upstream(clock=clock, row_cap=5)
    ada = Client(up, up.join())
    ada.push(*(conversation(f"c{n}") for n in range(8)))
    response = ada("GET", "sessions").json()
    assert response["count"] == 5
    assert [row["id"] for row in response["sessions"]] == ["c7", "c6", "c5", "c4", "c3"]


# messages


def test_messages_are_shown_without_system_rows_and_with_upstreams_names(ada: Client) -> None:
    ada.push(
        conversation(
            "c1",
            message("m1", "q", originalModel="a/b", requested_web_search=True),
            message("m2", "a", "2026-03-01T12:00:01.123456Z", role="assistant", model="a/b", was_streaming=True),
            message("m3", "s", "2026-03-01T12:00:02Z", role="system"),
        )
    )
    response = ada("GET", "messages", session_id="c1").json()
    assert response["count"] == 2
    question, answer = response["messages"]
    assert (question["originalModel"], question["requested_web_search"]) == ("a/b", True)
    assert "model" not in question
    assert (answer["model"], answer["timestamp"]) == ("a/b", "2026-03-01T12:00:01.123Z")
    assert ada.sessions()["c1"]["message_count"] == 3, "counted, though not shown"


def test_asking_since_a_time_misses_edits_and_repeats_a_row_within_its_millisecond(ada: Client) -> None:
    at = "2026-03-01T12:00:00.000400Z"
    ada.push(conversation("c1", message("m1", "old", at)))
    shown = ada("GET", "messages", session_id="c1").json()["messages"][0]["timestamp"]
    assert ada("GET", "messages", session_id="c1", since_ts=shown).json()["count"] == 1
    ada.push(conversation("c1", message("m1", "new", at)))
    later = "2026-03-01T12:00:01Z"
    assert ada("GET", "messages", session_id="c1", since_ts=later).json() == {
        "messages": [], "count": 0, "up_to_date": True,
    }  # fmt: skip


def test_a_message_list_ends_at_the_row_cap_too(clock: Ticking) -> None:
    up = Upstream(clock=clock, row_cap=3)
    ada = Client(up, up.join())
    ada.push(conversation("c1", *(message(f"m{n}", at=f"2026-03-01T12:00:0{n}Z") for n in range(5))))
    assert [one["id"] for one in ada("GET", "messages", session_id="c1").json()["messages"]] == ["m0", "m1", "m2"]


def test_asking_for_messages_of_nothing(ada: Client, early: Client) -> None:
    for client in (ada, early):
        assert client("GET", "messages").status == 400
        assert client("GET", "messages", session_id="x").json() == {"error": "Session not found or access denied"}


def test_saying_keeps_the_text_of_an_error_and_counts_it_until_the_next_push(ada: Client) -> None:
    failed = message("m1", "a question of more than fifty letters, which is where a title ends",
                     error=True, error_message="no credit", error_code="402")  # fmt: skip
    response = ada("POST", "messages", {"sessionId": "c1", "messages": [failed]})
    assert response.status == 201
    assert response.json()["messages"][0]["error_message"] == "no credit"
    row = ada.sessions()["c1"]
    assert (row["message_count"], row["title"]) == (1, failed["content"][:50] + "...")
    assert ada.upstream.tables.messages["c1"]["m1"]["metadata"] == {
        "upstream_error_code": "402", "upstream_error_message": "no credit",
    }  # fmt: skip
    ada.push(conversation("c1", message("m2")))
    assert ada.sessions()["c1"]["message_count"] == 1


def test_saying_nothing_makes_the_conversation_all_the_same(ada: Client) -> None:
    assert ada("POST", "messages", {"sessionId": "c1"}).status == 400
    assert ada("POST", "messages", {"sessionId": "c2", "messages": []}).json()["count"] == 0
    assert (
        ada("POST", "messages", {"sessionId": "c3", "message": {"id": "m", "role": "user", "content": "x"}}).status
        == 500
    )
    assert set(ada.sessions()) == {"c1", "c2", "c3"}


def test_saying_in_the_early_form_takes_one_new_message(early: Client) -> None:
    assert early("POST", "messages", {"sessionId": "c1", "message": message("m1")}).status == 404
    early.push(conversation("c1"))
    assert early("POST", "messages", {"sessionId": "c1", "message": message("m1")}).status == 201
    assert early("POST", "messages", {"sessionId": "c1", "message": message("m1")}).status == 500


def test_time_taken_is_in_seconds_in_the_early_form(ada: Client, early: Client) -> None:
    for client, name in ((ada, "elapsed_ms"), (early, "elapsed_time")):
        client.push(conversation("c1", message("m1", role="assistant", elapsed_ms=1830, elapsed_time=2)))
        [response] = client("GET", "messages", session_id="c1").json()["messages"]
        assert response[name] == {"elapsed_ms": 1830, "elapsed_time": 2}[name]


# one conversation, all conversations, no such page


def test_renaming_is_not_there_in_the_early_form(ada: Client, early: Client) -> None:
    response = ada("POST", "session", {"id": "x", "title": "t"})
    assert (response.status, response.json()) == (404, {"error": "Session not found or access denied"})
    for response in (early("POST", "session", {"id": "x"}), early("GET", "session", id="x")):
        assert response.status == 404
        assert response.all("content-type") == ["text/html; charset=utf-8"]


def test_creating_twice_is_an_error(ada: Client) -> None:
    assert ada("POST", "sessions", {"id": "c1"}).json()["session"]["title"] == "New Chat"
    assert ada("POST", "sessions", {"id": "c1"}).status == 500


def test_clearing_deletes_also_what_the_caller_has_not_seen_and_fails_for_many(ada: Client) -> None:
    assert ada("DELETE", "clear-all").json()["deletedCount"] == 0
    ada.push(conversation("c1", message("m1")), conversation("c2"))
    assert ada("DELETE", "clear-all").json()["deletedCount"] == 2
    assert ada.sessions() == {}
    for part in range(0, 310, 10):
        ada.push(*(conversation(f"c{n}") for n in range(part, part + 10)))
    assert ada("DELETE", "clear-all").status == 500
    assert len(ada.sessions()) == 310


# limits


def test_a_limit_counts_refused_calls_and_says_two_things_about_waiting(clock: Ticking) -> None:
    up = Upstream(clock=clock, limits={"free": 3})
    ada = Client(up, up.join())
    assert [ada("GET", "sessions").all("x-ratelimit-remaining") for _ in range(3)] == [["2"], ["1"], ["0"]]
    response = ada("GET", "sessions")
    assert (response.status, response.json()["retryAfter"], response.all("retry-after")) == (429, 60, ["3600"])
    reset = datetime.fromisoformat(response.all("x-ratelimit-reset")[0])
    assert timedelta(minutes=59) < reset - clock.at.astimezone(UTC) < timedelta(minutes=61)
    clock.move(minutes=59)
    assert ada("GET", "sessions").status == 429
    clock.move(minutes=59)
    assert ada("GET", "sessions").status == 200, "the refused calls count until they are an hour old"


def test_the_early_form_knows_no_limits(early: Client) -> None:
    response = early("GET", "sessions")
    assert not response.all("x-ratelimit-limit")
    assert not response.all("x-request-id")


# over HTTP


@pytest.fixture
def address(up: Upstream) -> Iterator[str]:
    with serving(up) as found:
        yield found


def test_it_answers_over_http_and_signs_in(up: Upstream, address: str) -> None:
    ada = up.join()
    with httpx.Client(base_url=address, trust_env=False) as http:
        key = {"apikey": up.anon_key}
        wrong = http.post("/auth/v1/token", params={"grant_type": "password"}, json={"email": "x"}, headers=key)
        assert wrong.json()["error_code"] == "invalid_credentials"
        given = {"email": ada.email, "password": ada.password}
        session = http.post("/auth/v1/token", params={"grant_type": "password"}, json=given, headers=key).json()
        assert len(up.cookies(session).split("; ")) > 1, "it takes more than one cookie"
        headers = {"cookie": up.cookies(session)}
        body = {"conversations": [conversation("c1", message("m1", "ä")) | {"userId": ada.id}]}
        assert http.post("/api/chat/sync", json=body, headers=headers).json()["results"]["synced"] == 1
        response = http.get("/api/chat/messages", params={"session_id": "c1"}, headers=headers)
        assert response.json()["messages"][0]["content"] == "ä"
        assert "x-request-id" in response.headers
        assert http.get("/api/chat/nothing", headers=headers).status_code == 404
        next_one = {"refresh_token": session["refresh_token"]}
        new = http.post("/auth/v1/token", params={"grant_type": "refresh_token"}, json=next_one, headers=key).json()
        assert (
            http.get("/auth/v1/user", headers=key | {"authorization": f"Bearer {new['access_token']}"}).json()["id"]
            == ada.id
        )

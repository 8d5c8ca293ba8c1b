"""``/rest/v1/rpc/<name>`` as clients of PostgREST use it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from accounts import Db, Person

from sterna.server.rest import responses as answers

RPC = "/rest/v1/rpc"
RECENT = f"{RPC}/get_user_recent_sessions"
OBJECT = "application/vnd.pgrst.object+json"


@pytest.fixture
def three(ada: Person, db: Db) -> Person:
    """Ada with conversations c1 to c3."""
    for n in (1, 2, 3):
        db.execute(
            "insert into chat_sessions (user_id, id, title, message_count) values (%s, %s, %s, %s)",
            (ada.id, f"c{n}", f"title {n}", n * 10),
        )
    return ada


def recent(who: Person, query: str = "", method: str = "POST", **headers: str) -> httpx.Response:
    if method == "POST":
        return who.http.post(f"{RECENT}{query}", json={"user_uuid": str(who.id)}, headers=headers)
    more = f"&{query[1:]}" if query else ""
    return who.http.request(method, f"{RECENT}?user_uuid={who.id}{more}", headers=headers)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_modifier_holds_for_a_function_s_rows(three: Person, method: str) -> None:
    query = "?select=id,n:message_count::text&message_count=gt.10&order=id.desc&limit=1"
    answer = recent(three, query, method, Prefer="count=exact")
    assert (answer.status_code, answer.json()) == (206, [{"id": "c3", "n": "30"}])
    assert answer.headers["content-range"] == "0-0/2"
    result = recent(three, "?select=id&id=eq.c2", method, Accept=OBJECT)
    assert result.json() == {"id": "c2"}
    assert recent(three, "?id=in.(c1,c2)", method, Accept=OBJECT).json()["code"] == "PGRST116"
    text = recent(three, "?select=id,title&order=id&or=(id.eq.c1,id.eq.c3)", method, Accept="text/csv")
    assert text.text == "id,title\nc1,title 1\nc3,title 3\n"
    assert recent(three, "?nothing=eq.1", method).json()["code"] == "42703"
    assert recent(three, "?select=id,chat_messages(*)", method).json()["code"] == "PGRST200"


def test_head_answers_the_count_alone(three: Person) -> None:
    answer = recent(three, "?message_count=lt.30", "HEAD", Prefer="count=exact")
    assert (answer.status_code, answer.headers["content-range"], answer.content) == (200, "0-1/2", b"")


def test_arguments_of_get_are_read_as_their_types(three: Person) -> None:
    rows = three.http.get(f"{RECENT}?user_uuid={three.id}&session_limit=2&order=id").json()
    assert len(rows) == 2
    wrong = three.http.get(f"{RECENT}?user_uuid=nobody")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "22P02")
    other = three.http.get(f"{RPC}/can_user_use_model?user_uuid={three.id}&model_to_check=openai/gpt-4o")
    assert other.json() is False


def test_a_plain_value_is_answered_as_it_is(ada: Person) -> None:
    for answer in (ada.http.post(f"{RPC}/current_profile_id"), ada.http.get(f"{RPC}/current_profile_id")):
        assert (answer.status_code, answer.json()) == (200, str(ada.id))
    refused = ada.http.get(f"{RPC}/current_profile_id?select=id")
    assert (refused.status_code, refused.json()["code"]) == (400, "42703")
    as_object = ada.http.post(f"{RPC}/get_user_complete_profile", json={"user_uuid": str(ada.id)})
    assert as_object.json()["email"] == ada.email


def test_a_function_that_writes_is_not_called_by_get(ada: Person, db: Db) -> None:
    for method in ("GET", "HEAD"):
        answer = ada.http.request(method, f"{RPC}/start_user_session?p_user_id={ada.id}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert ada.http.get(f"{RPC}/start_user_session?p_user_id={ada.id}").json()["code"] == "25006"
    assert db.execute("select count(*) as n from user_sessions where user_id = %s", (ada.id,)).fetchone() == {"n": 0}


def test_a_function_that_writes_is_called_once_however_its_rows_are_counted(ada: Person, db: Db) -> None:
    answer = ada.http.post(
        f"{RPC}/start_user_session", json={"p_user_id": str(ada.id)}, headers={"Prefer": "count=exact"}
    )
    assert (answer.status_code, answer.headers["content-range"]) == (200, "0-0/1")
    assert db.execute("select count(*) as n from user_sessions where user_id = %s", (ada.id,)).fetchone() == {"n": 1}


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("no_such_function", {}, 404, "PGRST202"),
        ("pg_sleep", {"seconds": 9}, 404, "PGRST202"),
        ("No%20Such", {}, 404, "PGRST202"),
        ("get_user_stats", {}, 404, "PGRST202"),
        ("get_user_stats", {"p_clerk_id": "x", "more": 1}, 404, "PGRST202"),
        ("get_user_stats", [], 400, "PGRST102"),
        ("get_user_stats", "x", 400, "PGRST102"),
        ("get_user_stats", {"p_clerk_id": "x"}, 403, "42501"),
        ("get_user_recent_sessions", {"user_uuid": "x"}, 400, "22P02"),
        ("get_user_recent_sessions", {"user_uuid": {"a": [1]}}, 400, "22P02"),
    ],
)
def test_an_error_has_postgrest_s_four_keys(ada: Person, name: str, body: Any, status: int, code: str) -> None:
    answer = ada.http.post(f"{RPC}/{name}", json=body)
    assert list(answer.json()) == ["code", "message", "details", "hint"]
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_what_is_refused_before_the_function_has_the_four_keys_too(ada: Person, http: httpx.Client) -> None:
    path = f"{RPC}/current_profile_id"
    kind = {"content-type": "application/json"}
    for answer, status, code in (
        (http.post(path), 401, "PGRST302"),
        (ada.http.put(path), 405, "PGRST101"),
        (ada.http.delete(path), 405, "PGRST101"),
        (ada.http.post(path, content="{", headers=kind), 400, "PGRST102"),
        (ada.http.post(path, content="a=1", headers={"content-type": "text/plain"}), 415, "PGRST107"),
        (ada.http.post(path, content=b"no gzip", headers=kind | {"content-encoding": "gzip"}), 400, "PGRST102"),
        (ada.http.get("/rest/v1"), 404, "PGRST125"),
        (ada.http.get("/rest/v1/a/b/c"), 404, "PGRST125"),
    ):
        assert list(answer.json()) == ["code", "message", "details", "hint"], answer.text
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ada.http.put(path).headers["allow"] == "GET, HEAD, POST"


def test_a_statement_that_takes_too_long_is_ended(ada: Person, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SECONDS", 0.05)
    db.execute("create function public.slow() returns integer language sql stable as 'select 1 from pg_sleep(60)'")
    db.execute("grant execute on function public.slow() to authenticated")
    db.execute("comment on function public.slow() is '@rest Slow.'")
    try:
        answer = ada.http.get(f"{RPC}/slow")
    finally:
        db.execute("drop function public.slow()")
    assert (answer.status_code, answer.json()["code"]) == (504, "57014")
    assert ada.http.get(f"{RPC}/current_profile_id").status_code == 200

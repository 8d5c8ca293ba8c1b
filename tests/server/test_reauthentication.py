"""New passwords require reauthentication and are not weak, and sign-out takes effect at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import Db, client_of

from sterna.server.auth import weak_passwords

WORD = "correct horse battery"
NEXT = "another good one"
DEVICE = {"sync-client": "test/1; proto=1-1"}


class Time:
    now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def own(served: Callable[..., str], time: Time) -> Any:
    with client_of(served(clock=time)) as http:
        yield http


def new_email() -> str:
    return f"ada.{uuid4().hex[:12]}@example.org"


def signed_up(http: httpx.Client, email: str) -> dict[str, str]:
    return bearer(http.post("/auth/v1/signup", json={"email": email, "password": WORD}))


def signed_in(http: httpx.Client, email: str, password: str = WORD) -> httpx.Response:
    return http.post("/auth/v1/token?grant_type=password", json={"email": email, "password": password})


def bearer(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}", "refresh": answer.json()["refresh_token"]}


def test_an_open_terminal_is_not_enough_for_a_new_password(own: httpx.Client, time: Time) -> None:
    email = new_email()
    mine = signed_up(own, email)
    time.now += timedelta(minutes=11)
    refreshed = own.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": mine["refresh"]})
    for headers in (mine, bearer(refreshed)):
        for result, status, code in (
            ({}, 403, "reauthentication_needed"),
            ({"current_password": "a guess of mine"}, 400, "invalid_credentials"),
            ({"current_password": NEXT}, 400, "invalid_credentials"),
        ):
            answer = own.put("/auth/v1/user", json={"password": NEXT} | result, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert signed_in(own, email, NEXT).status_code == 400
    assert own.put("/auth/v1/user", json={"data": {"likes": "terns"}}, headers=mine).status_code == 200
    changed = own.put("/auth/v1/user", json={"password": NEXT, "current_password": WORD}, headers=mine)
    assert changed.status_code == 200
    fresh = bearer(signed_in(own, email, NEXT))
    assert own.put("/auth/v1/user", json={"password": WORD}, headers=fresh).status_code == 200


WEAK = [
    *("password", "PASSWORD", "Password1", "P@ssw0rd!", "drowssap", "pa ss word", "passwordpassword", "12345678"),
    *("87654321", "1234567890", "11111111", "12121212", "abcabcabc", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./"),
    *("1qaz2wsx", "iloveyou", "iloveyou123", "letmein1", "admin123", "monkey12", "dragon99", "summer2024"),
    *("  password  ", "sterna123", "!!!!!!!!", "passwort1", "パパパパパパパパ"),
]
OWN = [
    "{email}",
    "{EMAIL}",
    "{email}1",
    "{part}",
    "{part}12",
    "12{part}!",
    "adalovelace",
    "Lovelace1815",
    "example.org1",
]


@pytest.mark.parametrize("password", [*WEAK, *OWN])
def test_a_password_that_is_guessed_first_is_refused(http: httpx.Client, password: str) -> None:
    email = new_email()
    named = password.format(email=email, EMAIL=email.upper(), part=email.partition("@")[0])
    body = {"email": email, "password": named, "data": {"full_name": "Ada Lovelace"}}
    answer = http.post("/auth/v1/signup", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password"), named
    assert answer.json()["weak_password"]["reasons"] in (["pwned"], ["characters"])
    assert answer.json()["msg"].endswith("Choose another one.")
    assert http.post("/auth/v1/signup", json=body | {"password": WORD}).status_code == 200
    headers = bearer(signed_in(http, email))
    changed = http.put("/auth/v1/user", json={"password": named}, headers=headers)
    assert (changed.status_code, changed.json()["code"]) == (422, "weak_password")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "x7#kQ9!z", "Tr0ub4dour&3", "a good password", "tern over the sea", "ßüß-öäö-éè"],
)
def test_other_passwords_are_taken(password: str) -> None:
    assert weak_passwords.problem(password, ["ada@example.org", "Ada Lovelace"]) is None


@pytest.mark.parametrize("length", [8, 500, 1024])
@pytest.mark.parametrize("piece", ["a", "ab", "4@8({[</369|1!$5+7%02", "0123456789", "qwertyuiop", " ", "é"])
def test_long_passwords_are_judged_too(piece: str, length: int) -> None:
    assert weak_passwords.problem((piece * length)[:length]) in ("characters", "pwned", "length", None)


def ends(http: httpx.Client, mine: dict[str, str], other: dict[str, str], email: str, how: str) -> None:
    if how in ("global", "local", "others"):
        assert http.post(f"/auth/v1/logout?scope={how}", headers=mine).status_code == 204
    else:
        assert http.put("/auth/v1/user", json={"password": NEXT}, headers=mine).status_code == 200


@pytest.mark.parametrize(
    ("how", "mine_lives", "other_lives"),
    [("global", False, False), ("local", False, True), ("others", True, False), ("password", True, False)],
)
def test_access_tokens_end_with_their_sign_in(
    http: httpx.Client, how: str, mine_lives: bool, other_lives: bool
) -> None:
    email = new_email()
    mine, other = signed_up(http, email), bearer(signed_in(http, email))
    body = {"conversations": [{"id": "c", "title": "x", "messages": []}]}
    assert {http.post("/api/chat/sync", json=body, headers=item).status_code for item in (mine, other)} == {200}
    ends(http, mine, other, email, how)
    for headers, lives in ((mine, mine_lives), (other, other_lives)):
        for method, path in (
            ("GET", "/auth/v1/user"),
            ("GET", "/api/user/data"),
            ("POST", "/api/chat/sync"),
            ("GET", "/api/chat/sync?since=0"),
            ("POST", "/rest/v1/rpc/get_user_recent_sessions"),
        ):
            answer = http.request(method, path, headers=headers | DEVICE, json=body if path.endswith("sync") else {})
            assert (answer.status_code != 401) is lives, f"{path}: {answer.text}"


def test_what_waits_for_news_ends_with_its_sign_in(http: httpx.Client) -> None:
    email = new_email()
    mine, other = signed_up(http, email), bearer(signed_in(http, email))
    with http.stream("GET", "/api/chat/sync/head", headers=mine | DEVICE) as stream:
        pieces = stream.iter_text()
        assert next(pieces).startswith("event: head")
        waited: list[httpx.Response] = []
        waiting = Thread(
            target=lambda: waited.append(
                http.get("/api/chat/sync?since=0&wait=50", headers=mine | DEVICE, timeout=60),
            )
        )
        waiting.start()
        assert http.post("/auth/v1/logout?scope=local", headers=mine).status_code == 204
        body = {"conversations": [{"id": "c", "title": "x", "messages": []}]}
        assert http.post("/api/chat/sync", json=body, headers=other).status_code == 200
        assert list(pieces) == []
        waiting.join(30)
        # it was asked before or after the sign-out; in no case is it told of what came after
        assert [item.status_code for item in waited] == [401]


def test_a_sign_in_that_an_administrator_ended_has_ended_for_its_tokens(http: httpx.Client, db: Db) -> None:
    email = new_email()
    mine = signed_up(http, email)
    db.execute(
        "delete from sterna.refresh_tokens where user_id = (select id from auth.users where email = %s)", (email,)
    )
    assert http.get("/auth/v1/user", headers=mine).status_code == 401

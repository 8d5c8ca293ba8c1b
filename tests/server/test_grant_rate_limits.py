"""Requests of sign-in are counted by address and account before they are processed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import client_of

from sterna.server.http import rate_limits as rates
from sterna.server.http.rate_limits import SIGN_INS

WORD = "correct horse battery"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
TOKENS: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "refresh": lambda http: _token(http, "refresh_token", refresh_token=uuid4().hex),
    "device": lambda http: _token(http, DEVICE, device_code=uuid4().hex),
    "an unknown grant": lambda http: _token(http, uuid4().hex),
}
GUESSES: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "password": lambda http: _token(http, "password", email=f"{uuid4().hex}@example.org", password=WORD),
    "a code in the browser": lambda http: http.get("/device?user_code=BCDF-GHJK"),
    "no code in the browser": lambda http: http.get("/device?user_code=x"),
    "sign-up": lambda http: http.post("/auth/v1/signup", json={"email": uuid4().hex, "password": WORD}),
}
REQUESTS: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "no grant": lambda http: _token(http, ""),
    "no JSON": lambda http: http.post("/auth/v1/token", content=b"{", headers={"content-type": "application/json"}),
    "a form": lambda http: http.post("/auth/v1/token", data={"grant_type": "password", "x": "y"}, headers={}),
    "the page": lambda http: http.get("/device"),
    "whose": lambda http: http.get("/auth/v1/user"),
    "change": lambda http: http.put("/auth/v1/user", json={"data": {}}),
    "sign out": lambda http: http.post("/auth/v1/logout"),
}


def _token(http: httpx.Client, grant: str, **body: Any) -> httpx.Response:
    return http.post("/auth/v1/token", params={"grant_type": grant}, json=body)


@pytest.fixture
def limited(served: Callable[..., str]) -> Any:
    with client_of(served(rate_limits=True)) as http:
        yield http


@pytest.mark.parametrize("guess", GUESSES.values(), ids=GUESSES.keys())
def test_guesses_from_one_address_are_counted_together(
    limited: httpx.Client, guess: Callable[[httpx.Client], httpx.Response]
) -> None:
    values = [guess(limited).status_code for _ in range(SIGN_INS)]
    assert 429 not in values
    for other in GUESSES.values():
        answer = other(limited)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("kind", TOKENS)
def test_unknown_tokens_of_a_device_lock_nobody_else_at_its_address_out(
    limited: httpx.Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(rates, "UNKNOWN", SIGN_INS + 5)
    statuses = [TOKENS[kind](limited).status_code for _ in range(SIGN_INS + 6)]
    assert statuses.count(429) == 1
    assert statuses[-1] == 429
    others = (TOKENS | GUESSES).items()
    assert {name for name, ask in others if ask(limited).status_code == 429} == {kind}
    for _ in range(SIGN_INS):
        GUESSES["password"](limited)
    assert {name for name, ask in TOKENS.items() if ask(limited).status_code == 429} == {kind}


@pytest.mark.parametrize("ask", REQUESTS.values(), ids=REQUESTS.keys())
def test_all_requests_of_sign_in_are_counted(
    limited: httpx.Client, monkeypatch: pytest.MonkeyPatch, ask: Callable[[httpx.Client], httpx.Response]
) -> None:
    monkeypatch.setattr(rates, "AUTH", 5)
    monkeypatch.setattr(rates, "SIGN_INS", 5)
    values = [ask(limited).status_code for _ in range(6)]
    assert values[:5].count(429) == 0
    assert values[5] == 429


def test_what_is_known_is_served_while_others_guess_and_is_counted_by_account(
    limited: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "PER_TOKEN", 5)
    session = limited.post("/auth/v1/signup", json={"email": f"{uuid4().hex}@example.org", "password": WORD}).json()
    codes = limited.post("/auth/v1/device/code").json()
    while TOKENS["refresh"](limited).status_code != 429:
        pass
    values = []
    for _ in range(6):
        answer = _token(limited, "refresh_token", refresh_token=session["refresh_token"])
        values.append(answer.status_code)
        session = answer.json() if answer.status_code == 200 else session
    assert values == [200] * 5 + [429]
    polls = [_token(limited, DEVICE, device_code=codes["device_code"]).status_code for _ in range(6)]
    assert polls == [400] * 5 + [429]
    assert limited.get("/device", params={"user_code": codes["user_code"]}).status_code == 200


def test_tries_at_a_new_password_are_counted(limited: httpx.Client) -> None:
    email = f"{uuid4().hex}@example.org"
    session = limited.post("/auth/v1/signup", json={"email": email, "password": WORD}).json()
    headers = {"authorization": f"Bearer {session['access_token']}"}
    tries = [
        limited.put("/auth/v1/user", json={"password": "a good one of mine", "current_password": "?"}, headers=headers)
        for _ in range(11)
    ]
    assert {attempt.status_code for attempt in tries[:9]} == {400}
    assert tries[-1].status_code == 429

"""Session cookies of upstream's web client, and the pages from which they are accepted."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from accounts import Person
from forged_tokens import claims, sign_by_hand


def cookie_value(session: Any) -> str:
    return "base64-" + base64.urlsafe_b64encode(json.dumps(session).encode()).decode().rstrip("=")


def with_cookies(http: httpx.Client, cookies: dict[str, str], method: str = "GET", **headers: str) -> httpx.Response:
    pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
    body = {"data": {"a": "b"}} if method == "PUT" else None
    return http.request(method, "/auth/v1/user", headers={"cookie": pairs} | headers, json=body)


def test_the_cookie_of_the_web_client_is_a_sign_in(ada: Person, http: httpx.Client) -> None:
    value = cookie_value({"access_token": ada.token, "refresh_token": "x", "user": {"name": "ä" * 2000}})
    half = len(value) // 2
    whole = {"sb-project-auth-token": value}
    chunks = {"sb-project-auth-token.1": value[half:], "other": "1", "sb-project-auth-token.0": value[:half]}

    assert with_cookies(http, whole).json()["id"] == str(ada.id)
    assert with_cookies(http, chunks).json()["id"] == str(ada.id)
    assert "set-cookie" not in with_cookies(http, whole).headers


@pytest.mark.parametrize(
    "value",
    [
        "",
        "base64-",
        "base64-!!!!",
        "base64-AA",
        "x",
        "base64-W10",
        "base64-eyJhY2Nlc3NfdG9rZW4iOjF9",
        "base64-" + "W1tb" * 900,
    ],
)
def test_a_cookie_that_is_none_is_ignored(ada: Person, http: httpx.Client, value: str) -> None:
    bearer = {"authorization": f"Bearer {ada.token}"}

    assert with_cookies(http, {"sb-a-auth-token": value}).status_code == 401
    assert with_cookies(http, {"sb-a-auth-token": value}, **bearer).json()["id"] == str(ada.id)


def test_a_cookie_with_a_token_that_is_not_valid_is_nobody(ada: Person, http: httpx.Client) -> None:
    forged = sign_by_hand({"alg": "HS256"}, claims(sub=str(ada.id)), b"another secret, also long enough for HS256")

    assert with_cookies(http, {"sb-a-auth-token": cookie_value({"access_token": forged})}).status_code == 401


def test_chunks_with_one_missing_are_nobody(ada: Person, http: httpx.Client) -> None:
    value = cookie_value({"access_token": ada.token})

    assert with_cookies(http, {"sb-a-auth-token.0": value[:50], "sb-a-auth-token.2": value[50:]}).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 401),
        ({"sec-fetch-site": "cross-site"}, 401),
        ({"origin": "https://evil.example"}, 401),
        ({"origin": "null"}, 401),
        ({"origin": "http://{host}"}, 200),
        ({"origin": "http://{host}.evil.example"}, 401),
    ],
    ids=str,
)
def test_a_foreign_page_changes_nothing_with_the_cookie(
    ada: Person, http: httpx.Client, headers: dict[str, str], status: int
) -> None:
    cookie = {"sb-a-auth-token": cookie_value({"access_token": ada.token})}
    host = http.base_url.netloc.decode()
    result = {name: value.format(host=host) for name, value in headers.items()}

    assert with_cookies(http, cookie, "PUT", **result).status_code == status
    assert with_cookies(http, cookie, "GET", **result).status_code == 200

"""Verification of the server's own tokens."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import SECRET, Person
from forged_tokens import claims, get_user, sign_by_hand

from sterna.server.auth.tokens import Tokens
from sterna.server.errors import ApiError
from sterna.server.settings import ServerSettings


def test_an_own_token_is_believed(ada: Person) -> None:
    assert get_user(ada.http, ada.token).json()["id"] == str(ada.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "service_role"},
        {"role": "anon"},
        {"role": "postgres"},
        {"role": ["authenticated"]},
        {"role": ""},
        {"aud": "other"},
        {"aud": None},
        {"exp": None},
        {"exp": 0},
        {"exp": "never"},
        {"exp": [9999999999]},
        {"exp": True},
        {"exp": 10**400},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": 9999999999},
        {"nbf": "soon"},
        {"sub": None},
        {"sub": ""},
        {"sub": "user_2abc"},
        {"sub": 7},
        {"sub": "00000000-0000-0000-0000-000000000000"},
    ],
    ids=str,
)
def test_a_token_with_other_claims_speaks_for_nobody(ada: Person, http: httpx.Client, changes: dict[str, Any]) -> None:
    token = sign_by_hand({"alg": "HS256", "typ": "JWT"}, claims(sub=str(ada.id)) | changes, SECRET.encode())
    if None in changes.values():
        left = {name: value for name, value in (claims(sub=str(ada.id)) | changes).items() if value is not None}
        token = sign_by_hand({"alg": "HS256"}, left, SECRET.encode())

    answer = get_user(http, token)

    assert answer.status_code == 401
    assert answer.json()["code"] == "auth_required"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS384"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"alg": None},
        {},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
    ],
    ids=str,
)
def test_a_token_with_another_header_speaks_for_nobody(ada: Person, http: httpx.Client, header: dict[str, Any]) -> None:
    token = sign_by_hand(header, claims(sub=str(ada.id)), SECRET.encode())
    unsigned = token.rpartition(".")[0] + "."

    assert get_user(http, token).status_code == 401
    assert get_user(http, unsigned).status_code == 401


@pytest.mark.parametrize("kid", ["/dev/null", "../../etc/passwd", "' or 1=1 --", "https://evil.example/jwks", ""])
def test_the_key_id_of_an_own_token_chooses_nothing(ada: Person, http: httpx.Client, kid: str) -> None:
    header = {"alg": "HS256", "kid": kid, "jku": "https://evil.example", "jwk": {"kty": "oct", "k": ""}}

    assert get_user(http, sign_by_hand(header, claims(sub=str(ada.id)), b"")).status_code == 401
    assert get_user(http, sign_by_hand(header, claims(sub=str(ada.id)), SECRET.encode())).status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "....", "e30.e30.e30", "~", "x" * 9000, "W10.W10.W10", "A" * 8000])
def test_what_is_no_token_speaks_for_nobody(http: httpx.Client, token: str) -> None:
    assert get_user(http, token).status_code == 401


def test_a_token_that_is_too_long_is_not_looked_at(ada: Person, http: httpx.Client) -> None:
    assert (
        get_user(
            http, sign_by_hand({"alg": "HS256"}, claims(sub=str(ada.id), more="x" * 8000), SECRET.encode())
        ).status_code
        == 401
    )


def test_a_token_that_is_changed_anywhere_is_not_believed(ada: Person, http: httpx.Client) -> None:
    head, body, signature = ada.token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps(claims(sub=str(uuid4())), default=str).encode()).decode().rstrip("=")

    for token in (
        f"{head}.{forged}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}",
        f"{ada.token}.x",
    ):
        assert get_user(http, token).status_code == 401


def test_a_server_without_a_secret_believes_nothing_and_signs_nothing() -> None:
    tokens = Tokens(ServerSettings(), "", lambda: datetime.now(UTC))

    with pytest.raises(ApiError):
        tokens.identity(sign_by_hand({"alg": "HS256"}, claims(), b""))
    with pytest.raises(ApiError):
        tokens.access(uuid4(), "ada@example.org")


def test_a_token_that_was_verified_once_ends_in_time_and_with_its_secret() -> None:
    """Signatures are remembered; times are looked at each time, and another secret remembers nothing."""
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    tokens = Tokens(ServerSettings(access_seconds=60), "a secret of the tests, long enough for HS256", lambda: now[0])
    token = tokens.access(uuid4(), "ada@example.org")
    for _ in range(2):
        assert tokens.identity(token).email == "ada@example.org"
    now[0] += timedelta(seconds=60)
    with pytest.raises(ApiError, match="has expired"):
        tokens.identity(token)
    now[0] -= timedelta(seconds=30)
    assert tokens.identity(token).email == "ada@example.org"
    tokens.use("another secret of the tests, long enough")
    with pytest.raises(ApiError, match="not valid"):
        tokens.identity(token)

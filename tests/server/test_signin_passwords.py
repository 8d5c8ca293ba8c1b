"""Sign-up, sign-in, refresh and sign-out over HTTP, as clients of GoTrue do them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import Db

WORD = "correct horse battery"


def new_email() -> str:
    return f"{uuid4().hex[:12]}@example.org"


def sign_up(http: httpx.Client, email: str, **more: Any) -> httpx.Response:
    return http.post("/auth/v1/signup", json={"email": email, "password": WORD} | more)


def sign_in(http: httpx.Client, email: str, password: str = WORD) -> httpx.Response:
    return http.post("/auth/v1/token?grant_type=password", json={"email": email, "password": password})


def refresh(http: httpx.Client, token: str) -> httpx.Response:
    return http.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": token})


def as_bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {session['access_token']}"}


def test_signing_up_signs_in_and_makes_a_profile(http: httpx.Client, db: Db) -> None:
    answer = sign_up(http, f"  Ada.{uuid4().hex}@Example.ORG ", data={"full_name": "Ada"})

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user", "server_id"}
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 3600
    user = body["user"]
    assert user["email"].startswith("ada.")
    assert user["email"].endswith("@example.org")
    assert (user["aud"], user["role"]) == ("authenticated", "authenticated")
    assert user["user_metadata"] == {"full_name": "Ada"}
    assert user["last_sign_in_at"].endswith("Z")
    assert db.execute("select 1 from profiles where id = %s", (user["id"],)).fetchone()
    assert http.get("/auth/v1/user", headers=as_bearer(body)).json()["id"] == user["id"]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_the_password_is_kept_only_as_argon2id(http: httpx.Client, db: Db) -> None:
    email = new_email()
    body = sign_up(http, email).json()

    result = db.execute("select encrypted_password from auth.users where email = %s", (email,)).fetchone()
    assert result is not None
    assert result["encrypted_password"].startswith("$argon2id$")
    tokens = db.execute("select hash from sterna.refresh_tokens where user_id = %s", (body["user"]["id"],)).fetchall()
    assert [body["refresh_token"].encode() in row["hash"] for row in tokens] == [False]


def test_signing_in_notes_when(http: httpx.Client, db: Db) -> None:
    email = new_email()
    sign_up(http, email)
    db.execute("update auth.users set last_sign_in_at = null where email = %s", (email,))

    assert sign_in(http, email.upper()).status_code == 200

    row = db.execute("select last_sign_in_at from auth.users where email = %s", (email,)).fetchone()
    assert row is not None
    assert row["last_sign_in_at"] is not None


def test_an_unknown_email_and_a_wrong_password_are_told_alike(http: httpx.Client) -> None:
    email = new_email()
    sign_up(http, email)

    answers = [sign_in(http, email, "not the password"), sign_in(http, new_email()), sign_in(http, "no email")]

    bodies = [{name: value for name, value in answer.json().items() if name != "timestamp"} for answer in answers]
    assert [answer.status_code for answer in answers] == [400] * 3
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["error_code"] == bodies[0]["code"] == "invalid_credentials"
    assert bodies[0]["msg"] == bodies[0]["error"] == bodies[0]["error_description"] == "Invalid login credentials"


def test_a_password_is_the_same_however_its_accents_are_typed(http: httpx.Client) -> None:
    email = new_email()
    http.post("/auth/v1/signup", json={"email": email, "password": "cafe\u0301 au lait"})

    assert sign_in(http, email, "caf\u00e9 au lait").status_code == 200
    assert sign_in(http, email, "cafe au lait").status_code == 400


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025, "\0" * 20])
def test_a_password_of_the_wrong_length_is_refused(http: httpx.Client, password: str) -> None:
    answer = http.post("/auth/v1/signup", json={"email": new_email(), "password": password})

    assert answer.status_code == 422
    assert answer.json()["error_code"] == "weak_password"
    assert answer.json()["weak_password"] == {"reasons": ["length"]}


@pytest.mark.parametrize("email", ["", "ada", "a b@x.org", "a@b@c", "a@x.org\u0000", "x" * 250 + "@x.org", "<b>@x.org"])
def test_what_is_no_email_is_refused(http: httpx.Client, email: str) -> None:
    answer = sign_up(http, email)

    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert answer.json()["code"] == "validation_failed"
    else:
        assert email == "a@x.org\u0000"  # NUL is taken out of every body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"email": 1, "password": true}',
        b'{"email": null, "password": null}',
        b'{"refresh_token": {"a": 1}}',
        b'{"email": "\\ud800@x.org", "password": "\\udfff\\udfff\\udfff\\udfff\\udfff\\udfff\\udfff\\udfff"}',
    ],
)
@pytest.mark.parametrize("path", ["signup", "token?grant_type=password", "token?grant_type=refresh_token", "token"])
def test_a_malformed_body_is_refused_in_a_sentence(http: httpx.Client, path: str, body: bytes) -> None:
    answer = http.post(f"/auth/v1/{path}", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in (200, 400, 422)
    if answer.status_code != 200:
        assert isinstance(answer.json()["error"], str)
        assert isinstance(answer.json()["code"], str)


@pytest.mark.parametrize("data", [{"full_name": "x" * 256}, {"name": ["x" * 300]}, {"much": "x" * 20_000}])
def test_metadata_that_no_profile_can_hold_is_refused(http: httpx.Client, data: dict[str, Any]) -> None:
    answer = sign_up(http, new_email(), data=data)

    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_failed"


def test_of_two_that_sign_up_at_once_one_gets_the_email(address: str, db: Db) -> None:
    email = new_email()

    def try_it(_: int) -> httpx.Response:
        with httpx.Client(base_url=address, timeout=30) as client:
            return sign_up(client, email)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(try_it, range(6)))

    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422, 422, 422]
    assert {answer.json()["error_code"] for answer in answers if answer.status_code == 422} == {"user_already_exists"}
    assert len(db.execute("select 1 from auth.users where email = %s", (email,)).fetchall()) == 1


def test_a_bcrypt_hash_of_a_migrated_database_is_no_password_and_no_error(http: httpx.Client, db: Db) -> None:
    email = new_email()
    sign_up(http, email)
    db.execute("update auth.users set encrypted_password = %s where email = %s", ("$2a$10$" + "a" * 53, email))

    assert sign_in(http, email).json()["code"] == "invalid_credentials"
    db.execute("update auth.users set encrypted_password = '' where email = %s", (email,))
    assert sign_in(http, email, "no account has this password").json()["code"] == "invalid_credentials"


def test_a_hash_of_another_cost_is_made_anew_when_its_owner_comes(
    http: httpx.Client, served: Callable[..., str], db: Db
) -> None:
    email = new_email()
    sign_up(http, email)
    with httpx.Client(base_url=served(argon2_memory_kib=128)) as other:
        assert sign_in(other, email).status_code == 200

    row = db.execute("select encrypted_password from auth.users where email = %s", (email,)).fetchone()
    assert row is not None
    assert "m=128," in row["encrypted_password"]
    assert sign_in(http, email).status_code == 200


def test_a_closed_server_makes_no_accounts(served: Callable[..., str]) -> None:
    with httpx.Client(base_url=served(signup="closed")) as http:
        answer = sign_up(http, new_email())

    assert answer.status_code == 422
    assert answer.json()["code"] == "signup_disabled"


def invite(db: Db, code: str, email: str | None = None, tier: str = "free", days: int = 7) -> None:
    db.execute(
        "insert into sterna.invitations (hash, email, tier, created_at, expires_at)"
        " values (sha256(%s::text::bytea), %s, %s, now(), now() + make_interval(days => %s))",
        (code, email, tier, days),
    )


def test_an_invitation_makes_one_account_in_its_tier(served: Callable[..., str], db: Db) -> None:
    code, email = uuid4().hex, new_email()
    invite(db, code, tier="pro")
    with httpx.Client(base_url=served(signup="invite")) as http:
        assert sign_up(http, email).json()["code"] == "signup_disabled"
        assert sign_up(http, email, invitation="made up").json()["code"] == "invite_not_found"
        weak = http.post("/auth/v1/signup", json={"email": email, "password": "short", "invitation": code})
        assert weak.json()["code"] == "weak_password"

        made = sign_up(http, email, data={"invitation": code, "name": "Ada"})

        assert made.status_code == 200
        assert made.json()["user"]["user_metadata"] == {"name": "Ada"}
        assert sign_up(http, new_email(), invitation=code).status_code == 403
    row = db.execute("select subscription_tier from profiles where email = %s", (email,)).fetchone()
    assert row is not None
    assert row["subscription_tier"] == "pro"


def test_an_invitation_for_somebody_else_or_from_long_ago_is_none(served: Callable[..., str], db: Db) -> None:
    bound, old = uuid4().hex, uuid4().hex
    invite(db, bound, email="somebody@example.org")
    invite(db, old, days=-1)
    with httpx.Client(base_url=served(signup="invite")) as http:
        assert [sign_up(http, new_email(), invitation=code).status_code for code in (bound, old)] == [403, 403]


def test_an_invitation_is_not_used_up_by_an_email_that_is_taken(
    http: httpx.Client, served: Callable[..., str], db: Db
) -> None:
    code, taken = uuid4().hex, new_email()
    sign_up(http, taken)
    invite(db, code)
    with httpx.Client(base_url=served(signup="invite")) as inviting:
        assert sign_up(inviting, taken, invitation=code).json()["code"] == "user_already_exists"
        assert sign_up(inviting, new_email(), invitation=code).status_code == 200


def test_a_banned_account_neither_signs_in_nor_refreshes_nor_is_known_by_its_token(http: httpx.Client, db: Db) -> None:
    email = new_email()
    session = sign_up(http, email).json()
    db.execute("update auth.users set banned_until = now() + interval '1 day' where email = %s", (email,))

    assert sign_in(http, email).json()["code"] == "user_banned"
    assert sign_in(http, email, "not the password").json()["code"] == "invalid_credentials"
    assert refresh(http, session["refresh_token"]).json()["code"] == "user_banned"
    for method, path in [("GET", "/auth/v1/user"), ("POST", "/api/chat/sync"), ("POST", "/api/chat")]:
        answer = http.request(method, path, headers=as_bearer(session), json={"message": "hello"})
        assert (answer.status_code, answer.json()["code"]) == (403, "account_banned"), path
    assert http.get("/api/models", headers=as_bearer(session)).json() == http.get("/api/models").json()

    db.execute("update auth.users set banned_until = now() - interval '1 second' where email = %s", (email,))
    assert refresh(http, session["refresh_token"]).status_code == 200


def test_a_new_password_ends_every_other_sign_in(http: httpx.Client) -> None:
    email = new_email()
    first, second = sign_up(http, email).json(), sign_in(http, email).json()

    changed = http.put("/auth/v1/user", json={"password": "another good one"}, headers=as_bearer(second))

    assert changed.status_code == 200
    assert refresh(http, first["refresh_token"]).status_code == 400
    assert refresh(http, second["refresh_token"]).status_code == 200
    assert sign_in(http, email).status_code == 400
    assert sign_in(http, email, "another good one").status_code == 200


def test_metadata_is_merged_and_an_email_is_not_changed_here(http: httpx.Client) -> None:
    session = sign_up(http, new_email(), data={"full_name": "Ada", "likes": "terns"}).json()

    def change(body: dict[str, Any]) -> httpx.Response:
        return http.put("/auth/v1/user", json=body, headers=as_bearer(session))

    assert change({"data": {"likes": None, "at": "sea"}}).json()["user_metadata"] == {"full_name": "Ada", "at": "sea"}
    assert change({"email": "other@example.org"}).status_code == 400
    assert change({"password": "short"}).status_code == 422
    assert change({"data": {"full_name": "x" * 300}}).status_code == 400


@pytest.mark.parametrize(
    ("scope", "left"), [("local", [False, True]), ("others", [True, False]), ("global", [False, False])]
)
def test_signing_out_ends_what_was_asked(http: httpx.Client, scope: str, left: list[bool]) -> None:
    email = new_email()
    here, there = sign_up(http, email).json(), sign_in(http, email).json()

    answer = http.post(f"/auth/v1/logout?scope={scope}", headers=as_bearer(here))

    assert (answer.status_code, answer.content) == (204, b"")
    assert [refresh(http, item["refresh_token"]).status_code == 200 for item in (here, there)] == left


def test_nobody_signs_out_somebody_else(http: httpx.Client) -> None:
    ada, bob = sign_up(http, new_email()).json(), sign_up(http, new_email()).json()
    http.post("/auth/v1/logout", headers=as_bearer(bob))

    assert http.post("/auth/v1/logout").status_code == 401
    assert refresh(http, ada["refresh_token"]).status_code == 200


def test_too_many_passwords_for_one_account_are_refused(served: Callable[..., str]) -> None:
    with httpx.Client(base_url=served(rate_limits=True)) as http:
        answers = [sign_in(http, "somebody@example.org") for _ in range(11)]

    assert answers[9].status_code == 400
    assert answers[10].status_code == 429
    assert int(answers[10].headers["retry-after"]) > 0


def test_no_secret_reaches_the_log(http: httpx.Client, caplog: pytest.LogCaptureFixture, db: Db) -> None:
    caplog.set_level(logging.DEBUG)
    email = new_email()
    session = sign_up(http, email).json()
    sign_in(http, email, "a wrong canary word")
    refresh(http, session["refresh_token"])
    db.execute("update auth.users set encrypted_password = '$2a$10$canary' where email = %s", (email,))
    sign_in(http, email)

    text = caplog.text
    for secret in (WORD, "canary", session["refresh_token"], session["access_token"]):
        assert secret not in text


def test_an_access_token_ends_and_says_that_a_refresh_is_enough(served: Callable[..., str]) -> None:
    now = [datetime.now(UTC)]
    with httpx.Client(base_url=served(clock=lambda: now[0], access_seconds=60)) as http:
        session = sign_up(http, new_email()).json()
        assert session["expires_at"] == int((now[0] + timedelta(seconds=60)).timestamp())
        now[0] += timedelta(seconds=59)
        assert http.get("/auth/v1/user", headers=as_bearer(session)).status_code == 200
        now[0] += timedelta(seconds=1)
        answer = http.get("/auth/v1/user", headers=as_bearer(session))
        assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")
        assert answer.json()["details"] == "token_expired"
        again = refresh(http, session["refresh_token"]).json()
        assert http.get("/auth/v1/user", headers=as_bearer(again)).status_code == 200


def test_the_documented_shape_is_the_one_that_is_sent(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    body = sign_up(http, new_email()).json()

    described = document["components"]["schemas"]
    answers = {path: document["paths"][f"/auth/v1/{path}"]["post"]["responses"] for path in ("signup", "token")}
    assert {"200", "400", "403", "422", "429"} <= set(answers["signup"])
    assert {"200", "400", "429"} <= set(answers["token"])
    assert set(described["TokenSession"]["properties"]) == set(body)
    assert set(described["UserBody"]["properties"]) == set(body["user"])
    for content in document["paths"]["/auth/v1/token"]["post"]["requestBody"]["content"].values():
        assert content["schema"] == {"$ref": "#/components/schemas/TokenBody"}
    assert "refresh_token" in described["TokenBody"]["properties"]


def test_an_email_that_only_spaces_make_too_long_is_refused_as_the_document_says(http: httpx.Client) -> None:
    assert sign_up(http, new_email() + " " * 300).json()["code"] == "validation_failed"

"""Recovery of passwords, and unsupported sign-in methods of GoTrue."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from accounts import Db
from click.testing import CliRunner
from fake_smtp import smtp_server
from polling import wait_until
from test_signin_passwords import WORD, as_bearer, new_email, refresh, sign_in, sign_up

from sterna.cli.context import CommandContext
from sterna.cli.serve.user import user
from sterna.server.database.embedded import Embedded

NEW = "another good password"


@pytest.fixture
def email(http: httpx.Client) -> str:
    address = new_email()
    assert sign_up(http, address).status_code == 200
    return address


@pytest.fixture
def code_for(postgres: Embedded) -> Callable[..., str]:
    """Return a function that creates recovery codes like an administrator."""

    def make(email: str, *more: str) -> str:
        given = ["--database-url", postgres.service_url, "recover", email, *more]
        done = CliRunner().invoke(user, given, obj=CommandContext(None, None), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        link = done.stdout.strip()
        assert "/recover?code=" in link
        return link.partition("code=")[2]

    return make


def verify(http: httpx.Client, **body: Any) -> httpx.Response:
    return http.post("/auth/v1/verify", json={"type": "recovery"} | body)


def form(http: httpx.Client, code: str, password: str = NEW, again: str | None = None) -> httpx.Response:
    values = {"code": code, "password": password, "again": password if again is None else again}
    return http.post("/recover", data=values)


def test_a_code_sets_a_new_password_once_and_ends_every_sign_in(
    http: httpx.Client, email: str, code_for: Callable[..., str]
) -> None:
    before = sign_in(http, email).json()
    code = code_for(email, "--public-url", "https://chat.example.org")
    page = http.get(f"/recover?code={code}")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert code in page.text
    done = form(http, code)
    assert (done.status_code, "password was changed" in done.text) == (200, True)
    assert sign_in(http, email, WORD).status_code == 400
    assert sign_in(http, email, NEW).status_code == 200
    assert refresh(http, before["refresh_token"]).status_code == 400
    for answer in (form(http, code, "a third password"), http.get(f"/recover?code={code}")):
        assert answer.status_code in (403, 404)
        assert "is invalid, used or expired" in answer.text
    assert sign_in(http, email, NEW).status_code == 200


def test_a_code_signs_a_program_in_once(http: httpx.Client, email: str, code_for: Callable[..., str]) -> None:
    for body in ({"token_hash": ""}, {"token": "", "email": email.upper()}):
        name = next(iter(body))
        code = code_for(email)
        session = verify(http, **(body | {name: code}))
        assert session.status_code == 200, session.text
        assert session.json()["user"]["email"] == email
        assert http.get("/auth/v1/user", headers=as_bearer(session.json())).status_code == 200
        assert verify(http, **(body | {name: code})).json()["error_code"] == "otp_expired"


def test_a_newer_code_replaces_an_older_one(http: httpx.Client, email: str, code_for: Callable[..., str]) -> None:
    first, second = code_for(email), code_for(email)
    assert form(http, first).status_code == 403
    assert form(http, second).status_code == 200


def test_what_is_wrong_with_a_code_or_a_password_is_said_and_the_code_stays(
    http: httpx.Client, email: str, code_for: Callable[..., str]
) -> None:
    code = code_for(email)
    assert form(http, code, "short").status_code == 422
    assert "differ" in form(http, code, NEW, "something else").text
    assert form(http, "no such code").status_code == 403
    assert verify(http, token=code, email="somebody.else@example.org").status_code == 403
    assert verify(http, token=code, type="signup").status_code in (400, 403)
    assert verify(http).status_code in (400, 403)
    assert http.post("/recover", data={"code": code}, headers={"origin": "https://evil.example"}).status_code == 403
    result = form(http, '"><script>alert(1)</script>', "x" * 20, "y" * 20)
    assert "<script>" not in result.text
    assert form(http, code).status_code == 200


def test_a_code_ends_with_its_time_and_with_a_disabled_account(
    http: httpx.Client, email: str, code_for: Callable[..., str], served: Callable[..., str], db: Db
) -> None:
    code = code_for(email, "--hours", "1")
    later = served(clock=lambda: datetime.now(UTC) + timedelta(hours=1, minutes=1))
    with httpx.Client(base_url=later, trust_env=False) as client:
        assert form(client, code).status_code == 403
    db.execute("update auth.users set banned_until = now() + interval '1 day' where email = %s", (email,))
    assert verify(http, token=code).json()["error_code"] == "otp_expired"
    assert db.execute("select count(*) as n from sterna.recovery_codes").fetchone()["n"] >= 1  # type: ignore[index]


def test_nothing_but_a_hash_of_the_code_is_kept(email: str, code_for: Callable[..., str], db: Db) -> None:
    code = code_for(email)
    rows = db.execute("select r::text as row from sterna.recovery_codes as r").fetchall()
    assert rows
    assert not [row for row in rows if code in row["row"]]


def test_guesses_are_counted(served: Callable[..., str]) -> None:
    with httpx.Client(base_url=served(rate_limits=True), trust_env=False) as client:
        statuses = [
            *(client.get("/recover?code=guess").status_code for _ in range(15)),
            *(verify(client, token="guess").status_code for _ in range(15)),
            *(form(client, "guess").status_code for _ in range(3)),
        ]
    assert statuses == [404] * 15 + [403] * 15 + [429] * 3


@pytest.mark.parametrize("known", [True, False])
def test_a_server_without_mail_says_so_to_everybody(http: httpx.Client, email: str, known: bool) -> None:
    answer = http.post("/auth/v1/recover", json={"email": email if known else new_email()})
    assert (answer.status_code, answer.json()["error_code"]) == (422, "email_provider_disabled")
    assert "its administrator" in answer.json()["msg"]


def test_a_new_account_has_its_identity(http: httpx.Client) -> None:
    """Clients read an empty list as: this email is registered already."""
    address = new_email()
    session = sign_up(http, address).json()
    for item in (session["user"], http.get("/auth/v1/user", headers=as_bearer(session)).json()):
        (identity,) = item["identities"]
        assert (identity["provider"], identity["user_id"]) == ("email", item["id"])
        assert identity["identity_data"]["email"] == address
        assert item["confirmed_at"] == item["email_confirmed_at"] == item["created_at"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("signup", {"data": {}, "gotrue_meta_security": {}}, 422, "anonymous_provider_disabled"),
        ("signup", {}, 422, "anonymous_provider_disabled"),
        ("signup", {"phone": "+4930123", "password": WORD}, 400, "phone_provider_disabled"),
        ("token?grant_type=password", {"phone": "+4930123", "password": WORD}, 400, "phone_provider_disabled"),
        ("token?grant_type=id_token", {"provider": "google", "id_token": "x"}, 400, "unsupported_grant_type"),
        ("otp", {"email": "a@example.org", "create_user": True}, 422, "otp_disabled"),
        ("otp", {"phone": "+4930123"}, 422, "otp_disabled"),
        ("magiclink", {"email": "a@example.org"}, 422, "otp_disabled"),
    ],
)
def test_other_ways_of_signing_in_are_refused_by_their_name(
    http: httpx.Client, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = http.post(f"/auth/v1/{path}", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert "email" not in answer.json()["msg"] or "password" in answer.json()["msg"]


def test_the_settings_say_how_one_signs_in(http: httpx.Client, served: Callable[..., str]) -> None:
    body = http.get("/auth/v1/settings").json()
    assert (body["external"]["email"], body["external"]["anonymous_users"]) == (True, False)
    assert (body["disable_signup"], body["mailer_autoconfirm"]) == (False, True)
    assert httpx.get(f"{served(signup='closed')}/auth/v1/settings", trust_env=False).json()["disable_signup"] is True


def test_a_server_with_mail_sends_a_link_to_accounts_alone(
    served: Callable[..., str], email: str, http: httpx.Client
) -> None:
    with smtp_server() as box:
        home = served(
            smtp_url=f"smtp://127.0.0.1:{box.port}",
            mail_from="Sterna <noreply@example.org>",
            public_url="https://c.example",
        )
        with httpx.Client(base_url=home, trust_env=False) as client:
            for address in (new_email(), f" {email.upper()} "):
                answer = client.post("/auth/v1/recover", json={"email": address})
                assert (answer.status_code, answer.json()) == (200, {})
            wrong = client.post("/auth/v1/recover", json={"email": "no address"})
            assert (wrong.status_code, wrong.json()["error_code"]) == (400, "validation_failed")
            mail = box.next()
            assert (mail["To"], mail["From"]) == (email, "Sterna <noreply@example.org>")
            (code,) = re.findall(r"https://c\.example/recover\?code=(\S+)", str(mail.get_payload()))
            assert verify(client, token=code).status_code == 200
        assert box.mails.empty()


def test_mail_that_cannot_be_sent_is_a_line_in_the_log(
    served: Callable[..., str], email: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    home = served(smtp_url=f"smtp://127.0.0.1:{port}", mail_from="a@example.org", public_url="https://c.example")
    with caplog.at_level(logging.WARNING, "sterna.server"):
        assert httpx.post(f"{home}/auth/v1/recover", json={"email": email}, trust_env=False).status_code == 200
        wait_until(lambda: "mail: sending failed: ConnectionRefusedError" in caplog.text, "the line")
    assert email not in caplog.text

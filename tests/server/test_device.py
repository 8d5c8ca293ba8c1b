"""Device sign-in: polling of the terminal, and the page /device in a browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import Db

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
WORD = "a good password"


class Form(HTMLParser):
    """The form of a page: its fields, its buttons, and every name of an element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.buttons: list[str] = []
        self.labels: set[str] = set()
        self.visible: set[str] = set()
        self.elements: set[str] = set()
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        result = {name: value or "" for name, value in attrs}
        self.elements.add(tag)
        self.handlers += [name for name in result if name.startswith("on")]
        if tag == "input":
            self.fields[result["name"]] = result.get("value", "")
            if result.get("type") != "hidden":
                self.visible.add(result["id"])
        if tag == "button":
            self.buttons.append(result.get("value", ""))
        if tag == "label":
            self.labels.add(result["for"])


@dataclass
class Terminal:
    """A terminal that waits at a server whose time the test owns."""

    http: httpx.Client
    now: datetime

    def begin(self) -> dict[str, Any]:
        return dict(self.http.post("/auth/v1/device/code", data={"client_id": "sterna"}).json())

    def ask(self, code: str) -> httpx.Response:
        return self.http.post("/auth/v1/token", data={"grant_type": GRANT, "device_code": code, "client_id": "sterna"})

    def word(self, code: str) -> str:
        """Return the state of a poll: ``signed in`` or RFC 8628's error."""
        answer = self.ask(code)
        if answer.status_code == 200:
            return "signed in"
        assert answer.status_code == 400
        return str(answer.json()["error"])

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def page(self, codes: dict[str, Any]) -> Form:
        return Form(self.http.get(codes["verification_uri_complete"]).text)

    def post(self, form: Form, do: str, headers: dict[str, str] | None = None, **typed: str) -> httpx.Response:
        return self.http.post("/device", data=form.fields | typed | {"do": do}, headers=headers)

    def account(self) -> str:
        email = f"{uuid4().hex[:12]}@example.org"
        made = self.http.post("/auth/v1/signup", json={"email": email, "password": WORD})
        assert made.status_code == 200
        return email


@pytest.fixture
def terminals(served: Callable[..., str]) -> Iterator[Callable[..., Terminal]]:
    """Return a function that starts a server with other settings and returns a terminal of it."""
    with ExitStack() as stack:

        def make(**changes: Any) -> Terminal:
            made = Terminal(httpx.Client(), datetime.now(UTC))
            address = served(clock=lambda: made.now, **changes)
            made.http = stack.enter_context(httpx.Client(base_url=address, timeout=30))
            return made

        yield make


@pytest.fixture
def terminal(terminals: Callable[..., Terminal]) -> Terminal:
    return terminals()


def test_a_terminal_is_signed_in_by_whoever_approves_its_code(terminal: Terminal) -> None:
    email, codes = terminal.account(), terminal.begin()
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", codes["user_code"])
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    assert codes["verification_uri"] == str(terminal.http.base_url).rstrip("/") + "/device"
    assert terminal.word(codes["device_code"]) == "authorization_pending"

    answer = terminal.post(terminal.page(codes), "approve", email=email.upper(), password=WORD)

    assert answer.status_code == 200
    assert "Approved" in answer.text
    assert "set-cookie" not in answer.headers
    terminal.later(5)
    session = terminal.ask(codes["device_code"]).json()
    assert session["user"]["email"] == email
    bearer = {"authorization": f"Bearer {session['access_token']}"}
    assert terminal.http.get("/auth/v1/user", headers=bearer).json()["email"] == email


def test_a_device_code_signs_in_once(terminal: Terminal) -> None:
    email, codes = terminal.account(), terminal.begin()
    form = terminal.page(codes)
    terminal.post(form, "approve", email=email, password=WORD)

    assert [terminal.word(codes["device_code"]) for _ in range(2)] == ["signed in", "invalid_grant"]
    assert terminal.post(form, "approve", email=email, password=WORD).status_code == 404


def test_a_denied_terminal_is_told_so(terminal: Terminal) -> None:
    codes = terminal.begin()

    assert "Denied" in terminal.post(terminal.page(codes), "deny").text
    assert terminal.word(codes["device_code"]) == "access_denied"
    assert terminal.word(codes["device_code"]) == "invalid_grant"


def test_a_terminal_that_asks_too_often_is_slowed_down(terminal: Terminal) -> None:
    code = terminal.begin()["device_code"]
    values = [terminal.word(code)]
    for seconds in (1, 5, 11):
        terminal.later(seconds)
        values.append(terminal.word(code))

    assert values == ["authorization_pending", "slow_down", "slow_down", "slow_down"]
    terminal.later(20)
    assert terminal.word(code) == "authorization_pending"


def test_a_code_ends_after_ten_minutes_on_both_sides(terminal: Terminal) -> None:
    email, codes = terminal.account(), terminal.begin()
    form = terminal.page(codes)
    terminal.later(600)

    assert terminal.word(codes["device_code"]) == "expired_token"
    assert terminal.post(form, "approve", email=email, password=WORD).status_code == 404
    assert terminal.http.get(codes["verification_uri_complete"]).status_code == 404


def test_made_up_codes_are_nothing(terminal: Terminal) -> None:
    assert terminal.word("made up") == "invalid_grant"
    assert terminal.word("") == "invalid_grant"
    assert terminal.http.get("/device?user_code=BBBB-BBBB").status_code == 404
    assert terminal.http.get("/device").status_code == 200


def test_a_code_may_be_typed_in_any_form(terminal: Terminal) -> None:
    code = terminal.begin()["user_code"]

    for typed in (code.lower(), code.replace("-", ""), f" {code[:2]} {code[2:]} "):
        page = terminal.http.get("/device", params={"user_code": typed})
        assert page.status_code == 200
        assert code in page.text


def test_a_wrong_password_is_asked_for_again_and_approves_nothing(terminal: Terminal) -> None:
    email, codes = terminal.account(), terminal.begin()
    form = terminal.page(codes)

    wrong = terminal.post(form, "approve", email=email, password="not this one")
    unknown = terminal.post(form, "approve", email="nobody@example.org", password="not this one")

    assert wrong.status_code == unknown.status_code == 400
    assert "Email or password is wrong." in wrong.text
    assert Form(wrong.text).fields["email"] == email
    assert "not this one" not in wrong.text
    assert terminal.word(codes["device_code"]) == "authorization_pending"
    assert terminal.post(Form(wrong.text), "approve", email=email, password=WORD).status_code == 200


def test_an_account_can_be_made_on_the_page_when_signup_is_open(terminal: Terminal) -> None:
    codes, email = terminal.begin(), f"{uuid4().hex}@example.org"
    form = terminal.page(codes)
    assert form.buttons == ["approve", "deny", "create"]

    assert terminal.post(form, "create", email=email, password="short").status_code == 422
    assert "Approved" in terminal.post(form, "create", email=email, password=WORD).text
    assert terminal.ask(codes["device_code"]).json()["user"]["email"] == email


def test_with_invitations_the_page_asks_for_one_and_a_closed_server_offers_no_account(
    terminals: Callable[..., Terminal], db: Db
) -> None:
    closed = terminals(signup="closed")
    assert closed.page(closed.begin()).buttons == ["approve", "deny"]

    inviting, code = terminals(signup="invite"), uuid4().hex
    db.execute(
        "insert into sterna.invitations (hash, created_at, expires_at) values (%s, now(), now() + interval '1 day')",
        (sha256(code.encode()).digest(),),
    )
    codes, email = inviting.begin(), f"{uuid4().hex}@example.org"
    form = inviting.page(codes)
    assert "invitation" in form.fields
    assert inviting.post(form, "create", email=email, password=WORD).status_code == 422
    assert inviting.post(form, "create", email=email, password=WORD, invitation="no").status_code == 403
    assert inviting.post(form, "create", email=email, password=WORD, invitation=f" {code} ").status_code == 200


def test_a_form_that_this_server_did_not_make_for_the_code_is_not_taken(terminal: Terminal) -> None:
    email, mine, other = terminal.account(), terminal.begin(), terminal.begin()
    form = terminal.page(mine)
    good = form.fields["csrf_token"]

    for token in ("", "x", good[:-1], terminal.page(other).fields["csrf_token"], "9" * 11 + good[10:], "١." + good):
        answer = terminal.post(form, "approve", email=email, password=WORD, csrf_token=token)
        assert answer.status_code == 403
    assert terminal.post(form, "deny").status_code == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_foreign_page_posts_nothing(terminal: Terminal, headers: dict[str, str]) -> None:
    email, codes = terminal.account(), terminal.begin()

    answer = terminal.post(terminal.page(codes), "approve", headers, email=email, password=WORD)

    assert answer.status_code == 403
    assert terminal.word(codes["device_code"]) == "authorization_pending"


def test_the_page_of_a_browser_is_taken(terminal: Terminal) -> None:
    email, codes = terminal.account(), terminal.begin()
    headers = {"origin": str(terminal.http.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}

    assert terminal.post(terminal.page(codes), "approve", headers, email=email, password=WORD).status_code == 200


def test_a_banned_account_approves_nothing(terminal: Terminal, db: Db) -> None:
    email, first, second = terminal.account(), terminal.begin(), terminal.begin()
    terminal.post(terminal.page(first), "approve", email=email, password=WORD)
    db.execute("update auth.users set banned_until = 'infinity' where email = %s", (email,))

    assert terminal.post(terminal.page(second), "approve", email=email, password=WORD).status_code == 400
    assert terminal.word(first["device_code"]) == "access_denied"


def test_the_page_needs_no_script_and_nothing_from_elsewhere(terminal: Terminal) -> None:
    answer = terminal.http.get(terminal.begin()["verification_uri_complete"])
    form = Form(answer.text)

    assert form.elements.isdisjoint({"script", "img", "link", "iframe"})
    assert not form.handlers
    assert form.visible <= form.labels
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    allowed = base64.b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_what_is_typed_is_escaped(terminal: Terminal) -> None:
    bad = "\"><script>alert(1)</script>'"
    codes = terminal.begin()
    pages = [
        terminal.http.get("/device", params={"user_code": bad}).text,
        terminal.post(terminal.page(codes), "approve", email=bad, password=bad).text,
        terminal.post(terminal.page(codes), "create", email=bad, password=WORD).text,
        terminal.post(terminal.page(codes), "deny", user_code=bad).text,
    ]

    assert not any("<script" in page for page in pages)


def test_what_no_database_keeps_is_only_wrong(terminal: Terminal) -> None:
    form = terminal.page(terminal.begin())

    for do, status in (("approve", 400), ("create", 400), ("deny", 200)):
        assert terminal.post(form, do, email="a\0@x.org", password="\0" * 12, invitation="\0").status_code == status
    values = {"grant_type": "password", "email": "a\0@x.org", "password": "\0", "device_code": "\0"}
    assert terminal.http.post("/auth/v1/token", data=values).json()["code"] == "invalid_credentials"


def test_the_address_that_browsers_use_is_the_one_that_is_told(terminals: Callable[..., Terminal]) -> None:
    terminal = terminals(public_url="https://sterna.example.org/")

    codes = terminal.begin()

    assert codes["verification_uri"] == "https://sterna.example.org/device"
    assert codes["verification_uri_complete"] == f"https://sterna.example.org/device?user_code={codes['user_code']}"


def test_too_many_tries_end_in_a_page_that_says_so(terminals: Callable[..., Terminal]) -> None:
    terminal = terminals(rate_limits=True)
    form = terminal.page(terminal.begin())

    answers = [terminal.post(form, "approve", email="ada@example.org", password="a guess") for _ in range(11)]

    assert answers[9].status_code == 400
    assert answers[10].status_code == 429
    assert "Too many attempts" in answers[10].text

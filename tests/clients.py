"""The other side of a test of signing in: accounts at a running server, and a browser that approves a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import uuid4

import httpx

WORD = "a good password"


@dataclass(frozen=True)
class Somebody:
    """An account, and its password."""

    id: str
    email: str
    password: str = WORD


def sign_up(address: str) -> Somebody:
    """A new account at the server."""
    email = f"{uuid4().hex[:12]}@example.org"
    answer = httpx.post(f"{address}/auth/v1/signup", json={"email": email, "password": WORD}, timeout=30)
    assert answer.status_code == 200, answer.text
    return Somebody(answer.json()["user"]["id"], email)


def decide(page: str, who: Somebody, do: str = "approve") -> str:
    """Open the page that a terminal names, as a browser does; return the page that answers."""
    with httpx.Client(timeout=30) as browser:
        shown = browser.get(page).text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown))
        assert fields, shown
        filled = fields | {"email": who.email, "password": who.password, "do": do}
        origin = re.match(r"https?://[^/]+", page)
        assert origin is not None
        return browser.post(page.partition("?")[0], data=filled, headers={"origin": origin[0]}).text

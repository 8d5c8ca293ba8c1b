"""The cookie form of a sign-in: chunks out, chunks in, and what an answer renews."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.sync.auth.cookies import cookie_header, cookie_name, tokens_of, updated_session
from sterna.sync.errors import BadAddress
from sterna.sync.wire import cookie_sessions, session_cookies

NAME = "sb-abc-auth-token"
USER = {"id": "11111111-1111-4111-8111-111111111111", "email": "ada@example.org"}


def session(size: int = 10, access: str = "a.b.c") -> dict[str, Any]:
    return {"access_token": access, "refresh_token": "r", "expires_at": 2_000, "user": USER | {"name": "ü" * size}}


def sets(answer: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """Set-Cookie headers as upstream writes them: the new chunks, and an end for those no longer needed."""
    new = session_cookies(NAME, answer)
    gone = session_cookies(NAME, old or {}).keys() - new.keys()
    return [f"{name}={value}; Path=/; Max-Age=34560000; SameSite=lax" for name, value in new.items()] + [
        f"{name}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0" for name in gone
    ]


def test_a_short_session_is_one_cookie_and_a_long_one_is_chunks_of_3180() -> None:
    assert list(session_cookies(NAME, session())) == [NAME]
    chunks = session_cookies(NAME, session(4000))
    assert list(chunks) == [f"{NAME}.{number}" for number in range(len(chunks))]
    assert len(chunks) > 2
    assert {len(value) for value in list(chunks.values())[:-1]} == {3180}
    assert chunks[f"{NAME}.0"].startswith("base64-")
    assert "=" not in chunks[f"{NAME}.0"]


@given(st.dictionaries(st.text(), st.text(max_size=3000) | st.integers(), max_size=6))
def test_what_is_written_is_read(answer: dict[str, Any]) -> None:
    assert dict(cookie_sessions(session_cookies(NAME, answer))) == {NAME: json.loads(json.dumps(answer))}


def test_the_header_carries_every_chunk() -> None:
    header = cookie_header(NAME, session(4000))
    assert dict(pair.split("=", 1) for pair in header.split("; ")) == session_cookies(NAME, session(4000))


@pytest.mark.parametrize(("old", "new"), [(10, 10), (10, 4000), (4000, 10), (9000, 4000)])
def test_a_renewed_session_is_found_whatever_its_number_of_chunks(old: int, new: int) -> None:
    before, after = session(old), session(new, "d.e.f")
    assert updated_session(NAME, before, ["theme=dark; Path=/", *sets(after, before)]) == after


def test_cookies_of_others_renew_nothing() -> None:
    other = [header.replace("sb-abc", "sb-xyz") for header in sets(session(10, "d.e.f"))]
    assert updated_session(NAME, session(), []) is None
    assert updated_session(NAME, session(), other) is None
    assert updated_session(NAME, session(), sets(session())) is None


def test_a_session_that_the_server_ends_is_empty() -> None:
    assert updated_session(NAME, session(), [f"{NAME}=; Max-Age=0"]) == {}
    assert updated_session(NAME, session(), [f"{NAME}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]) == {}
    assert updated_session(NAME, session(), [f"{NAME}=nonsense"]) == {}


def test_tokens_of_a_session_last_as_long_as_it_says() -> None:
    tokens = tokens_of(session(), 1_400)
    assert tokens is not None
    assert (tokens.user_id, tokens.access, tokens.seconds) == (USER["id"], "a.b.c", 600)
    assert tokens.raw == session()
    assert tokens_of({"access_token": "x"}, 0) is None
    assert tokens_of(session() | {"user": None}, 0) is None


def test_the_name_carries_the_first_label_of_the_host() -> None:
    assert cookie_name("https://abc.supabase.co") == NAME
    assert cookie_name("http://localhost:54321") == "sb-localhost-auth-token"
    with pytest.raises(BadAddress):
        cookie_name("abc")

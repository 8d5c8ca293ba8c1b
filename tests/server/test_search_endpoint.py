"""/api/chat/search."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from accounts import Db, Person

SEARCH = "/api/chat/search"


def say(db: Db, who: Person, session_id: str, text: str, *, role: str = "user", title: str = "x", at: int = 0) -> None:
    """Return a push of one message, ``at`` seconds after a fixed time."""
    db.execute(
        "insert into chat_sessions (user_id, id, title) values (%s, %s, %s) on conflict do nothing",
        (who.id, session_id, title),
    )
    db.execute(
        "insert into chat_messages (user_id, session_id, id, role, content, message_timestamp)"
        " values (%s, %s, gen_random_uuid()::text, %s, %s,"
        " timestamptz '2025-11-20T17:00Z' + make_interval(secs => %s))",
        (who.id, session_id, role, text, at),
    )


def search(who: Person, q: str, **more: Any) -> list[str]:
    answer = who.http.get(SEARCH, params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["totalMatches"] == len(body["results"])
    return [result["id"] for result in body["results"]]


def test_a_match_says_where_it_is_and_what_the_conversation_is_like(ada: Person, db: Db) -> None:
    say(db, ada, "titled", "nothing", title="A needle here", at=3)
    say(db, ada, "previewed", "nothing", at=1)
    say(db, ada, "previewed", "the needle is last", at=2)
    say(db, ada, "inside", "an old needle", role="assistant", at=0)
    say(db, ada, "inside", "something else", at=1)
    body = ada.http.get(SEARCH, params={"q": "  Needle "}).json()
    assert body.pop("executionTimeMs") >= 0
    assert body == {
        "query": "Needle",
        "totalMatches": 3,
        "results": [
            {
                "id": "titled",
                "title": "A needle here",
                "lastMessagePreview": "nothing",
                "messageCount": 1,
                "lastMessageTimestamp": "2025-11-20T17:00:03.000Z",
                "matchType": "title",
            },
            {
                "id": "previewed",
                "title": "x",
                "lastMessagePreview": "the needle is last",
                "messageCount": 2,
                "lastMessageTimestamp": "2025-11-20T17:00:02.000Z",
                "matchType": "preview",
            },
            {
                "id": "inside",
                "title": "x",
                "lastMessagePreview": "something else",
                "messageCount": 2,
                "lastMessageTimestamp": "2025-11-20T17:00:01.000Z",
                "matchType": "content",
            },
        ],
    }


def test_system_messages_are_not_searched(ada: Person, db: Db) -> None:
    say(db, ada, "c", "secret instructions", role="system")
    say(db, ada, "c", "hello", at=1)
    assert search(ada, "instructions") == []


def test_a_conversation_with_many_matches_takes_one_place(ada: Person, db: Db) -> None:
    for number in range(30):
        say(db, ada, "talkative", f"the word again {number}", at=100 + number)
    say(db, ada, "older", "the word once", at=1)
    say(db, ada, "oldest", "the word once", at=0)
    assert search(ada, "the word", limit=2) == ["talkative", "older"]


def test_nobody_finds_what_is_not_theirs(ada: Person, bob: Person, http: httpx.Client, db: Db) -> None:
    say(db, ada, "c", "private needle", title="private needle")
    assert search(bob, "needle") == []
    answer = http.get(SEARCH, params={"q": "needle"})
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("100% sure", "0%"),
        ("snake_case", "e_c"),
        ("back\\slash", "k\\s"),
        ("one,two", "e,t"),
        ("f(x)", "(x)"),
        ("it's", "t's"),
        ('say "hi"', '"hi"'),
        ("a.*b", ".*"),
        ("smile 🙂🙃 now", "🙂🙃"),
        ("我喜欢排序算法", "排序"),
        ("HELLO there", "hello"),
        ("hello there", "HELLO"),
        ("Größe", "GRÖSSE"[:3] + "ß"),
        ("ПриВет, мир", "привет"),
        ("привет", "ПРИВЕТ"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("Ǆungla", "ǆungla"),
        ("line one\nline two", "one\nline"),
    ],
)
def test_a_query_is_found_as_it_is_whatever_the_case(ada: Person, db: Db, text: str, q: str) -> None:
    say(db, ada, "c", f"before {text} after")
    say(db, ada, "c", "the last message", at=1)
    say(db, ada, "other", "none of abcdefghij slash case sure two x", at=2)
    assert search(ada, q) == ["c"]
    say(db, ada, "titled", "hi", title=text.replace("\n", " ")[:255], at=3)
    assert search(ada, q.replace("\n", " "))[:1] == ["titled"]


@pytest.mark.parametrize("q", ["%%", "__", "a%b", "a_b", "\\\\", "or 1=1", "','", "{}", "%s", "%(user)s"])
def test_nothing_in_a_query_is_a_wildcard_or_a_statement(ada: Person, db: Db, q: str) -> None:
    say(db, ada, "c", "axb and other words")
    assert search(ada, q) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MISSING_QUERY"),
        ("?q=", "MISSING_QUERY"),
        ("?q=%20%20", "MISSING_QUERY"),
        ("?q=%00%00", "MISSING_QUERY"),
        ("?q=a", "QUERY_TOO_SHORT"),
        ("?q=%20a%20", "QUERY_TOO_SHORT"),
        ("?q=" + "a" * 101, "QUERY_TOO_LONG"),
        ("?q=ab&limit=ten", "bad_request"),
        ("?q=ab&limit=0", "bad_request"),
        ("?q=ab&limit=-1", "bad_request"),
        ("?q=ab&limit=1.5", "bad_request"),
    ],
)
def test_a_query_that_is_none_is_refused_with_its_code(ada: Person, query: str, code: str) -> None:
    answer = ada.http.get(SEARCH + query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["error"]


def test_a_hundred_at_most_and_fifty_unless_told(ada: Person, db: Db) -> None:
    for number in range(120):
        say(db, ada, f"c{number:03}", "common", at=number)
    newest_first = [f"c{number:03}" for number in reversed(range(120))]
    assert search(ada, "common") == newest_first[:50]
    assert search(ada, "common", limit=100) == newest_first[:100]
    assert search(ada, "common", limit=10**30) == newest_first[:100]
    assert search(ada, "common", limit=1) == newest_first[:1]


def test_a_conversation_without_messages_is_found_by_its_title(ada: Person) -> None:
    ada.http.post("/api/chat/sessions", json={"id": "empty", "title": "Plans for spring"})
    match = ada.http.get(SEARCH, params={"q": "spring"}).json()["results"][0]
    assert (match["id"], match["lastMessageTimestamp"], match["messageCount"]) == ("empty", None, 0)

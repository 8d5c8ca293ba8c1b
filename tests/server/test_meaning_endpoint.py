"""/api/chat/search?by=meaning: vectors of pgvector, made in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
from accounts import Db, Person, client_of, make_user, token_for
from test_search_endpoint import SEARCH, say

from sterna.providers.static_model import find_model, load_model
from sterna.server.meaning import vectors
from tests.tiny_model import write_model

SECONDS = 30.0


def found(who: Person, q: str, expected: list[str]) -> list[str]:
    """Return what is found by meaning, once that is what is expected."""
    end = time.monotonic() + SECONDS
    while True:
        answer = who.http.get(SEARCH, params={"q": q, "by": "meaning"})
        ids = [row["id"] for row in answer.json().get("results", [])]
        if ids == expected or time.monotonic() > end:
            assert answer.status_code == 200, answer.text
            return ids
        time.sleep(0.01)


def test_conversations_of_the_same_meaning_are_found_nearest_first(
    db: Db, served: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(vectors, "POLL_SECONDS", 0.01)
    folder = str(write_model(tmp_path))
    model = crc32(load_model(find_model(folder)).key.encode()) & 0x7FFF_FFFF
    db.execute(  # the accounts of other tests
        "insert into sterna.vector_progress select user_id, %s, seq from sync_head on conflict do nothing", (model,)
    )
    address = served(meaning_model=folder)
    people = []
    for _ in range(2):
        user_id, email = make_user(db)
        token = token_for(user_id, email)
        people.append(Person(user_id, email, token, client_of(address, {"Authorization": f"Bearer {token}"})))
        request.addfinalizer(people[-1].http.close)
    ada, bob = people
    say(db, ada, "car", "My automobile does not start")
    say(db, ada, "both", "A vehicle: a car, car, car, car and a backup")
    say(db, ada, "bread", "How long in the oven?", role="assistant")
    say(db, ada, "rules", "driving", role="system")
    say(db, bob, "his", "My vehicle")
    assert found(ada, "driving", ["car", "both"]) == ["car", "both"]
    assert found(bob, "driving", ["his"]) == ["his"]
    answer = ada.http.get(SEARCH, params={"q": "driving", "by": "meaning", "limit": 1}).json()
    assert [(row["id"], row["matchType"]) for row in answer["results"]] == [("car", "meaning")]
    assert ada.http.get(SEARCH, params={"q": "driving"}).json()["results"] == []
    assert found(ada, "unheard of", []) == []
    db.execute("update chat_messages set content = 'A gull' where user_id = %s and session_id = 'car'", (ada.id,))
    db.execute("delete from chat_sessions where user_id = %s and id = 'both'", (ada.id,))
    assert found(ada, "seabird", ["car"]) == ["car"]
    assert found(ada, "driving", []) == []


def test_a_server_without_a_model_says_so(ada: Person) -> None:
    answer = ada.http.get(SEARCH, params={"q": "driving", "by": "meaning"})
    assert (answer.status_code, answer.json()["code"]) == (403, "feature_not_available")
    assert "does not search by meaning" in answer.text
    assert ada.http.get(SEARCH, params={"q": "driving", "by": "magic"}).status_code == 400

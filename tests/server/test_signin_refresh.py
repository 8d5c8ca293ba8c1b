"""Refresh tokens work once; a late reuse ends the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from accounts import Db


class World:
    """A server whose time a test owns."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.http = httpx.Client()

    def later(self, **more: float) -> None:
        self.now += timedelta(**more)

    def signed_up(self) -> str:
        body = {"email": f"{uuid4().hex}@example.org", "password": "a good password"}
        return str(self.http.post("/auth/v1/signup", json=body).json()["refresh_token"])

    def refreshed(self, token: str) -> str:
        """Return the next token, or the code of the error."""
        answer = self.http.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": token})
        body = answer.json()
        return str(body["refresh_token"] if answer.status_code == 200 else body["error_code"])


@pytest.fixture
def world(served: Callable[..., str]) -> Iterator[World]:
    made = World()
    address = served(clock=lambda: made.now, refresh_seconds=86400)
    with httpx.Client(base_url=address, timeout=30) as made.http:
        yield made


def test_each_use_gives_another_token(world: World) -> None:
    tokens = [world.signed_up()]
    for _ in range(3):
        world.later(minutes=30)
        tokens.append(world.refreshed(tokens[-1]))

    assert len(set(tokens)) == 4
    assert all(len(token) >= 43 for token in tokens)


def test_a_token_used_again_after_the_grace_ends_the_whole_sign_in(world: World) -> None:
    first = world.signed_up()
    second = world.refreshed(first)
    world.later(seconds=11)

    assert world.refreshed(first) == "refresh_token_already_used"
    assert world.refreshed(second) == "refresh_token_not_found"


def test_reuse_ends_one_sign_in_and_no_other(world: World) -> None:
    mine, stolen = world.signed_up(), world.signed_up()
    world.refreshed(stolen)
    world.later(seconds=11)
    world.refreshed(stolen)

    assert len(world.refreshed(mine)) >= 43


def test_a_token_used_twice_at_once_gives_two_that_both_work(world: World) -> None:
    first = world.signed_up()

    with ThreadPoolExecutor(4) as pool:
        successors = list(pool.map(world.refreshed, [first] * 4))

    assert len(set(successors)) == 4
    world.later(seconds=9)
    assert all(len(world.refreshed(token)) >= 43 for token in successors)


def test_every_sibling_of_the_grace_ends_with_the_family(world: World) -> None:
    first = world.signed_up()
    siblings = [world.refreshed(first), world.refreshed(first)]
    world.later(seconds=11)
    world.refreshed(first)

    assert [world.refreshed(token) for token in siblings] == ["refresh_token_not_found"] * 2


def test_a_token_that_nobody_used_in_time_ends(world: World) -> None:
    token = world.signed_up()
    world.later(days=1)

    assert world.refreshed(token) == "refresh_token_not_found"


def test_made_up_tokens_are_not_found(world: World, db: Db) -> None:
    token = world.signed_up()
    row = db.execute(
        "select encode(hash, 'hex') as hash from sterna.refresh_tokens order by created_at desc"
    ).fetchone()
    assert row is not None

    assert {world.refreshed(made_up) for made_up in ("", "x", token[:-1], row["hash"], "y" * 60_000)} == {
        "refresh_token_not_found"
    }


def test_an_account_that_is_gone_refreshes_nothing(world: World, db: Db) -> None:
    token = world.signed_up()
    db.execute(
        "delete from auth.users where id = (select user_id from sterna.refresh_tokens where hash = sha256(%s))",
        (token.encode(),),
    )

    assert world.refreshed(token) == "refresh_token_not_found"

"""Capabilities of a server, asked once a day and never believed to be fewer than before."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, Literal

import pytest

from sterna.storage import Store
from sterna.sync.protocol.capabilities import client_header, probe
from sterna.sync.protocol.effects import CurrentTime, Effect, Problem, Request, Response, Transaction, Unreachable
from sterna.sync.wire import Capability

ORIGIN, USER = "https://sterna.example.org", "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"
CAPS = "1; caps=delta,gzip; batch=1000; msg=1000"
DAY = 86_400_000
NOW = 1_772_000_000_000
LISTING: dict[str, Any] = {"conversations": [], "meta": {"hasMore": False}, "syncTime": "2026-03-01T12:00:00.000Z"}
JSON = {"content-type": "application/json"}


@pytest.fixture
def account(store: Store) -> Store:
    store.linking.adopt(ORIGIN, USER, "ada@example.org")
    return store


def said(status: int = 200, body: Any = LISTING, caps: str | None = CAPS, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = JSON | headers | ({} if caps is None else {"sync-server": caps})
    return Response(status, response, content)


def ask(
    store: Store,
    answer: Response | Unreachable,
    kind: Literal["sterna", "upstream"] = "sterna",
    *,
    now: int = NOW,
    again: bool = False,
) -> tuple[Capability | Problem | None, list[Request]]:
    """Return the result, and the requests."""
    work: Generator[Effect, Any, Any] = probe(kind, 4000, again=again)
    asked: list[Request] = []
    try:
        step = next(work)
        while True:
            if isinstance(step, Request):
                asked.append(step)
                step = work.throw(answer) if isinstance(answer, Unreachable) else work.send(answer)
            elif isinstance(step, CurrentTime):
                step = work.send(now)
            else:
                assert isinstance(step, Transaction)
                step = work.send(store.call(step.method, *step.args, **step.kwargs))
    except StopIteration as stop:
        return stop.value, asked


def test_a_server_of_ours_is_asked_once_a_day(account: Store) -> None:
    found, asked = ask(account, said())
    assert found == Capability(frozenset({"delta", "gzip"}), 1000, 1000)
    assert [(one.method, one.path, one.headers) for one in asked] == [("GET", "/api/chat/sync", client_header())]
    assert ask(account, said(), now=NOW + DAY - 1) == (found, [])
    assert len(ask(account, said(), now=NOW + DAY)[1]) == 1
    assert len(ask(account, said(), now=NOW - 1)[1]) == 1  # noted by a clock that was wrong
    assert len(ask(account, said(), again=True)[1]) == 1


def test_an_upstream_server_says_nothing_and_is_spoken_to_in_its_own_protocol(account: Store) -> None:
    assert ask(account, said(caps=None), "upstream")[0] is None
    assert ask(account, said(caps=None), "upstream", now=NOW + 1) == (None, [])
    state = account.sync_metadata.account()
    assert state is not None
    assert state.mode == "baseline"


def test_a_server_of_ours_where_upstream_s_was_meant_is_used_as_ours(account: Store) -> None:
    assert isinstance(ask(account, said(), "upstream")[0], Capability)


@pytest.mark.parametrize("caps", [None, "", "rubbish", "1; caps=gzip,tomb", "x; caps=delta"])
@pytest.mark.parametrize("kind", ["sterna", "upstream"])
def test_an_account_that_was_ever_synced_in_our_protocol_never_slides_into_upstream_s(
    account: Store, caps: str | None, kind: Literal["sterna", "upstream"]
) -> None:
    ask(account, said(), kind)
    found, _ = ask(account, said(caps=caps), kind, now=NOW + 2 * DAY)
    assert isinstance(found, Problem)
    assert (found.phase, found.wait_ms) == ("update", 900_000)
    assert "no longer identifies itself" in found.sentence
    state = account.sync_metadata.account()
    assert state is not None
    assert (state.mode, state.caps) == ("delta", CAPS)
    assert isinstance(ask(account, said(), kind, now=NOW + 2 * DAY)[0], Capability)


def test_a_sterna_account_at_a_server_that_is_none_is_told(account: Store) -> None:
    found, _ = ask(account, said(caps=None))
    assert isinstance(found, Problem)
    assert found.phase == "update"
    assert account.sync_metadata.account() is not None
    assert account.sync_metadata.account().mode is None  # type: ignore[union-attr]


def test_upstream_s_server_that_becomes_one_of_ours_is_spoken_to_as_one(account: Store) -> None:
    ask(account, said(caps=None), "upstream")
    assert isinstance(ask(account, said(), "upstream", now=NOW + DAY)[0], Capability)


@pytest.mark.parametrize(
    ("answer", "phase", "wait"),
    [
        (said(200, b"<html>hotel</html>", caps=None), "portal", 60_000),
        (said(200, {"hello": 1}, caps=None), "portal", 60_000),
        (said(200, b"[" * 100_000, caps=None), "portal", 60_000),
        (said(302, b"", caps=None), "portal", 60_000),
        (said(511, b"", caps=None), "portal", 60_000),
        (said(401, {}), "signin", None),
        (said(402, {}), "blocked", 900_000),
        (said(403, {}), "blocked", 900_000),
        (said(404, {}), "update", 900_000),
        (said(408, {}), "offline", 4000),
        (said(426, {}), "update", None),
        (said(429, {}, **{"retry-after": "120"}), "paused", 120_000),
        (said(429, {}), "paused", 900_000),
        (said(500, {}), "offline", 4000),
        (said(503, {}, **{"retry-after": "120"}), "offline", 120_000),
        (said(503, {}, **{"retry-after": "1"}), "offline", 4000),
        (Unreachable("network"), "offline", 4000),
        (Unreachable("timeout"), "offline", 4000),
        (Unreachable("tls", "The certificate of x is not accepted."), "blocked", 300_000),
    ],
)
def test_what_is_no_answer_says_why_and_teaches_nothing(
    account: Store, answer: Response | Unreachable, phase: str, wait: int | None
) -> None:
    found, _ = ask(account, answer, "upstream")
    assert isinstance(found, Problem)
    assert (found.phase, found.wait_ms) == (phase, wait)
    assert found.sentence.endswith((".", "sterna login"))
    state = account.sync_metadata.account()
    assert state is not None
    assert state.mode is None


def test_a_history_without_an_account_asks_nobody(store: Store) -> None:
    found, asked = ask(store, said())
    assert isinstance(found, Problem)
    assert (found.phase, asked) == ("signin", [])

"""A request that a provider refuses for now is repeated, as long as waiting makes sense."""

from __future__ import annotations

import asyncio

import pytest
from raw_server import RawServer, answer, piece, serving, sse

from sterna.providers import (
    ChatMessage,
    Delta,
    Done,
    Endpoint,
    Event,
    Failed,
    FailureKind,
    Request,
    Waiting,
    retry_delays,
)
from sterna.providers.endpoint_provider import EndpointProvider

ASK = Request("m", (ChatMessage("user", "hello"),))
HELLO = sse(piece("Hello", finish="stop"))
LIMITED = {"error": {"message": "Rate limit reached", "type": "rate_limit_error"}}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_delays, "FIRST_WAIT", 0.01)


async def asked(server: RawServer, retries: int = 2) -> list[Event]:
    provider = EndpointProvider(Endpoint("acme", server.url), retries=retries)
    events = [event async for event in provider.stream(ASK)]
    await provider.aclose()
    return events


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable",
                                    "529 Overloaded"])  # fmt: skip
async def test_a_busy_provider_is_asked_again_and_the_wait_is_said(status: str) -> None:
    async with serving(answer(status, LIMITED), HELLO) as server:
        events = await asked(server)
    assert isinstance(events[0], Waiting)
    assert events[0].reason[-1] in ".!?"
    assert Delta("Hello") in events
    assert isinstance(events[-1], Done)
    assert len(server.requests) == 2
    assert server.requests[0].body == server.requests[1].body


async def test_after_so_many_refusals_the_last_one_is_the_failure() -> None:
    async with serving(answer("503 Service Unavailable", LIMITED)) as server:
        events = await asked(server)
    assert [type(event) for event in events] == [Waiting, Waiting, Failed]
    assert len(server.requests) == 3


async def test_the_provider_says_how_long() -> None:
    async with serving(answer("429 Too Many Requests", LIMITED, "Retry-After: 0.02"), HELLO) as server:
        events = await asked(server)
    assert events[0] == Waiting(0.02, events[0].reason) if isinstance(events[0], Waiting) else False


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer("429 Too Many Requests", LIMITED, "Retry-After: 3600"), FailureKind.RATE_LIMIT),
        (answer("401 Unauthorized", LIMITED), FailureKind.AUTH),
        (answer("429 Too Many Requests", {"error": {"message": "You exceeded your current quota",
                                                    "code": "insufficient_quota"}}), FailureKind.PAYMENT),
        (sse(piece("Hel"), {"error": {"message": "overloaded", "code": 503}}), FailureKind.SERVER),
    ],
)  # fmt: skip
async def test_what_waiting_does_not_help_is_not_repeated(response: bytes, kind: FailureKind) -> None:
    async with serving(response, HELLO) as server:
        events = await asked(server)
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is kind
    assert len(server.requests) == 1


async def test_a_wait_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_delays, "FIRST_WAIT", 50)
    async with serving(answer("503 Service Unavailable", LIMITED)) as server:
        provider = EndpointProvider(Endpoint("acme", server.url), retries=2)
        stream = provider.stream(ASK)
        assert isinstance(await anext(stream), Waiting)
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stream.aclose()
        await provider.aclose()


async def test_without_retries_the_first_refusal_counts() -> None:
    async with serving(answer("503 Service Unavailable", LIMITED), HELLO) as server:
        assert isinstance((await asked(server, retries=0))[-1], Failed)
    assert len(server.requests) == 1

"""Requests that fail, and the failure that their events end with."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sterna.providers import ChatMessage, Endpoint, Event, Failed, Request, Timeouts
from sterna.providers.endpoint_provider import EndpointProvider

KEY = "sk-canary-5f1d7c9b3a"
ASK = Request("small", (ChatMessage("user", "hello"),))
QUICK = Timeouts(connect=2.0, read=0.2, write=2.0, listing=2.0)
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


async def reply(url: str, *, timeouts: Timeouts = QUICK, ask: Request = ASK, **fields: Any) -> list[Event]:
    """Return all events of one reply."""
    endpoint = Endpoint("acme", url, key=lambda: KEY, label="Acme", key_hint="ACME_KEY")
    provider = EndpointProvider(replace(endpoint, **fields), timeouts=timeouts, clock=lambda: NOW)
    try:
        return [event async for event in provider.stream(ask)]
    finally:
        await provider.aclose()


def failure(events: list[Event]) -> Failed:
    """Return the failure that a reply ended in, after checking that it can be shown."""
    last = events[-1]
    assert isinstance(last, Failed)
    assert KEY not in last.message
    assert not any(unicodedata.category(char) in ("Cc", "Cf") for char in last.message)
    assert last.message[-1] in ".!?"
    assert len(last.message) < 500
    return last

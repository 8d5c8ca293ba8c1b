"""What each event of an answer means for the reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sterna.providers import (
    Citations,
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    ParametersOmitted,
    Provider,
    Reasoning,
    Reclassified,
    Request,
    Usage,
)

from .reply import Ending, Reply

BURST_SECONDS = 0.01
"""How long events that are there already may keep everything else waiting."""


async def receive(
    reply: Reply, provider: Provider, request: Request, monotonic: Callable[[], float], *, may_shorten: bool = False
) -> Failed | None:
    """Ask, and put all that comes into the reply, its end too.

    ``may_shorten``: a refusal for length does not end the reply, it is returned: the caller asks again with less.
    """
    rested = monotonic()
    async with _closing(provider.stream(request)) as events:
        async for event in events:
            if may_shorten and isinstance(event, Failed) and event.kind is FailureKind.TOO_LONG and not reply.version:
                return event
            if (ending := take(event, reply)) is not None:
                reply.end(ending)
                return None
            if monotonic() - rested > BURST_SECONDS:
                await asyncio.sleep(0)
                rested = monotonic()
    return None


def take(event: Event, reply: Reply) -> Ending | None:
    """Put the event into the reply; gives the end when it is one."""
    match event:
        case Delta(text):
            reply.add(text, settled=event.settled)
        case Reasoning(text):
            reply.add(text, reasoning=True)
        case Reclassified(to):
            reply.move(to)
        case Usage():
            _count(event, reply)
        case Citations(sources):
            reply.details["citations"] = [{"url": one.url, "title": one.title} for one in sources]
        case ParametersOmitted(parameters):
            reply.details["without"] = list(parameters)
        case Done(reason, completion_id, model):
            metadata = {} if reason == "stop" else {"finish_reason": reason}
            return Ending("done", model=model, completion_id=completion_id, metadata=metadata)
        case Failed():
            return failed(event)
    return None


def _count(usage: Usage, reply: Reply) -> None:
    reply.input_tokens, reply.output_tokens = usage.input_tokens, usage.output_tokens
    reply.total_tokens = usage.total_tokens
    more = {name: getattr(usage, name) for name in ("cached_tokens", "reasoning_tokens", "cost")}
    reply.details |= {name: value for name, value in more.items() if value}


def failed(failure: Failed) -> Ending:
    """The end that a provider's failure is."""
    metadata: dict[str, Any] = {"kind": str(failure.kind)}
    if failure.retry_after is not None:
        metadata["retry_after"] = failure.retry_after
    return Ending("failed", failure.message, metadata=metadata)


def unasked_for(task: asyncio.Task[None]) -> Ending:
    """The end that a receiver leaves when it brought none itself."""
    if task.cancelled():
        return Ending("interrupted")
    if task.exception() is None:
        return Ending("failed", "The reply ended without saying so. Retry it.", metadata={"kind": "truncated"})
    return Ending(
        "failed",
        "Sterna made a mistake while it received this reply; the log says which. Retry it, or choose another model.",
        metadata={"kind": "bug"},
    )


@asynccontextmanager
async def _closing(events: AsyncIterator[Event]) -> AsyncIterator[AsyncIterator[Event]]:
    """Let go of the connection when done, and not when the garbage collector comes by."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()

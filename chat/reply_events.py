"""Application of a provider's events to a reply."""

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
    HistoryQuotes,
    ParametersOmitted,
    Provider,
    Reasoning,
    Reclassified,
    Request,
    ToolRequests,
    Usage,
    Waiting,
)
from sterna.storage.conversations.citations import CITATIONS, Source, joined, sources
from sterna.storage.conversations.quotations import QUOTES, Quote

from .reply import Ending, Reply

BURST_SECONDS = 0.01
"""Seconds for which buffered events may keep other tasks waiting."""


def never(failure: Failed) -> bool:
    """Return False: the failure ends the reply."""
    return False


async def receive(
    reply: Reply,
    provider: Provider,
    request: Request,
    monotonic: Callable[[], float],
    *,
    returned: Callable[[Failed], bool] = never,
) -> Failed | ToolRequests | None:
    """Send the request, and apply all events to the reply, including its end, unless the model waits for tools.

    A failure before anything came that is ``returned`` does not end the reply: the caller sends another request.
    """
    last_pause, began = monotonic(), reply.version
    wanted: ToolRequests | None = None
    async with _closing(provider.stream(request)) as events:
        async for event in events:
            if isinstance(event, Failed) and reply.version == began and returned(event):
                return event
            if isinstance(event, ToolRequests):
                wanted = event
            elif (ending := apply(event, reply)) is not None:
                if wanted is not None and ending.finish == "done":
                    return wanted
                reply.end(ending)
                return None
            if monotonic() - last_pause > BURST_SECONDS:
                await asyncio.sleep(0)
                last_pause = monotonic()
    return None


def apply(event: Event, reply: Reply) -> Ending | None:
    """Apply the event to the reply, and return the end if it is one."""
    reply.wait(event if isinstance(event, Waiting) else None)
    match event:
        case Delta(text):
            reply.add(text, settled=event.settled)
        case Reasoning(text):
            reply.add(text, reasoning=True)
        case Reclassified(to):
            reply.reclassify(to)
        case Usage():
            _add_usage(event, reply)
        case Citations(named):
            before = len(reply.content) - len(reply.round_content)
            found = (Source(source.url, source.title, source.places) for source in named)
            reply.details[CITATIONS] = joined(sources(reply.details), found, before)
        case HistoryQuotes(quotes):
            rows = [Quote(number, "", *quote[2:], *quote[:2]) for number, quote in enumerate(quotes, 1)]
            reply.details[QUOTES] = [row._asdict() for row in rows]
        case ParametersOmitted(parameters):
            reply.details["without"] = list(dict.fromkeys((*reply.details.get("without", ()), *parameters)))
        case Done(reason, completion_id, model):
            metadata = {} if reason == "stop" else {"finish_reason": reason}
            return Ending("done", model=model, completion_id=completion_id, metadata=metadata)
        case Failed():
            return failed(event)
    return None


def _add_usage(usage: Usage, reply: Reply) -> None:
    if reply.earlier is not None:
        reply.details["context_tokens"] = usage.total_tokens  # the sum is that of several requests
        usage = usage.plus(reply.earlier)
    reply.usage = usage
    reply.input_tokens, reply.output_tokens = usage.input_tokens, usage.output_tokens
    reply.total_tokens = usage.total_tokens
    details = {name: getattr(usage, name) for name in ("cached_tokens", "reasoning_tokens", "cost")}
    reply.details |= {name: value for name, value in details.items() if value}


def failed(failure: Failed) -> Ending:
    """Return the end for a provider's failure."""
    metadata: dict[str, Any] = {"kind": str(failure.kind)}
    if failure.retry_after is not None:
        metadata["retry_after"] = failure.retry_after
    return Ending("failed", failure.message, metadata=metadata)


def missing_ending(task: asyncio.Task[None]) -> Ending:
    """Return the end for a receiver that has finished; used only if it set none itself."""
    if task.cancelled():
        return Ending("interrupted")
    if task.exception() is None:
        return Ending("failed", "The reply ended without its end mark. Retry it.", metadata={"kind": "truncated"})
    return Ending(
        "failed",
        "Internal error while receiving this reply; details are in the log. Retry it, or choose another model.",
        metadata={"kind": "bug"},
    )


@asynccontextmanager
async def _closing(events: AsyncIterator[Event]) -> AsyncIterator[AsyncIterator[Event]]:
    """Close the connection at the end of the block instead of at garbage collection."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()

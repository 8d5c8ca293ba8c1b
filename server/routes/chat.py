"""Replies of a model, whole or streamed. The server stores nothing; clients sync what they want to keep."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from sterna.providers import ChatMessage, Event, Usage
from sterna.providers import Request as ModelRequest

from ..dependencies import Guest, ServicesDep, limited
from ..errors import ApiError, instant
from ..identity import Caller
from ..openapi import refusals
from ..relay import requests, responses
from ..relay.quota import Permission
from ..relay.streaming import Streamed, unless_disconnected
from ..relay.upstream import upstream_error
from ..services import Services
from .json_route import JsonRoute

router = APIRouter(prefix="/api/chat", tags=["chat"], route_class=JsonRoute, dependencies=[limited("A")])

REFUSED = refusals(401, 402, 403, 413, 429, 501, 502, 503)
STREAM = {
    "description": "Text with marker lines between, and finally an empty line and a line with "
    "__FINAL_METADATA__. Without that line the reply is incomplete.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


class Chat(BaseModel):
    """A reply with its time."""

    data: responses.ChatResponse
    timestamp: str


@dataclass(frozen=True, slots=True)
class RunningReply:
    """A permitted and counted request to the model."""

    services: Services
    events: AsyncGenerator[Event, None]
    reply: responses.PartialReply
    permission: Permission
    request_id: str | None
    headers: dict[str, str]

    async def end(self) -> None:
        """Close the connection to the model service, and count the outcome."""
        await self.events.aclose()
        reply, metrics = self.reply, self.services.metrics
        failed = reply.failure.kind.value if reply.failure else "broken_off"
        metrics.replies.labels("whole" if reply.is_done else failed).inc()
        metrics.tokens.labels("input").inc(reply.usage.prompt_tokens)
        metrics.tokens.labels("output").inc(reply.usage.completion_tokens)

    def response(self, now: str) -> responses.ChatResponse:
        """Return the reply so far."""
        return self.reply.response(now, self.request_id)


async def _start(body: requests.ChatRequest, caller: Caller, services: Services) -> RunningReply:
    if caller.identity.user_id is None and not services.settings.anonymous_chat:
        raise ApiError("auth_required", "Sign in to chat on this server.")
    provider = services.relay.provider()
    turns = requests.check(body, caller)
    permission = await services.quota.check(caller, body.model or "")
    prompt = body.prompt(permission.system_prompt)
    messages = [ChatMessage("system", prompt)] if prompt else []
    messages += [ChatMessage(turn.role, turn.content, turn.image_parts()) for turn in turns]
    requests.check_size(messages, caller.tier)
    request = ModelRequest(
        permission.model,
        tuple(messages),
        body.effective_temperature(permission.temperature),
        await services.relay.max_tokens(permission.model),
        body.reasoning.effort if body.reasoning else None,
        request_id=body.request_id(),
    )
    await services.quota.count(caller, permission)
    reply = responses.PartialReply(permission.model, with_reasoning=body.reasoning is not None)
    headers = {"X-Model": permission.model}
    return RunningReply(services, provider.stream(request), reply, permission, body.request_id(), headers)


async def _raise_failure(running: RunningReply) -> None:
    """Raise the error of a failed reply; an empty reply is not counted."""
    reply = running.reply
    if not reply.text_chunks and not reply.reasoning_chunks and not reply.is_done:
        await running.services.quota.refund(running.permission)
    if reply.failure:
        raise upstream_error(reply.failure)
    if not reply.is_done:
        raise ApiError("bad_gateway", "The reply is longer than this server allows.")


@router.post("", response_model_exclude_none=True, responses=REFUSED)
async def chat(
    body: requests.ChatRequest, request: Request, response: Response, caller: Guest, services: ServicesDep
) -> Chat:
    """Return the complete reply of a model.

    The system prompt and temperature of the profile take precedence over those of the request. A new profile has both
    (0.7, and a general prompt), so those of the request only count if the profile's are set to null, or with
    `overrideProfile: true`.
    """
    running = await _start(body, caller, services)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(running.end)
        await unless_disconnected(request.receive, responses.collect(running.events, running.reply))
        if not running.reply.is_done:
            await _raise_failure(running)
    response.headers.update(running.headers)
    now = instant(services.clock())
    return Chat(data=running.response(now), timestamp=now)


@router.post("/stream", response_class=Response, responses=REFUSED | {200: STREAM})
async def stream(body: requests.ChatRequest, request: Request, caller: Guest, services: ServicesDep) -> Response:
    """Stream the reply of a model. The profile takes precedence over the request, as in POST /api/chat."""
    running = await _start(body, caller, services)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(running.end)
        first = await unless_disconnected(request.receive, _first(running))
        ending.pop_all()
    return Streamed(_chunks(first, running), running.end, {**running.headers, "X-Streaming": "true"})


async def _first(running: RunningReply) -> Event:
    """Return the first event that says how the reply begins. Raise the error of a reply that fails before that."""
    while True:
        event = await anext(running.events)
        if not running.reply.add(event):
            await _raise_failure(running)
        elif isinstance(event, Usage):
            continue  # some services count the prompt at once
        return event


async def _chunks(first: Event, running: RunningReply) -> AsyncGenerator[str, None]:
    writer, reply = responses.StreamWriter(), running.reply
    yield responses.event_text(writer, first, with_reasoning=reply.with_reasoning)
    async for event in running.events:
        if not reply.add(event):
            break
        yield responses.event_text(writer, event, with_reasoning=reply.with_reasoning)
    if reply.is_done:
        yield responses.final_text(writer, running.response(instant(running.services.clock())))
    else:
        yield writer.text("", last=True)

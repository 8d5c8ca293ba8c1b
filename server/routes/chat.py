"""Answers of a model, whole or as they come. Nothing is stored: the client syncs what it wants to keep."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from sterna.providers import ChatMessage, Event
from sterna.providers import Request as Question

from ..dependencies import Guest, ServicesDep, limited
from ..errors import ApiError, instant
from ..identity import Caller
from ..openapi import refusals
from ..relay import requests, responses
from ..relay.quota import Permission
from ..relay.streaming import Streamed, unless_gone
from ..relay.upstream import refusal
from ..services import Services
from .json_route import JsonRoute

router = APIRouter(prefix="/api/chat", tags=["chat"], route_class=JsonRoute, dependencies=[limited("A")])

REFUSED = refusals(401, 402, 403, 413, 429, 501, 502, 503)
STREAM = {
    "description": "Text as it comes, marker lines between, and last an empty line and a line with "
    "__FINAL_METADATA__. Without that line the answer is not whole.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


class Chat(BaseModel):
    """The answer, wrapped."""

    data: responses.ChatResponse
    timestamp: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is allowed and counted."""

    services: Services
    events: AsyncGenerator[Event, None]
    gathered: responses.Gathered
    permission: Permission
    request_id: str | None
    headers: dict[str, str]

    async def end(self) -> None:
        """Let go of the model service, and count what came of it."""
        await self.events.aclose()
        gathered, metrics = self.gathered, self.services.metrics
        failed = gathered.failure.kind.value if gathered.failure else "broken_off"
        metrics.replies.labels("whole" if gathered.is_done else failed).inc()
        metrics.tokens.labels("input").inc(gathered.usage.prompt_tokens)
        metrics.tokens.labels("output").inc(gathered.usage.completion_tokens)

    def answer(self, now: str) -> responses.ChatResponse:
        """All that came."""
        return self.gathered.answer(now, self.request_id)


async def _ask(body: requests.ChatRequest, caller: Caller, services: Services) -> Asked:
    if caller.identity.user_id is None and not services.settings.anonymous_chat:
        raise ApiError("auth_required", "Sign in to chat on this server.")
    provider = services.relay.provider()
    turns = requests.check(body, caller)
    permission = await services.quota.check(caller, body.model or "")
    prompt = body.prompt(permission.system_prompt)
    messages = [ChatMessage("system", prompt)] if prompt else []
    messages += [ChatMessage(one.role, one.content) for one in turns]
    requests.measure([one.content for one in messages], caller.tier)
    question = Question(
        permission.model,
        tuple(messages),
        body.warmth(permission.temperature),
        await services.relay.max_tokens(permission.model),
        body.reasoning.effort if body.reasoning else None,
        body.request_id(),
    )
    await services.quota.count(caller, permission)
    gathered = responses.Gathered(permission.model, with_reasoning=body.reasoning is not None)
    headers = {"X-Model": permission.model}
    return Asked(services, provider.stream(question), gathered, permission, body.request_id(), headers)


async def _refuse(asked: Asked) -> None:
    """Raise for an upstream that failed; a reply of which nothing came is not counted."""
    gathered = asked.gathered
    if not gathered.pieces and not gathered.thoughts and not gathered.is_done:
        await asked.services.quota.refund(asked.permission)
    if gathered.failure:
        raise refusal(gathered.failure)
    if not gathered.is_done:
        raise ApiError("bad_gateway", "The model's answer is longer than this server passes on.")


@router.post("", response_model_exclude_none=True, responses=REFUSED)
async def chat(
    body: requests.ChatRequest, request: Request, response: Response, caller: Guest, services: ServicesDep
) -> Chat:
    """Ask a model; the answer when it is whole.

    The profile's system prompt and temperature go before those of the request. A new profile has both (0.7, and a
    general prompt), so a request's own count only where its owner set the profile's to null, or where the request says
    `overrideProfile: true`.
    """
    asked = await _ask(body, caller, services)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(asked.end)
        await unless_gone(request.receive, responses.gather(asked.events, asked.gathered))
        if not asked.gathered.is_done:
            await _refuse(asked)
    response.headers.update(asked.headers)
    now = instant(services.clock())
    return Chat(data=asked.answer(now), timestamp=now)


@router.post("/stream", response_class=Response, responses=REFUSED | {200: STREAM})
async def stream(body: requests.ChatRequest, request: Request, caller: Guest, services: ServicesDep) -> Response:
    """Ask a model; the answer as it comes. The profile goes before the request, as in POST /api/chat."""
    asked = await _ask(body, caller, services)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(asked.end)
        first = await unless_gone(request.receive, anext(asked.events))
        if not asked.gathered.take(first):
            await _refuse(asked)
        ending.pop_all()
    return Streamed(_pieces(first, asked), asked.end, {**asked.headers, "X-Streaming": "true"})


async def _pieces(first: Event, asked: Asked) -> AsyncGenerator[str, None]:
    lines, gathered = responses.Lines(), asked.gathered
    yield responses.piece(lines, first, with_reasoning=gathered.with_reasoning)
    async for event in asked.events:
        if not gathered.take(event):
            break
        yield responses.piece(lines, event, with_reasoning=gathered.with_reasoning)
    if gathered.is_done:
        yield responses.final(lines, asked.answer(instant(asked.services.clock())))
    else:
        yield lines.text("", last=True)

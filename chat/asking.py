"""What is asked of whom, and what each event of the answer means for the reply."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from config import Settings
from providers import (
    Catalog,
    ChatMessage,
    Delta,
    Done,
    Event,
    Failed,
    Provider,
    Reasoning,
    Request,
    Usage,
)
from storage import Message, Store, StoreThread

from .context import CHARACTERS_A_TOKEN, build_context, input_budget
from .reply import Ending, Reply

Effort = Literal["low", "medium", "high"]
EFFORTS: Mapping[object, Effort] = {"low": "low", "medium": "medium", "high": "high"}


@dataclass(frozen=True, slots=True)
class Asking:
    """The choices for one turn."""

    ref: str
    """The model, ``endpoint/model``."""
    system_prompt: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Effort | None = None

    @classmethod
    def choose(cls, own: Mapping[str, Any], settings: Settings, model: str = "", fallback: str = "") -> Asking:
        """For this turn alone, else the conversation's own, else the person's settings.

        A conversation's values may come from another machine, so nothing about their types is taken on trust.
        """
        prompt = own.get("system_prompt")
        temperature = own.get("temperature")
        longest = own.get("max_tokens")
        return cls(
            ref=model or _text(own.get("model")) or settings.model or fallback,
            system_prompt=prompt if isinstance(prompt, str) else settings.system_prompt,
            temperature=float(temperature) if isinstance(temperature, (int, float)) else settings.temperature,
            max_tokens=longest if isinstance(longest, int) else settings.max_tokens,
            reasoning_effort=EFFORTS.get(own.get("reasoning_effort") or settings.reasoning_effort),
        )

    async def request(self, store: StoreThread, catalog: Catalog, asked: Message) -> tuple[Provider, Request]:
        """Who is asked and what. Raises ProviderError, StoreError."""
        provider, model = catalog.resolve(self.ref)
        length = catalog.context_length(self.ref)
        characters = input_budget(length) * CHARACTERS_A_TOKEN
        newest_first = await store.run(Store.context_messages, asked.session_id, characters, asked.key)
        messages = build_context(newest_first, system_prompt=self.system_prompt, context_length=length)
        return provider, self.asked_of(model, messages, asked.id)

    def asked_of(self, model: str, messages: tuple[ChatMessage, ...], request_id: str | None = None) -> Request:
        """The request for the provider's own ``model``."""
        return Request(
            model=model,
            messages=messages,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            reasoning_effort=self.reasoning_effort,
            request_id=request_id,
        )

    def take(self, event: Event, reply: Reply) -> Ending | None:
        """Put the event into the reply; gives the end when it is one."""
        match event:
            case Delta(text):
                reply.add(text)
            case Reasoning(text):
                reply.add(text, reasoning=True)
            case Usage(asked, answered, total):
                reply.input_tokens, reply.output_tokens, reply.total_tokens = asked, answered, total
            case Done(reason, completion_id, model):
                metadata = {} if reason == "stop" else {"finish_reason": reason}
                return Ending("done", model=model, completion_id=completion_id, metadata=metadata)
            case Failed():
                return failed(event)
        return None


def failed(failure: Failed) -> Ending:
    """The end that a provider's failure is."""
    metadata: dict[str, Any] = {"kind": str(failure.kind)}
    if failure.retry_after is not None:
        metadata["retry_after"] = failure.retry_after
    return Ending("failed", failure.message, metadata=metadata)


@asynccontextmanager
async def closing(events: AsyncIterator[Event]) -> AsyncIterator[AsyncIterator[Event]]:
    """Let go of the connection when done, and not when the garbage collector comes by."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""What is asked of whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from config import Settings
from providers import Catalog, ChatMessage, Provider, Request
from storage import Message, Store, StoreThread

from .context import CHARACTERS_A_TOKEN, build_context, input_budget

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


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""What is asked of whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sterna.config import Settings
from sterna.providers import Catalog, ChatMessage, Failed, Provider, Request
from sterna.storage import Message, Store, StoreThread

from .context import CHARACTERS_A_TOKEN, OVERHEAD, UNKNOWN, choose, in_turns, input_budget, tokens

Effort = Literal["low", "medium", "high"]
EFFORTS: Mapping[object, Effort] = {"low": "low", "medium": "medium", "high": "high"}


SURE = 1500
"""Characters that every model takes: for fewer its list is not asked first."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request, and how much of the conversation is in it."""

    provider: Provider
    request: Request
    count: int
    """Messages of the conversation."""
    left_out: int
    """Earlier ones that did not fit."""

    def smaller(self, failure: Failed) -> int:
        """Tokens, as :func:`~chat.context.tokens` counts, for a request in the place of one that was too long."""
        sent = sum(tokens(one.content) + OVERHEAD for one in self.request.messages)
        if failure.limit is not None:
            fits = failure.limit - min(failure.limit // 4, 1000)  # some is for the reply
            # What the server counted says how its tokens compare with ours.
            return max(1, min(sent * 2 // 3, sent * fits // failure.tokens if failure.tokens else fits * 3 // 5))
        return max(1, min(sent // 3, 3000))


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

    async def prepare(
        self, store: StoreThread, catalog: Catalog, asked: Message, budget: int | None = None
    ) -> Prepared:
        """Who is asked and what, in ``budget`` tokens, else in what the model takes.

        Raises ProviderError, StoreError.
        """
        provider, model = catalog.resolve(self.ref)

        def read(store: Store, most: int) -> tuple[list[Message], int]:
            newest_first, cut = store.messages.context(asked.session_id, most * CHARACTERS_A_TOKEN, asked.key)
            chosen, full = choose(newest_first, system_prompt=self.system_prompt, budget=most)
            return chosen, store.messages.count_before(asked.session_id, chosen[-1].key) if chosen and (
                cut or full
            ) else 0

        most = budget or input_budget(catalog.context_length(self.ref))
        chosen, left_out = await store.run(read, most)
        if budget is None and most == UNKNOWN and sum(len(one.content) for one in chosen) > SURE:
            await catalog.fetch_context_length(self.ref)
            if (most := input_budget(catalog.context_length(self.ref))) != UNKNOWN:
                chosen, left_out = await store.run(read, most)
        request = self.asked_of(model, in_turns(chosen, self.system_prompt), asked.id)
        return Prepared(provider, request, len(chosen), left_out)

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

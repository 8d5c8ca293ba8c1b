"""A question outside any conversation: asked and answered, and kept nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from config import Settings
from providers import Catalog, ChatMessage, Event, ProviderError

from .asking import Asking, closing


async def answer_once(
    catalog: Catalog, settings: Settings, text: str, *, own: Mapping[str, Any] | None = None
) -> AsyncIterator[Event]:
    """Events of the answer. ``own``: choices for this question, under the names of a conversation's settings."""
    asking = Asking.choose(own or {}, settings, fallback=catalog.default_ref())
    try:
        provider, model = catalog.resolve(asking.ref)
    except ProviderError as error:
        yield error.failure
        return
    system = (ChatMessage("system", asking.system_prompt),) if asking.system_prompt else ()
    async with closing(provider.stream(asking.asked_of(model, (*system, ChatMessage("user", text))))) as events:
        async for event in events:
            yield event

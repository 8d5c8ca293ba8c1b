"""A question outside any conversation: asked and answered, and kept nowhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from sterna.config import Settings
from sterna.providers import Catalog, ChatMessage, ProviderError
from sterna.storage import Settled

from .reply import Reply
from .reply_events import failed, receive, unasked_for
from .requests import Asking

log = logging.getLogger("sterna.chat")


class Once:
    """One question. :attr:`reply` fills while :meth:`run` is awaited; ``reply.stop()`` ends it."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        text: str,
        *,
        own: Mapping[str, Any] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._text = text
        self._monotonic = monotonic
        self._asking = Asking.choose(own or {}, settings, fallback=catalog.default_ref())
        self.reply = Reply("", "", "", self._asking.ref, monotonic())

    async def run(self) -> Settled:
        """Ask, and return how it ended with all that came."""
        receiver = asyncio.create_task(self._receive(), name="sterna.chat.one_off")
        receiver.add_done_callback(lambda task: self.reply.end(unasked_for(task)))
        try:
            await asyncio.shield(self.reply.ending)
        finally:
            receiver.cancel()
            self.reply.close()
        (outcome,) = await asyncio.gather(receiver, return_exceptions=True)
        if isinstance(outcome, Exception):
            log.error("a question broke", exc_info=outcome)
        return self.reply.settled(round((self._monotonic() - self.reply.started) * 1000))

    async def _receive(self) -> None:
        asking = self._asking
        try:
            provider, model = self._catalog.resolve(asking.ref)
        except ProviderError as error:
            self.reply.end(failed(error.failure))
            return
        system = (ChatMessage("system", asking.system_prompt),) if asking.system_prompt else ()
        request = asking.asked_of(model, (*system, ChatMessage("user", self._text)))
        await receive(self.reply, provider, request, self._monotonic)

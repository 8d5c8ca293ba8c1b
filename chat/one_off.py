"""Single prompt and reply outside any conversation, which are not stored."""

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
from .reply_events import failed, missing_ending, receive
from .requests import RequestOptions

log = logging.getLogger("sterna.chat")


class OneOffTurn:
    """Prompt whose :attr:`reply` arrives while :meth:`run` is awaited; ``reply.stop()`` ends it."""

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
        self._options = RequestOptions.choose(own or {}, settings, fallback=catalog.default_ref())
        self.reply = Reply("", "", "", self._options.ref, monotonic())

    async def run(self) -> Settled:
        """Send the prompt, and return the reply when it has ended."""
        receiver = asyncio.create_task(self._receive(), name="sterna.chat.one_off")
        receiver.add_done_callback(lambda task: self.reply.end(missing_ending(task)))
        try:
            await asyncio.shield(self.reply.ending)
        finally:
            receiver.cancel()
            self.reply.close()
        (outcome,) = await asyncio.gather(receiver, return_exceptions=True)
        if isinstance(outcome, Exception):
            log.error("a one-off reply failed", exc_info=outcome)
        return self.reply.settled(round((self._monotonic() - self.reply.started) * 1000))

    async def _receive(self) -> None:
        options = self._options
        try:
            provider, model = self._catalog.resolve(options.ref)
        except ProviderError as error:
            self.reply.end(failed(error.failure))
            return
        system = (ChatMessage("system", options.system_prompt),) if options.system_prompt else ()
        request = options.request_for(model, (*system, ChatMessage("user", self._text)))
        await receive(self.reply, provider, request, self._monotonic)

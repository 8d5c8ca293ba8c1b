"""Single prompt and reply outside any conversation, which are not stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sterna.config import Settings
from sterna.providers import Catalog, ProviderError
from sterna.storage import ATTACHMENTS, Attachment, AttachmentFiles, Message, Settled, StoreError, attachments_json

from .context import NOTHING_ATTACHED, UNKNOWN, to_chat_messages
from .reply import Ending, Reply
from .reply_events import failed, missing_ending
from .requests import RequestOptions, require_inputs
from .result_messages import ResultMessages
from .tool_rounds import ToolRounds
from .tools import ToolAccess

if TYPE_CHECKING:
    from .attachments.sending import Attached

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
        files: AttachmentFiles | None = None,
        attachments: Sequence[Attachment] = (),
        schema: Mapping[str, Any] | None = None,
        tools: ToolAccess | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._tools = tools or ToolAccess()
        self._text = text
        self._files = files
        self._attachments = attachments
        self._monotonic = monotonic
        options = RequestOptions.choose(own or {}, settings, fallback=catalog.default_ref())
        self._options = options._replace(schema=schema)
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
        try:
            await require_inputs(self._catalog, options.ref, self._attachments)
        except StoreError as error:
            self.reply.end(Ending("failed", str(error)))
            return
        metadata = {ATTACHMENTS: attachments_json(self._attachments)}
        question = Message("question", "", "user", self._text, "", metadata=metadata)
        attached: Mapping[str, Attached] = NOTHING_ATTACHED
        if self._files is not None and self._attachments:
            attached = await options.load_attached(self._files, self._catalog, [question], UNKNOWN)
        request = options.request_for(model, to_chat_messages([question], options.system_prompt, attached))
        offer = await self._tools.offered(options.tools, provider)
        self.reply.details |= offer.details()
        rounds = ToolRounds(
            self.reply,
            self._tools,
            ResultMessages(self._catalog, options.ref),
            store=None,
            most=self._settings.tools.rounds,
            may_send=_always,
            monotonic=self._monotonic,
        )
        await rounds.receive(provider, request._replace(tools=offer.tools))


async def _always() -> None:
    """Return no reason against sending: what is not stored belongs to no budget."""

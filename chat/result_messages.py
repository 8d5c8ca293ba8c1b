"""Results of tools as messages of the next request, and what is left out of them where a model refuses that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sterna.providers import ChatMessage, Failed, FailureKind, ImagePart
from sterna.storage import StoreError

from .tool_history import text_of_result

if TYPE_CHECKING:
    from sterna.providers import Catalog

    from .tools import ToolFile, ToolResult

SHORT_TEXT = 2_000
"""Characters of a result that are sent again where a request has become too long."""
OF_IMAGES = (FailureKind.BAD_REQUEST, FailureKind.NOT_FOUND, FailureKind.PARAMETER, FailureKind.SERVER)
"""Failures that may come from images, which a model need not take."""


class ResultMessages:
    """Messages for one model."""

    def __init__(self, catalog: Catalog, ref: str) -> None:
        self._catalog = catalog
        self._ref = ref

    async def of(self, call_id: str, result: ToolResult) -> ChatMessage:
        """Return the message for the result of a call, with its images where the model may take them."""
        text = text_of_result(result.text, result.whole)
        images = [image for file in result.files if (image := await self._fitted(file)) is not None]
        return ChatMessage("tool", f"Error: {text}" if result.is_error else text, tuple(images), tool_id=call_id)

    async def _fitted(self, file: ToolFile) -> ImagePart | None:
        if not file.media_type.startswith("image/"):
            return None
        if self._catalog.takes_images(self._ref) is None:
            await self._catalog.fetch_inputs(self._ref)
        if self._catalog.takes_images(self._ref) is False:
            return None
        from .attachments.images import fit

        try:
            side = self._catalog.image_size(self._ref)
            content, media_type = await asyncio.to_thread(fit, file.content, file.media_type, side)
        except StoreError:
            return None
        return ImagePart(media_type, content)


def reduced(messages: Iterable[ChatMessage], failure: Failed) -> tuple[ChatMessage, ...] | None:
    """Return less of the results in ``messages``, after a failure that may come of them; None if it does not."""
    before = tuple(messages)
    if failure.kind is FailureKind.TOO_LONG:
        after = tuple(map(_shortened, before))
    else:
        after = tuple(map(_without_images, before)) if failure.kind in OF_IMAGES else before
    return after if after != before else None


def _shortened(message: ChatMessage) -> ChatMessage:
    if message.role != "tool" or len(message.content) <= SHORT_TEXT:
        return _without_images(message)
    cut = f"{message.content[:SHORT_TEXT]}\n[The rest was left out: the request had become too long.]"
    return message._replace(content=cut, images=())


def _without_images(message: ChatMessage) -> ChatMessage:
    if message.role != "tool" or not message.images:
        return message
    return message._replace(content=f"{message.content}\n[Its images were left out.]", images=())

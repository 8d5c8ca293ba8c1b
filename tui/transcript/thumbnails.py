"""Small pictures of attached images, read and drawn once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.content import Content

from sterna.storage import StoreError

from ..markdown.picture import PictureBlock

if TYPE_CHECKING:
    from sterna.storage import Attachment, AttachmentFiles, Message, Store, StoreThread

COLUMNS, ROWS = 40, 10
"""Most cells of a small picture."""
MOST_KEPT = 64
"""Pictures that are kept for messages that are scrolled back to."""
LARGEST = 20_000_000
"""Bytes of the largest file that is drawn without being asked for."""


class Thumbnails:
    """Pictures by attachment."""

    def __init__(self, store: StoreThread) -> None:
        self._store = store
        self._drawn: dict[str, PictureBlock | None] = {}
        self._lock = asyncio.Lock()

    def wanted(self, message: Message) -> list[Attachment]:
        """Return the attached images that can be drawn and have not been yet."""
        return [
            item
            for item in message.attachments
            if item.kind == "image" and item.size <= LARGEST and item.id not in self._drawn
        ]

    def of(self, message: Message) -> dict[str, PictureBlock]:
        """Return the pictures of a message that are drawn already, by the attachment's id."""
        drawn = ((item.id, self._drawn.get(item.id)) for item in message.attachments)
        return {item_id: block for item_id, block in drawn if block is not None}

    async def draw(self, message: Message) -> bool:
        """Draw what is wanted for a message; return whether there is a new picture."""
        is_new = False
        async with self._lock:
            for item in self.wanted(message):
                is_new = await self._draw(item) is not None or is_new
                while len(self._drawn) > MOST_KEPT:
                    self._drawn.pop(next(iter(self._drawn)))
        return is_new

    async def _draw(self, item: Attachment) -> PictureBlock | None:
        from ..terminal.images import PictureError

        try:
            files = await self._store.run(_files)
            self._drawn[item.id] = block = PictureBlock(await asyncio.to_thread(_rows, files, item.id))
        except StoreError:
            return None  # it is not on this computer yet
        except PictureError:
            self._drawn[item.id] = block = None  # its line says what it is
        return block


def _rows(files: AttachmentFiles, attachment_id: str) -> list[Content]:
    from ..terminal.images import half_cells, read_picture

    return half_cells(read_picture(files.read(attachment_id)), COLUMNS, ROWS)


def _files(store: Store) -> AttachmentFiles:
    return store.attachment_files

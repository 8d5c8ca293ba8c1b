"""Attachments of a request: the text of text and PDF files, and images that fit the model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from sterna.providers import ImagePart
from sterna.storage import Attachment, AttachmentFiles, Message, StoreError

from ..estimates import IMAGE_TOKENS, estimate_tokens
from .attach import pdf_text
from .inspection import decode_text

KEPT_IMAGES = 8
NO_TEXT = (
    "audio/",
    "video/",
    "font/",
    "application/octet-stream",
    "application/zip",
    "application/vnd.",
    "application/ms",
)
"""Beginnings of media types whose content is no text: such files come with imported conversations."""
_fitted: dict[tuple[str, int], ImagePart] = {}
"""Images of the last requests, by attachment and size: each turn of a conversation sends them again."""


@dataclass(frozen=True, slots=True)
class Attached:
    """Content that is sent for the attachments of one message, beside its own text."""

    text: str = ""
    images: tuple[ImagePart, ...] = ()

    @property
    def tokens(self) -> int:
        """Estimated number of tokens."""
        return estimate_tokens(self.text) + IMAGE_TOKENS * len(self.images)


async def load_attached(
    files: AttachmentFiles, newest_first: Sequence[Message], *, budget: int, image_side: int, takes_images: bool
) -> Mapping[str, Attached]:
    """Return what is sent for the attachments of these messages, by the message's id.

    The newest question has all of its attachments; of earlier ones, those that fit into ``budget`` tokens. What is left
    out, or not on this device, is named in words, so that the model does not guess.
    """
    return await asyncio.to_thread(_load, files, newest_first, budget, image_side, takes_images)


def _load(
    files: AttachmentFiles, newest_first: Sequence[Message], budget: int, image_side: int, takes_images: bool
) -> dict[str, Attached]:
    result: dict[str, Attached] = {}
    question = next((message for message in newest_first if message.role == "user"), None)
    for message in newest_first:
        parts: list[str] = []
        images: list[ImagePart] = []
        for attachment in message.attachments:
            content = _content(files, attachment, image_side, takes_images)
            if message is not question and content.tokens > budget:
                content = Attached(_note(attachment, "left out, because it does not fit into this request"))
            budget -= content.tokens
            parts += [content.text] if content.text else []
            images += content.images
        if parts or images:
            result[message.id] = Attached("\n\n".join(parts), tuple(images))
    return result


def _content(files: AttachmentFiles, attachment: Attachment, image_side: int, takes_images: bool) -> Attached:
    try:
        if not files.has(attachment.id):
            return Attached(_note(attachment, "not on this device"))
        if attachment.kind == "image":
            if not takes_images:
                return Attached(_note(attachment, "an image, which this model does not take"))
            return Attached(images=(_image(files, attachment, image_side),))
        if attachment.media_type.startswith(NO_TEXT):
            return Attached(_note(attachment, "a file of a kind that models do not take"))
        if attachment.kind == "pdf":
            text = pdf_text(files, attachment.name, attachment.id)
        else:
            text = decode_text(files.read(attachment.id))
        return Attached(f'<attachment name="{escape(attachment.name)}">\n{text}\n</attachment>')
    except StoreError as error:
        return Attached(_note(attachment, f"not readable: {error}"))


def _image(files: AttachmentFiles, attachment: Attachment, side: int) -> ImagePart:
    from .images import fit

    key = attachment.id, side
    if (part := _fitted.get(key)) is None:
        content, media_type = fit(files.read(attachment.id), attachment.media_type, side)
        part = ImagePart(media_type, content)
        while len(_fitted) >= KEPT_IMAGES:
            _fitted.pop(next(iter(_fitted)), None)
        _fitted[key] = part
    return part


def _note(attachment: Attachment, reason: str) -> str:
    return f"[Attachment {attachment.name}: {reason}]"

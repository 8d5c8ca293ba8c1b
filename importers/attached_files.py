"""Files of imported messages, kept beside the history."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator

from sterna.storage.attachments.files import PIECE_BYTES, AttachmentFiles
from sterna.storage.imports.records import IncomingConversation, IncomingFile
from sterna.storage.json_text import to_json
from sterna.storage.records import (
    ATTACHMENT_IDS,
    ATTACHMENTS,
    COUNTED_ATTACHMENTS,
    MAX_ATTACHMENTS,
    Attachment,
    attachments_json,
)
from sterna.storage.text import size_text

MAX_BYTES = 50_000_000
"""Most bytes of one file; recordings of voices can have gigabytes."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


class NotKept(Exception):
    """Why a file is not kept, as the end of a sentence."""


def keep_files(incoming: IncomingConversation, places: Iterable[int], files: AttachmentFiles) -> list[Attachment]:
    """Keep the files of these messages, and name them in their rows; what is left out is named in ``notes``."""
    kept: list[Attachment] = []
    for place in places:
        if place in incoming.files:
            of_message = list(_kept(incoming, incoming.files.pop(place), files))
            if of_message:
                kept += of_message
                row = incoming.messages[place]
                if f'"{ATTACHMENTS}"' in row["metadata"] and incoming.is_own:
                    continue
                ids = [item.id for item in of_message[:COUNTED_ATTACHMENTS]]
                named = to_json({ATTACHMENTS: attachments_json(of_message), ATTACHMENT_IDS: ids})
                rest = row["metadata"][1:]
                row["metadata"] = f"{named[:-1]},{rest}" if rest != "}" else named
                row["has_attachments"], row["attachment_count"] = 1, len(ids)
                incoming.messages[place] = row
    return kept


def _kept(incoming: IncomingConversation, wanted: list[IncomingFile], files: AttachmentFiles) -> Iterator[Attachment]:
    if len(wanted) > MAX_ATTACHMENTS:
        left = len(wanted) - MAX_ATTACHMENTS
        incoming.notes.append(
            f"A message has more than {MAX_ATTACHMENTS} files: {left} {'is' if left == 1 else 'are'} left out."
        )
    for file in wanted[:MAX_ATTACHMENTS]:
        if file.open is None:
            if file.id:
                yield Attachment(file.id, file.name, file.media_type, file.size)
            continue
        head = bytearray()
        try:
            kept = files.add(_pieces(file, head))
        except NotKept as reason:
            incoming.notes.append(f"The file {file.name} {reason}")
        else:
            yield Attachment(kept.id, file.name, _media_type(file, bytes(head)), kept.size)


def _pieces(file: IncomingFile, head: bytearray) -> Iterator[bytes]:
    """Yield the content of a file; its beginning goes into ``head``, too. Raises NotKept."""
    size = 0
    for piece in _read(file):
        size += len(piece)
        if size > MAX_BYTES:
            raise NotKept(f"is left out: it has more than {size_text(MAX_BYTES)}.")
        if not head:
            head += piece[:1024]
        yield piece


def _read(file: IncomingFile) -> Iterator[bytes]:
    assert file.open is not None
    try:
        with file.open() as source:
            while piece := source.read(PIECE_BYTES):
                yield piece
    except Exception as error:  # a reader of another package may raise anything
        raise NotKept(f"cannot be read. {error}") from error


def _media_type(file: IncomingFile, head: bytes) -> str:
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    named = file.media_type or mimetypes.guess_type(file.name)[0] or ""
    if b"\0" not in head and not named.startswith(("audio/", "video/")):
        return "text/plain"
    # an image that nobody can decode is no image
    return named if named and not named.startswith(("image/", "text/")) else "application/octet-stream"

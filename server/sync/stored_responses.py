"""Stored responses of pushes, so that a repeated push gets the same response and is not applied again.

A stored response may have been written by the account's owner through SQL, so it is decompressed up to a limit only.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Sequence
from typing import Final

from sterna.sync.wire import Ack, BadItem

from ..errors import ApiError

MAX_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a response before compression."""
MAX_COMPRESSED: Final = 4 * 1024 * 1024
"""Bytes of a stored response; the table refuses more too."""
SMALL: Final = 16 * 1024
"""Stored bytes above which a thread decompresses."""


async def compress_acks(acks: Sequence[Ack]) -> bytes:
    """Return acknowledgements in their stored form. Raises ApiError 413 if they are too large."""
    stored = await asyncio.to_thread(_compress, acks) if len(acks) > 50 else _compress(acks)
    if stored is None:
        raise ApiError(
            "payload_too_large", "The response to this push would be too large.", details="Push fewer ops at a time."
        )
    return stored


async def decompress_acks(stored: bytes | None) -> list[Ack] | None:
    """Return stored acknowledgements; None for invalid bytes."""
    if stored is None or len(stored) > MAX_COMPRESSED:
        return None
    return await asyncio.to_thread(_decompress, stored) if len(stored) > SMALL else _decompress(stored)


def _compress(acks: Sequence[Ack]) -> bytes | None:
    size, chunks = 0, []
    compressor = zlib.compressobj(1)
    for position, ack in enumerate(acks):
        chunk = (("," if position else "[") + json.dumps(ack.encode())).encode()
        size += len(chunk)
        if size > MAX_BYTES:
            return None
        chunks.append(compressor.compress(chunk))
    chunks += [compressor.compress(b"]" if acks else b"[]"), compressor.flush()]
    stored = b"".join(chunks)
    return stored if len(stored) <= MAX_COMPRESSED else None


def _decompress(stored: bytes) -> list[Ack] | None:
    decompressor = zlib.decompressobj()
    try:
        text = decompressor.decompress(stored, MAX_BYTES + 3)
        if decompressor.unconsumed_tail or not decompressor.eof:
            return None
        return [Ack.decode(item) for item in json.loads(text)]
    except (zlib.error, ValueError, RecursionError, TypeError, AttributeError, KeyError, BadItem):
        return None

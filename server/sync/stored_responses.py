"""Answers of pushes as they are stored, so that a repeated push is answered again and not done again.

What is read back was written by this server or, through SQL, by its owner: it is inflated up to a limit only.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Sequence
from typing import Final

from sterna.sync.wire import Ack, BadItem

from ..errors import ApiError

MOST_BYTES: Final = 8 * 1024 * 1024
"""Of an answer before it is compressed."""
PACKED_BYTES: Final = 4 * 1024 * 1024
"""Of a stored one; more is not even looked at. The table refuses it too."""
SMALL: Final = 16 * 1024
"""Stored bytes that are worked on beside the event loop when there are more."""


async def packed(acks: Sequence[Ack]) -> bytes:
    """Return acknowledgements as they are stored. Raises ApiError 413 for more than may be stored."""
    stored = await asyncio.to_thread(_pack, acks) if len(acks) > 50 else _pack(acks)
    if stored is None:
        raise ApiError(
            "payload_too_large", "The answer to this push would be too large.", details="Push fewer ops at once."
        )
    return stored


async def unpacked(stored: bytes | None) -> list[Ack] | None:
    """Return the acknowledgements; None for bytes that this server did not write."""
    if stored is None or len(stored) > PACKED_BYTES:
        return None
    return await asyncio.to_thread(_unpack, stored) if len(stored) > SMALL else _unpack(stored)


def _pack(acks: Sequence[Ack]) -> bytes | None:
    size, pieces = 0, []
    packer = zlib.compressobj(1)
    for place, ack in enumerate(acks):
        piece = (("," if place else "[") + json.dumps(ack.encode())).encode()
        size += len(piece)
        if size > MOST_BYTES:
            return None
        pieces.append(packer.compress(piece))
    pieces += [packer.compress(b"]" if acks else b"[]"), packer.flush()]
    stored = b"".join(pieces)
    return stored if len(stored) <= PACKED_BYTES else None


def _unpack(stored: bytes) -> list[Ack] | None:
    inflater = zlib.decompressobj()
    try:
        told = inflater.decompress(stored)
        if inflater.unconsumed_tail or not inflater.eof:
            return None
        return [Ack.decode(one) for one in json.loads(told)]
    except (zlib.error, ValueError, RecursionError, TypeError, AttributeError, KeyError, BadItem):
        return None

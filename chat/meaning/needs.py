"""Sentence about the room and the time that search by meaning takes, for the moment when it is turned on."""

from __future__ import annotations

from sterna.storage import size_text

from .builder import AT_ONCE

BYTES_EACH = 500
"""About what the vectors of a message take."""
A_MINUTE = 100_000
"""About how many messages a model on this computer reads in a minute."""
FEWEST = 1_000
"""Messages for whose vectors the file has room from the beginning."""


def needs(messages: int, *, remote: bool) -> str:
    """Return a sentence about what the vectors of so many messages take."""
    room = f"about {size_text(max(messages, FEWEST) * BYTES_EACH)} on this device"
    if remote:
        requests = -(-messages // AT_ONCE)
        return f"It takes {room}, and about {requests:,} requests to the provider."
    minutes = max(1, -(-messages // A_MINUTE))
    return f"It takes {room}, and about {minutes:,} minute{'' if minutes == 1 else 's'} in the background."

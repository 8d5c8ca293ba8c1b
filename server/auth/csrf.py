"""Tickets: what a form of /device carries, so that only a page that this server just made for this code is answered."""

from __future__ import annotations

import hmac
from hashlib import sha256

from ..clock import Clock

LIVES = 600
"""Seconds, as long as a code."""


class Tickets:
    """Signed with a key of their own: a ticket is no access token, nor the other way round."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._key = hmac.digest(secret.encode(), b"sterna /device", sha256)
        self._clock = clock

    def make(self, code: str) -> str:
        """For the form that shows ``code``."""
        ends = int(self._clock().timestamp()) + LIVES
        return f"{ends}.{self._sign(code, ends)}"

    def is_good(self, ticket: str, code: str) -> bool:
        """Whether the form was made for ``code``, and lately."""
        ends, _, signature = ticket.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) < 12 and signature.isascii()):
            return False
        right = hmac.compare_digest(signature, self._sign(code, int(ends)))
        return right and self._clock().timestamp() < int(ends)

    def _sign(self, code: str, ends: int) -> str:
        return hmac.new(self._key, f"{ends}.{code}".encode(), sha256).hexdigest()

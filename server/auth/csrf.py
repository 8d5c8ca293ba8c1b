"""CSRF tokens of the form at /device, so that only forms that this server made for the code are accepted."""

from __future__ import annotations

import hmac
from hashlib import sha256

from ..clock import Clock

LIFETIME = 600
"""Seconds, like that of a code."""


class CsrfTokens:
    """CSRF tokens, signed with a key of their own so that they cannot serve as access tokens."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._key = hmac.digest(secret.encode(), b"sterna /device", sha256)
        self._clock = clock

    def make(self, code: str) -> str:
        """Return a token for the form that shows ``code``."""
        expires = int(self._clock().timestamp()) + LIFETIME
        return f"{expires}.{self._sign(code, expires)}"

    def is_valid(self, token: str, code: str) -> bool:
        """Return whether the form was made for ``code`` and has not expired."""
        expires, _, signature = token.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) < 12 and signature.isascii()):
            return False
        is_ours = hmac.compare_digest(signature, self._sign(code, int(expires)))
        return is_ours and self._clock().timestamp() < int(expires)

    def _sign(self, code: str, expires: int) -> str:
        return hmac.new(self._key, f"{expires}.{code}".encode(), sha256).hexdigest()

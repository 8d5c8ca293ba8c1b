"""Secrets that are shown once, and the hashes that are stored."""

from __future__ import annotations

import secrets
from hashlib import sha256

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Letters of codes that people type: no vowels, hence no words, and no look-alikes (RFC 8628 6.1)."""


def new_secret() -> str:
    """Return 256 random bits, for a URL or a header."""
    return secrets.token_urlsafe(32)


def new_user_code() -> str:
    """Return a code such as ``WDJB-MJHT``: 34 bits, enough for its lifetime of minutes."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def hashed(secret: str) -> bytes:
    """Return the hash that the database stores. A random secret needs no salt."""
    return sha256(secret.encode("utf-8", "replace")).digest()


def as_user_code(typed: str) -> str:
    """Return a typed code in its normal form, ``WDJB-MJHT`` for ``wdjbmjht``; "" when it cannot be a code."""
    letters = "".join(letter for letter in typed[:40].upper() if letter in LETTERS)
    return f"{letters[:4]}-{letters[4:]}" if len(letters) == 8 else ""

"""Secrets that are handed out once, and what is kept of them."""

from __future__ import annotations

import secrets
from hashlib import sha256

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Of codes that people type: no vowels, so no words, and nothing that looks like something else (RFC 8628 6.1)."""


def new_secret() -> str:
    """256 random bits, for a URL or a header."""
    return secrets.token_urlsafe(32)


def new_user_code() -> str:
    """Such as ``WDJB-MJHT``: 34 bits, good for the minutes that it lives."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def hashed(secret: str) -> bytes:
    """What the database keeps. A random secret needs no salt."""
    return sha256(secret.encode("utf-8", "replace")).digest()


def as_user_code(typed: str) -> str:
    """What somebody typed, however they wrote it: ``wdjbmjht`` is ``WDJB-MJHT``. Empty when it cannot be one."""
    letters = "".join(letter for letter in typed[:40].upper() if letter in LETTERS)
    return f"{letters[:4]}-{letters[4:]}" if len(letters) == 8 else ""

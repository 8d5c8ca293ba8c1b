"""Password hashes: argon2id, computed in threads.

A check takes the same time for an unknown account as for a wrong password. Passwords are compared in Unicode form NFC,
so that they do not depend on the keyboard.
"""

from __future__ import annotations

import asyncio
import os
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH, MAX_LENGTH = 8, 1024
"""Characters of a new password. The maximum bounds the work of the hash function."""

MAX_CONCURRENT = max(1, (os.cpu_count() or 2) // 2)
"""Hashes that are computed at a time; each takes ``memory_kib`` and a processor."""


def normalized(password: str) -> str:
    """Return a password as it is hashed: in form NFC and without NUL, which JSON bodies have lost already."""
    return unicodedata.normalize("NFC", password.replace("\0", ""))


def is_allowed(password: str) -> bool:
    """Return whether a new password may have this length."""
    return MIN_LENGTH <= len(normalized(password)) <= MAX_LENGTH


class Passwords:
    """Password hashes with the server's cost parameters."""

    def __init__(self, memory_kib: int) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=memory_kib, parallelism=1)
        self._dummy = self._hasher.hash("no account has this password")
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def is_correct(self, stored: str | None, password: str) -> bool:
        """Return whether the password matches a hash, in the same time without a hash of this kind."""
        if len(password) > 4 * MAX_LENGTH:
            return False
        is_known = bool(stored) and str(stored).startswith("$argon2id$")
        async with self._slots:
            is_match = await asyncio.to_thread(self._verify, str(stored) if is_known else self._dummy, password)
        return is_match and is_known

    def needs_rehash(self, stored: str) -> bool:
        """Return whether a hash was made with other cost parameters."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    return normalized(password).encode("utf-8", "replace")

"""Passwords: argon2id, in a thread, and as slow for an account that is not there as for a wrong word.

A password is compared in Unicode form NFC, so that it does not depend on the keyboard it was typed on.
"""

from __future__ import annotations

import asyncio
import os
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 1024
"""In characters. The upper bound is for the hash function's work, not for anybody's memory."""

AT_ONCE = max(1, (os.cpu_count() or 2) // 2)
"""Each takes ``memory_kib`` and a processor; the others wait for their turn."""


def normal(password: str) -> str:
    """The password as it is hashed: NFC, without NUL, which JSON bodies lose before they come here."""
    return unicodedata.normalize("NFC", password.replace("\0", ""))


def is_allowed(password: str) -> bool:
    """Whether its length is one that a new password may have."""
    return SHORTEST <= len(normal(password)) <= LONGEST


class Passwords:
    """Makes and checks hashes with the server's cost."""

    def __init__(self, memory_kib: int) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=memory_kib, parallelism=1)
        self._nobodys = self._hasher.hash("no account has this password")
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def is_right(self, kept: str | None, password: str) -> bool:
        """Whether this is the password; takes the same time where none is kept, or one of another kind."""
        if len(password) > 4 * LONGEST:
            return False
        known = bool(kept) and str(kept).startswith("$argon2id$")
        async with self._turn:
            right = await asyncio.to_thread(self._verify, str(kept) if known else self._nobodys, password)
        return right and known

    def is_dated(self, kept: str) -> bool:
        """Whether the hash was made with another cost than the present one."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    return normal(password).encode("utf-8", "replace")

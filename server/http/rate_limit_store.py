"""Storage of rate limit counters, in memory or in Redis.

The memory storage of the ``limits`` library visits every key at each request, in a thread per key; this one visits one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import cast

from limits.aio.storage import MovingWindowSupport
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

HOUR = 3600
MAX_KEYS = 100_000


class MemoryWindows(MovingWindowSupport):
    """Times of recent requests by key; a key is dropped an hour after its last request."""

    base_exceptions = ValueError
    wrap_exceptions = False

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Record a request unless the window holds ``limit`` requests; return whether it was recorded."""
        now = self._now()
        self._drop_expired(now - expiry)
        hits = self._hits.setdefault(key, deque())
        self._hits.move_to_end(key)
        while hits and hits[0] < now - expiry:
            hits.popleft()
        if len(hits) + amount > limit:
            return False
        hits.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return the time of the oldest of the last ``limit`` requests in the window, and their number."""
        now = self._now()
        hits = self._hits.get(key, ())
        recent = [at for at in hits if at >= now - expiry][-limit:]
        return (recent[0], len(recent)) if recent else (now, 0)

    def _drop_expired(self, before: float) -> None:
        """Drop up to two keys, so that each request shrinks the store faster than it grows, in constant time."""
        for _ in range(2):
            if not self._hits:
                return
            hits = next(iter(self._hits.values()))
            if hits and hits[-1] >= before and len(self._hits) < MAX_KEYS:
                return
            self._hits.popitem(last=False)


def redis_storage(url: str) -> MovingWindowSupport:
    """Return a storage that all servers with the same Redis share. Raises ValueError with a sentence."""
    if not url.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("The Redis address is not valid. Example: redis://host:6379/0")
    try:
        storage = storage_from_string(f"async+{url}", implementation="redispy", wrap_exceptions=True)
    except ConfigurationError:
        raise ValueError("Rate limits in Redis need an extra package: pip install 'sterna[server,redis]'") from None
    except ValueError:
        raise ValueError("The Redis address is not valid. Example: redis://host:6379/0") from None
    return cast(MovingWindowSupport, storage)

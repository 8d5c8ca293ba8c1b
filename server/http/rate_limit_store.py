"""Where the hours of :mod:`sterna.server.http.rate_limits` are counted: in this process, or in Redis.

The library's own memory storage walks over every key, with a thread for each, whenever something is counted; this one
touches one key.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import cast

from limits.aio.storage import MovingWindowSupport
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

HOUR = 3600
MOST_KEYS = 100_000


class Recent(MovingWindowSupport):
    """The moments of the latest requests of each key, forgotten an hour after the last one."""

    base_exceptions = ValueError
    wrap_exceptions = False

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Record a request, unless ``limit`` of them are in the window already; tells whether it was recorded."""
        now = self._now()
        self._forget(now - expiry)
        hits = self._hits.setdefault(key, deque())
        self._hits.move_to_end(key)
        while hits and hits[0] < now - expiry:
            hits.popleft()
        if len(hits) + amount > limit:
            return False
        hits.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The oldest of the latest ``limit`` requests in the window, and how many those are."""
        now = self._now()
        hits = self._hits.get(key, ())
        recent = [at for at in hits if at >= now - expiry][-limit:]
        return (recent[0], len(recent)) if recent else (now, 0)

    def _forget(self, before: float) -> None:
        """Two keys at most for each request, so that the store shrinks faster than it grows and no request waits."""
        for _ in range(2):
            if not self._hits:
                return
            hits = next(iter(self._hits.values()))
            if hits and hits[-1] >= before and len(self._hits) < MOST_KEYS:
                return
            self._hits.popitem(last=False)


def redis(url: str) -> MovingWindowSupport:
    """Counts shared by all servers that name the same Redis. Raises ValueError, with a sentence."""
    if not url.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("The Redis address is not understood. It looks like redis://host:6379/0.")
    try:
        storage = storage_from_string(f"async+{url}", implementation="redispy", wrap_exceptions=True)
    except ConfigurationError:
        raise ValueError("Rate limits in Redis need the extra: pip install 'sterna[server,redis]'.") from None
    except ValueError:
        raise ValueError("The Redis address is not understood. It looks like redis://host:6379/0.") from None
    return cast(MovingWindowSupport, storage)

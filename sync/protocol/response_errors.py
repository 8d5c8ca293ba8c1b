"""Meaning of an answer that is none of the protocol's: a sentence, and when to try again.

See docs/specification/sync-protocol.md#errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..errors import SIGN_IN_AGAIN
from .effects import Answer, Problem, Unreachable

MINUTE_MS = 60_000
AGAIN_MS = 15 * MINUTE_MS
MOST_MS = 6 * 60 * MINUTE_MS
DAY_MS = 24 * 60 * MINUTE_MS

PORTAL = "The network answers in the server's place. Sign in to it in a browser."
NOT_OURS = "This server does not speak Sterna's protocol of sync. Check its address, or ask for its update."


def problem_of(found: Answer | Unreachable, now_ms: int, later_ms: int, fails: int = 0) -> Problem:
    """Why there is no answer to go by. ``later_ms``: when to try again what may go better by itself; ``fails``: how
    often in a row there was none."""
    if isinstance(found, Unreachable):
        if found.reason == "tls":
            sentence = found.sentence or "There is no connection to the server that can be trusted."
            return Problem("blocked", sentence, 5 * MINUTE_MS)
        return Problem("offline", found.sentence or "The server cannot be reached.", later_ms)
    wait = retry_after_ms(found.headers, now_ms)
    match found.status:
        case 401:
            return Problem("signin", f"The server does not take the sign-in. {SIGN_IN_AGAIN}")
        case 402 | 403:
            return Problem(
                "blocked", "The server does not let this account sync. Ask whoever runs it.", refused_ms(fails)
            )
        case 404 | 405:
            return Problem("update", NOT_OURS, AGAIN_MS)
        case 426:
            return Problem("update", "The server needs a newer Sterna. Update it; what you write is kept meanwhile.")
        case 429:
            wait = reset_ms(found.headers, now_ms) if wait is None else wait
            return Problem("paused", "The server asks to wait: there were too many requests.", wait or AGAIN_MS)
        case status if (status >= 500 and status != 511) or status == 408:
            return Problem("offline", "The server is in trouble.", max(wait or 0, later_ms))
    return portal()


def refused_ms(fails: int) -> int:
    """When a server that said no is asked again: in a quarter of an hour, and each time later, to six hours."""
    return min(AGAIN_MS << min(fails, 5), MOST_MS)


def portal() -> Problem:
    """Somebody answers who is not the server."""
    return Problem("portal", PORTAL, MINUTE_MS)


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long the server asks to wait, a day at most: it says seconds, or a date."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 8:
        return min(int(told) * 1000, DAY_MS)
    try:
        return _until_ms(parsedate_to_datetime(told), now_ms)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def reset_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long until one may ask again, where the server says only when that is, or in how many seconds."""
    told = headers.get("x-ratelimit-reset", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 8:
        return min(int(told) * 1000, DAY_MS)
    try:
        at = datetime.fromisoformat(told)
        return _until_ms(at, now_ms)
    except (ValueError, OverflowError):
        return None


def _until_ms(at: datetime, now_ms: int) -> int:
    told = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(0, int(told.timestamp() * 1000) - now_ms), DAY_MS)

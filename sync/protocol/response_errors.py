"""Errors of the server, and of whatever answers in its place: a sentence for the user, and the delay before a retry.

See docs/specification/sync-protocol.md#errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..backoff import DAY_MS, MINUTE_MS, REFUSAL_MS, RETRY_MS
from ..errors import SIGN_IN_AGAIN
from .effects import Problem, Response, Unreachable

AGAIN_MS = 15 * MINUTE_MS

UNREACHABLE = "{host} cannot be reached."
INSECURE = "There is no trusted connection to {host}."
PORTAL = "A web page answered in place of {host}. The network may require a sign-in: open a browser."
SIGN_IN_REJECTED = f"{{host}} rejected the sign-in. {SIGN_IN_AGAIN}"
FORBIDDEN = "{host} does not allow this account to sync. Contact the server administrator."
NO_SYNC = "{host} does not offer Sterna's sync protocol. Check its address, or ask its administrator for an update."
UPDATE_NEEDED = "{host} requires a newer version of Sterna. Update it; your changes are saved here until then."
RATE_LIMITED = "{host} received too many requests and asked for a pause."
SERVER_ERROR = "{host} reported an internal error."


def problem_of(result: Response | Unreachable, now_ms: int, later_ms: int, fails: int = 0, host: str = "") -> Problem:
    """Return why ``result`` is no response of the protocol.

    ``later_ms`` is the delay before the next try where the error may pass by itself, ``fails`` the number of failures
    in a row. ``host`` names the server in the sentence.
    """
    if isinstance(result, Unreachable):
        if result.reason == "tls":
            return Problem("blocked", result.sentence or sentence(INSECURE, host), int(RETRY_MS.longest))
        return Problem("offline", result.sentence or sentence(UNREACHABLE, host), later_ms)
    wait = retry_after_ms(result.headers, now_ms)
    match result.status:
        case 401:
            return Problem("signin", sentence(SIGN_IN_REJECTED, host))
        case 402 | 403:
            return Problem("blocked", sentence(FORBIDDEN, host), int(REFUSAL_MS.limit(fails)))
        case 404 | 405:
            return Problem("update", sentence(NO_SYNC, host), AGAIN_MS)
        case 426:
            return Problem("update", sentence(UPDATE_NEEDED, host))
        case 429:
            wait = reset_ms(result.headers, now_ms) if wait is None else wait
            return Problem("paused", sentence(RATE_LIMITED, host), wait or AGAIN_MS)
        case status if (status >= 500 and status != 511) or status == 408:
            return Problem("offline", sentence(SERVER_ERROR, host), max(wait or 0, later_ms))
    return portal(host)


def portal(host: str = "") -> Problem:
    """Return the problem of a response that does not come from the server, such as a network's sign-in page."""
    return Problem("portal", sentence(PORTAL, host), MINUTE_MS)


def sentence(template: str, host: str = "") -> str:
    """Return ``template`` with the name of the server, or with "the server"."""
    text = template.format(host=host or "the server")
    return text if host else text[0].upper() + text[1:]


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """Return the wait in ``Retry-After``, given in seconds or as a date; at most a day."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 8:
        return min(int(value) * 1000, DAY_MS)
    try:
        return _until_ms(parsedate_to_datetime(value), now_ms)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def reset_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """Return the wait in ``X-RateLimit-Reset``, given in seconds or as a time; at most a day."""
    value = headers.get("x-ratelimit-reset", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 8:
        return min(int(value) * 1000, DAY_MS)
    try:
        return _until_ms(datetime.fromisoformat(value), now_ms)
    except (ValueError, OverflowError):
        return None


def _until_ms(at: datetime, now_ms: int) -> int:
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(0, int(at.timestamp() * 1000) - now_ms), DAY_MS)

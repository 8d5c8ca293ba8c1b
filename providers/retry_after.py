"""Retry-After: the seconds that a provider asks to wait, read from headers, error fields or the message."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

MAX_WAIT = 32 * 86_400.0
"""Seconds from which on a wait counts as a mistake."""

_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|h|m|s|d)")
_TRY_AGAIN = re.compile(
    r"(?:try again|retry|wait)[^.\d]{0,30}?"
    r"((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|hours?|h|minutes?|min|m|seconds?|sec|s)(?![a-z])\s*)+)",
    re.IGNORECASE,
)
_SCALE = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds_to_wait(headers: Mapping[str, str], error: Mapping[str, Any], text: str, now: datetime) -> float | None:
    """Return the seconds to wait from the headers, the error's fields or its message; ``None`` if none has them."""
    metadata = error.get("metadata")
    inner = metadata.get("headers") if isinstance(metadata, Mapping) else None  # OpenRouter's
    nested = {str(key).lower(): str(value) for key, value in inner.items()} if isinstance(inner, Mapping) else {}
    fields = {key.lower(): value for key, value in headers.items()} | nested
    candidates = (
        _number(fields.get("retry-after-ms", ""), 0.001),
        _moment(fields.get("retry-after", ""), now),
        _number(error.get("retry_after")),
        _retry_info(error),
        _from_message(text),
        _resets(fields, now),
    )
    return next((seconds for seconds in candidates if seconds is not None), None)


def in_words(seconds: float | None) -> str:
    """Return a wait in words: ``20 seconds``, ``5 minutes``."""
    if seconds is None or seconds < 2:
        return "a moment"
    if seconds < 90:
        return f"{math.ceil(seconds)} seconds"
    if seconds < 90 * 60:
        return f"{math.ceil(seconds / 60)} minutes"
    if seconds < 36 * 3600:
        return f"{math.ceil(seconds / 3600)} hours"
    return f"{math.ceil(seconds / 86_400)} days"


def _plausible(seconds: float) -> float | None:
    return max(seconds, 0.0) if math.isfinite(seconds) and seconds < MAX_WAIT else None


def _number(value: object, scale: float = 1.0) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return _plausible(float(value) * scale)
    except (ValueError, OverflowError):
        return None


def _moment(value: str, now: datetime) -> float | None:
    """Return the wait until ``value``: seconds, ``1m30s``, an epoch in seconds or milliseconds, an ISO or HTTP date."""
    value = value.strip()
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        return _duration(value) if value[0].isdigit() and _duration(value) is not None else _date(value, now)
    if number > 1e11:
        return _plausible(number / 1000 - now.timestamp())
    return _plausible(number - now.timestamp()) if number > 1e9 else _plausible(number)


def _date(value: str, now: datetime) -> float | None:
    from email.utils import parsedate_to_datetime  # needed for a date only

    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value)
        except ValueError:
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
        return _plausible((moment - now).total_seconds())
    return None


def _duration(value: str) -> float | None:
    parts = _PARTS.findall(value)
    if not parts or _PARTS.sub("", value).strip():
        return None
    return _plausible(sum(float(number) * _SCALE[unit] for number, unit in parts))


def _from_message(text: str) -> float | None:
    match = _TRY_AGAIN.search(text)
    if match is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", match[1].lower())
    return _plausible(
        sum(float(number) * _SCALE["ms" if unit.startswith(("ms", "milli")) else unit[0]] for number, unit in parts)
    )


def _retry_info(error: Mapping[str, Any]) -> float | None:
    """Return the wait in Google's ``details: [{"retryDelay": "34s"}]``."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and isinstance(detail.get("retryDelay"), str):
            return _duration(detail["retryDelay"])
    return None


def _resets(fields: Mapping[str, str], now: datetime) -> float | None:
    """Return the longest wait of the exhausted limits; of all limits, if none says that it is exhausted."""
    waits: list[float] = []
    exhausted: list[float] = []
    for name, value in fields.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        seconds = _moment(value, now)
        if seconds is not None:
            waits.append(seconds)
            if fields.get(name.replace("reset", "remaining"), "").strip() == "0":
                exhausted.append(seconds)
    return max(exhausted or waits, default=None)

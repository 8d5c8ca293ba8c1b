"""How long a provider asks to wait, in seconds and in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

LONGEST = 32 * 86_400.0
"""Longer than a month is no wait but a mistake."""

_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|h|m|s|d)")
_TRY_AGAIN = re.compile(
    r"(?:try again|retry|wait)[^.\d]{0,30}?"
    r"((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|hours?|h|minutes?|min|m|seconds?|sec|s)(?![a-z])\s*)+)",
    re.IGNORECASE,
)
_SCALE = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def wait(headers: Mapping[str, str], error: Mapping[str, Any], text: str, now: datetime) -> float | None:
    """Seconds to wait as the headers, the error's fields or its words say; ``None`` when nothing says."""
    metadata = error.get("metadata")
    inner = metadata.get("headers") if isinstance(metadata, Mapping) else None
    more = {str(key).lower(): str(value) for key, value in inner.items()} if isinstance(inner, Mapping) else {}
    fields = {key.lower(): value for key, value in headers.items()} | more
    found = (
        _number(fields.get("retry-after-ms", ""), 0.001),
        _moment(fields.get("retry-after", ""), now),
        _number(error.get("retry_after")),
        _retry_info(error),
        _words(text),
        _resets(fields, now),
    )
    return next((seconds for seconds in found if seconds is not None), None)


def words(seconds: float | None) -> str:
    """``seconds`` as a person says it."""
    if seconds is None or seconds < 2:
        return "a moment"
    if seconds < 90:
        return f"{math.ceil(seconds)} seconds"
    if seconds < 90 * 60:
        return f"{math.ceil(seconds / 60)} minutes"
    if seconds < 36 * 3600:
        return f"{math.ceil(seconds / 3600)} hours"
    return f"{math.ceil(seconds / 86_400)} days"


def _sane(seconds: float) -> float | None:
    return max(seconds, 0.0) if math.isfinite(seconds) and seconds < LONGEST else None


def _number(value: object, scale: float = 1.0) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return _sane(float(value) * scale)
    except (ValueError, OverflowError):
        return None


def _moment(value: str, now: datetime) -> float | None:
    """Of seconds, ``1m30s``, an epoch in seconds or milliseconds, an ISO or an HTTP date."""
    value = value.strip()
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        return _span(value) if value[0].isdigit() and _span(value) is not None else _date(value, now)
    if number > 1e11:
        return _sane(number / 1000 - now.timestamp())
    return _sane(number - now.timestamp()) if number > 1e9 else _sane(number)


def _date(value: str, now: datetime) -> float | None:
    from email.utils import parsedate_to_datetime  # with the first date that a server sends

    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value)
        except ValueError:
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
        return _sane((moment - now).total_seconds())
    return None


def _span(value: str) -> float | None:
    parts = _PARTS.findall(value)
    if not parts or _PARTS.sub("", value).strip():
        return None
    return _sane(sum(float(number) * _SCALE[unit] for number, unit in parts))


def _words(text: str) -> float | None:
    found = _TRY_AGAIN.search(text)
    if found is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", found[1].lower())
    return _sane(
        sum(float(number) * _SCALE["ms" if unit.startswith(("ms", "milli")) else unit[0]] for number, unit in parts)
    )


def _retry_info(error: Mapping[str, Any]) -> float | None:
    """Google's ``details: [{"retryDelay": "34s"}]``."""
    details = error.get("details")
    for one in details if isinstance(details, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("retryDelay"), str):
            return _span(one["retryDelay"])
    return None


def _resets(fields: Mapping[str, str], now: datetime) -> float | None:
    """Of the limits that are used up, the last to come back; of all, when none says that it is."""
    waits: list[float] = []
    spent: list[float] = []
    for name, value in fields.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        seconds = _moment(value, now)
        if seconds is not None:
            waits.append(seconds)
            if fields.get(name.replace("reset", "remaining"), "").strip() == "0":
                spent.append(seconds)
    return max(spent or waits, default=None)

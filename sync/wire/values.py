"""Single values on the wire: text, numbers, times and ids, validated and cleaned."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

TITLE_LENGTH, MODEL_LENGTH, COMPLETION_LENGTH, ID_LENGTH = 255, 100, 255, 255
PREVIEW_LENGTH = 200
LARGEST_INT, LARGEST = 2**31 - 1, 2**53
MOST_ATTACHMENTS, MOST_WEB_RESULTS = 3, 50
BATCH_OPS, BATCH_BYTES, MESSAGE_BYTES = 2000, 2**20, 2**20
"""Limits of a client's push. See docs/specification/sync-protocol.md#limits."""
PAGE = 20
ATTACHMENT_PIECE, MAX_ATTACHMENT = 512 * 1024, 50_000_000
"""Most bytes of one piece of an attached file, and of the whole."""
VERSION = 1

_SURROGATE = re.compile("[\ud800-\udfff]")
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class BadItem(ValueError):
    """Rejection of one item, with a short, stable word as its reason."""

    @property
    def word(self) -> str:
        """Return the reason."""
        return str(self.args[0])


def parse_time(value: Any) -> datetime | None:
    """Return a time on the wire in UTC, None for null. A time without a zone is UTC."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadItem("bad_timestamp")
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadItem("bad_timestamp") from None


def fixed_width_time(value: Any) -> str:
    """Return a time on the wire as text of fixed width: in UTC, with microseconds and Z."""
    time = parse_time(value)
    if time is None:
        raise BadItem("bad_timestamp")
    if _MILLISECONDS.fullmatch(value):
        return f"{value[:23]}000Z"
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def format_time(at: datetime) -> str:
    """Return a time as text with milliseconds and Z; with microseconds where it has any."""
    spec = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


def json_value(value: Any) -> Any:
    """Return the value, cleaned where it holds text that PostgreSQL cannot store."""
    if isinstance(value, str):
        return text(value, "bad_json")
    if isinstance(value, list | dict) and value:
        try:
            json_text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise BadItem("bad_json") from None
        if "\\u0000" in json_text or not is_storable(json_text):
            return clean_json(value)
    elif isinstance(value, float) and value - value != 0:
        raise BadItem("bad_json")
    return value


def clean_json(value: Any) -> Any:
    """Return a JSON value with every text cleaned, keys included. See docs/specification/decisions.md#clean-text."""
    if isinstance(value, str):
        return text(value, "bad_json")
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    if isinstance(value, dict):
        return {clean_json(key): clean_json(item) for key, item in value.items()}
    return value


def checked_id(value: Any) -> str:
    """Return an id unchanged. An id that would have to be cleaned is rejected."""
    if not isinstance(value, str) or not value:
        raise BadItem("missing_id")
    if len(value) > ID_LENGTH or not is_storable(value):
        raise BadItem("bad_id")
    return value


def text(value: Any, complaint: str) -> str:
    """Return text without NUL and lone surrogates. See docs/specification/decisions.md#clean-text."""
    if not isinstance(value, str):
        raise BadItem(complaint)
    if (value.isascii() and "\0" not in value) or is_storable(value):
        return value
    return _SURROGATE.sub("\ufffd", value.replace("\0", ""))


def is_clean_json(raw: bytes) -> bool:
    """Return whether no text of a JSON document in UTF-8 holds NUL or a surrogate, with one scan of its bytes.

    Only escapes can stand for either. A valid pair of surrogates is reported too.
    """
    return _SUSPECT.search(raw) is None


def is_storable(value: str) -> bool:
    """Return whether text is free of NUL and lone surrogates. Encoding finds the latter faster than a pattern."""
    if "\0" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def short_text(value: Any, limit: int | None, complaint: str, wrong: str | None = None) -> str | None:
    """Return text of at most ``limit`` characters, or None."""
    if value is None:
        return None
    result = text(value, wrong or complaint)
    if limit is not None and len(result) > limit:
        raise BadItem(complaint)
    return result


def count(value: Any, largest: int = LARGEST_INT) -> int:
    """Return a number that is not negative; null is 0."""
    if type(value) is int:
        if 0 <= value <= largest:
            return value
        raise BadItem("bad_number")
    if value is None or value is False:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or value < 0 or value > largest:
        raise BadItem("bad_number")
    return int(value)


def parse_digits(value: str) -> int:
    """Return a number in a header."""
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise BadItem("bad_header")
    return int(value)

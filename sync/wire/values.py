"""Single values on the wire: text, numbers, times and ids, checked and cleaned."""

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
"""Of a client's push. See docs/specification/sync-protocol.md#limits."""
PAGE = 20
VERSION = 1

_SURROGATE = re.compile("[\ud800-\udfff]")
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class BadItem(ValueError):
    """Why one item cannot be taken: a short, stable word."""

    @property
    def word(self) -> str:
        """The word."""
        return str(self.args[0])


def instant_of(value: Any) -> datetime | None:
    """A time on the wire, in UTC; None for null. A time without a zone is UTC."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadItem("bad_timestamp")
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadItem("bad_timestamp") from None


def moment(value: Any) -> str:
    """A time on the wire as text of fixed width: UTC, to the microsecond, and Z."""
    found = instant_of(value)
    if found is None:
        raise BadItem("bad_timestamp")
    if _MILLISECONDS.fullmatch(value):
        return f"{value[:23]}000Z"
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")


def written(at: datetime) -> str:
    """A time as we write it: milliseconds and Z; to the microsecond where it has any."""
    spec = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


def json_value(value: Any) -> Any:
    """The value itself where PostgreSQL keeps it; cleaned where it holds text that it does not."""
    if isinstance(value, str):
        return text(value, "bad_json")
    if isinstance(value, list | dict) and value:
        try:
            written_out = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise BadItem("bad_json") from None
        if "\\u0000" in written_out or not is_keepable(written_out):
            return cleaned(value)
    elif isinstance(value, float) and value - value != 0:
        raise BadItem("bad_json")
    return value


def cleaned(value: Any) -> Any:
    """A JSON value whose every text, keys included, is clean. See docs/specification/decisions.md#clean-text."""
    if isinstance(value, str):
        return text(value, "bad_json")
    if isinstance(value, list):
        return [cleaned(one) for one in value]
    if isinstance(value, dict):
        return {cleaned(key): cleaned(one) for key, one in value.items()}
    return value


def id_of(value: Any) -> str:
    """An id, as it is: one that would have to be changed is refused."""
    if not isinstance(value, str) or not value:
        raise BadItem("missing_id")
    if len(value) > ID_LENGTH or not is_keepable(value):
        raise BadItem("bad_id")
    return value


def text(value: Any, complaint: str) -> str:
    """Text without NUL and half characters. See docs/specification/decisions.md#clean-text."""
    if not isinstance(value, str):
        raise BadItem(complaint)
    if (value.isascii() and "\0" not in value) or is_keepable(value):
        return value
    return _SURROGATE.sub("\ufffd", value.replace("\0", ""))


def is_clean_json(raw: bytes) -> bool:
    """Return whether no text of a JSON document in UTF-8 holds NUL or half a character: one scan for all of it.

    Only escapes can stand for either; a pair of halves that is a whole character is told apart by nobody here.
    """
    return _SUSPECT.search(raw) is None


def is_keepable(value: str) -> bool:
    """Return whether text is free of NUL and half characters. Encoding finds the latter faster than a pattern does."""
    if "\0" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def short(value: Any, limit: int | None, complaint: str, wrong: str | None = None) -> str | None:
    """Text of ``limit`` characters at most, or null."""
    if value is None:
        return None
    found = text(value, wrong or complaint)
    if limit is not None and len(found) > limit:
        raise BadItem(complaint)
    return found


def count(value: Any, largest: int = LARGEST_INT) -> int:
    """A number that is not negative; null is 0."""
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


def digits(told: str) -> int:
    """A number in a header."""
    if not told.isascii() or not told.isdigit() or len(told) > 18:
        raise BadItem("bad_header")
    return int(told)

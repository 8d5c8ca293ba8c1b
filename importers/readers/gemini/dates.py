"""Dates as Google's HTML writes them: in the language of the account, with the name of a zone."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timezone, tzinfo
from functools import lru_cache
from typing import Any

from ...times import moment, naive_moment

_PARTS = re.compile(r"(.*?)(\d{1,2})[:.](\d{2})[:.](\d{2})(?!\d)\s*([AaPp]\.?\s?[Mm]\b\.?)?(.*)", re.DOTALL)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_EAST_ASIAN = re.compile(r"(\d+)\s*[年.]\s*(\d+)\s*[月.]\s*(\d+)\s*[日.]")
_LONGEST = 90


@lru_cache(maxsize=65536)
def date_of(line: str, language: str) -> datetime | None:
    """Return the time of a line that is a date and nothing else; None for any other line."""
    line = re.sub(r"\s+", " ", line).strip()
    found = _PARTS.fullmatch(line) if len(line) <= _LONGEST else None
    if not found or not _YEAR.search(found[1]):
        return None
    day, hour, minute, second, half, rest = found.groups()
    day = _EAST_ASIAN.sub(r"\1-\2-\3", day)
    parsed = _parsed(f"{day.strip(' ,')} {hour}:{minute}:{second} {half or ''}".strip(), language)
    if parsed is None:
        return None
    zone = _zone(rest.strip(" ()"))
    return moment(parsed.replace(tzinfo=zone)) if zone else naive_moment(parsed.replace(tzinfo=None))


def _parsed(written: str, language: str) -> datetime | None:
    ways: list[dict[str, Any]] = [{"languages": [language.partition("-")[0].lower() or "en"]}, {"languages": ["en"]}]
    if "-" in language:
        ways.insert(0, {"locales": [language]})  # it decides which of 02/03 is the month
    for way in ways:
        if (found := _understood(written, way)) is not None:
            return found
    return None


def _understood(written: str, way: dict[str, Any]) -> datetime | None:
    import dateparser

    with suppress(ValueError, OverflowError, TypeError):
        found = dateparser.parse(written, settings={"REQUIRE_PARTS": ["day", "month", "year"]}, **way)
        return found if isinstance(found, datetime) else None
    return None


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    """Return the zone of a name such as CET or GMT+2; None for one that is unknown."""
    found = _understood(f"2026-01-01 00:00:00 {name}", {"languages": ["en"]}) if name else None
    offset = found.utcoffset() if found else None
    return timezone(offset) if offset is not None else None

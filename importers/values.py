"""Typed access to JSON of other programs, in which anything may be anything.

Each function returns its type's empty value where it finds another type, so that a reader needs no checks of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from .spilled import SpilledList, SpilledMap

_LARGEST = 2**53


def text(value: object) -> str:
    """Return a text; empty where ``value`` is none."""
    return value if isinstance(value, str) else ""


def identifier(value: object) -> str:
    """Return an id as text; some programs number theirs."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 128 else ""


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object; empty where ``value`` is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return a JSON array; empty where ``value`` is none."""
    return value if isinstance(value, list) else []


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON array, without its other members."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def one_or_more(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON array, or a value that is no array as the only one."""
    return mappings(value) if isinstance(value, list) else [mapping(value)]


def large_mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object that may lie in a file; empty where ``value`` is none."""
    return value if isinstance(value, dict | SpilledMap) else {}


def each_mapping(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array that may lie in a file, without its other members."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list | SpilledList) else iter(())


def texts(value: object) -> list[str]:
    """Return the texts of a JSON array, without its other members."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def at(value: object, *path: str) -> Any:
    """Return what stands in nested objects under these keys; None where one is missing."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def count(value: object) -> int:
    """Return a whole number from 0, also of a text or a float; 0 where ``value`` is none or out of range."""
    number = amount(value)
    return int(number) if number is not None and 0 <= number < _LARGEST else 0


def amount(value: object) -> float | None:
    """Return a finite number, also of a text; None where ``value`` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def flag(value: object) -> bool:
    """Return whether ``value`` means yes: true, 1, or ``"true"``."""
    return value is True or (isinstance(value, int | str) and value in {1, "1", "true", "True"})


def parsed(value: object) -> Any:
    """Return the JSON value that a text contains; the text itself where it is none."""
    if isinstance(value, str):
        try:
            return json.loads(value, strict=False)
        except (ValueError, RecursionError):
            pass
    return value


def chosen(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the named entries of an object that say something: not null, false, zero or empty."""
    return {name: found for name in names if (found := value.get(name))}

"""Types of values in config.toml, and what may be sent as a parameter of a request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Value = str | bool | int | float | tuple[str, ...] | Mapping[str, Any] | None

RESERVED = ("model", "messages", "stream")
"""Parameters of a request that no setting may replace or leave out."""
REQUEST_PARAMETERS = ("temperature", "max_tokens", "reasoning_effort")
"""Parameters of a request that are settings of their own, in general, of a persona and of a conversation."""
OMITTABLE = ("temperature", "max_tokens", "max_completion_tokens", "reasoning_effort", "stream_options")
"""Parameters that Sterna itself may send, to recognize a misspelt one."""


class Kind(NamedTuple):
    """Type of a value: a phrase for sentences, and a function that returns the value, or ``None`` for another type."""

    phrase: str
    convert: Callable[[object], Value]


def _text(value: object) -> Value:
    return value if isinstance(value, str) else None


def _url(value: object) -> Value:
    if not isinstance(value, str):
        return None
    scheme, separator, rest = value.strip().partition("://")
    return value.strip() if separator and scheme in ("http", "https") and rest.strip("/") and rest[0] != "/" else None


def _boolean(value: object) -> Value:
    return value if isinstance(value, bool) else None


def _integer(value: object) -> Value:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _texts(value: object) -> Value:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def _keys(value: object) -> Value:
    """Return a key, or several of a list joined by commas as Textual's key maps have them; "" stands for none."""
    if isinstance(value, str):
        return value
    keys = _texts(value)
    return ",".join(keys) if isinstance(keys, tuple) else None


def _table(value: object) -> Value:
    if isinstance(value, Mapping) and all(isinstance(item, str) for pair in value.items() for item in pair):
        return MappingProxyType(dict(value))
    return None


def _values(value: object) -> Value:
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) and unsendable(value) is None else None


def _omitted(value: object) -> Value:
    names = _texts(value)
    return names if isinstance(names, tuple) and unomittable(names) is None else None


TEXT = Kind("text in quotes", _text)
URL = Kind("an address that begins with http:// or https://", _url)
BOOLEAN = Kind("true or false", _boolean)
INTEGER = Kind("a whole number", _integer)
NUMBER = Kind("a number", _number)
TEXTS = Kind('a list of texts, as in ["a", "b"]', _texts)
OMITTED = Kind('a list of names of parameters, as in ["temperature"]', _omitted)
KEYS = Kind('a key in quotes, as in "ctrl+n", or a list of them', _keys)
VALUES = Kind("a table, as in { top_p = 0.9 }", _values)
TABLE = Kind('a table of texts, as in { "X-Team" = "blue" }', _table)


def unsendable(values: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Return path and reason of the first of ``values`` that cannot be added to a request; None if all can."""
    for name in RESERVED:
        if name in values:
            return (name,), "cannot be set here: Sterna sends it itself."
    return next(((path, "has to be a finite number.") for path, value in _inner(values) if _infinite(value)), None)


def unomittable(names: Iterable[str]) -> str | None:
    """Return why one of ``names`` cannot be left out of a request; None if all can."""
    for name in names:
        if name == "stream":
            return 'cannot name "stream": to get replies in one piece, set stream = false.'
        if name in RESERVED:
            return f'cannot name "{name}", which every request needs.'
        if not name.strip():
            return "has an empty name."
        if name not in OMITTABLE and (near := nearest(name, OMITTABLE, 0.85)) is not None:
            return f'names "{name}". Did you mean "{near}"?'
    return None


def _inner(value: object, path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], object]]:
    """Yield every value inside tables and lists, with the keys of the tables above it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _inner(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _inner(item, path)
    else:
        yield path, value


def _infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the one of ``names`` that was probably meant; None if none is similar."""
    import difflib  # needed for a misspelt name only

    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=cutoff)
    return matches[0] if matches else None

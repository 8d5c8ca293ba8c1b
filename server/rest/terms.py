"""Terms of a query of ``/rest/v1``: fields, columns, filters and order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .errors import RestError

MAX_ITEMS = 200
"""Maximum number of columns, of filters, or of values of one ``in``."""
MAX_STEPS = 16
"""Maximum number of steps into one JSON value."""
MAX_NAME = 63
"""Bytes of an identifier of PostgreSQL."""

NAME = r'"(?:[^"\\]|\\.)+"|(?:[\w$ ]|-(?!>))+'
PATH = r"(?:->>?(?:[\w$ ]|-(?!>))+)*"
FIELD = re.compile(rf"(?P<name>{NAME})(?P<path>{PATH})")
STEP = re.compile(r"(->>?)((?:[\w$ ]|-(?!>))+)")


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or a value inside a JSON column."""

    name: str
    path: tuple[tuple[str, str], ...] = ()
    """Steps into JSON: the arrow, and a key or an index."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of ``select``."""

    field: Field
    alias: str
    cast: str = ""


EVERYTHING = Item(Field("*"), "*")
"""``*`` among other entries, for every column."""


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison of a field."""

    field: Field
    operator: str
    value: str | tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Tests of which all (``and``) or one (``or``) must hold."""

    kind: Literal["and", "or"]
    members: tuple[Test | Group, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order."""

    field: Field
    descending: bool = False
    nulls_first: bool | None = None
    """None for PostgreSQL's default: first when descending."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    select: tuple[Item, ...] | None = None
    """None for every column."""
    where: tuple[Test | Group, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def field_of(match: re.Match[str]) -> Field:
    """Return the field in a match of FIELD, or of a pattern with its groups. Raises RestError."""
    steps = tuple((step[1], step[2]) for step in STEP.finditer(match["path"]))
    if len(steps) > MAX_STEPS:
        raise RestError(400, "PGRST100", f"a JSON path can have at most {MAX_STEPS} steps")
    return Field(unquoted(match["name"]), steps)


def unquoted(name: str) -> str:
    """Return a name without its quotes."""
    return unescaped(name[1:-1]) if name.startswith('"') else name.strip()


def unescaped(text: str) -> str:
    """Return text without its backslashes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)

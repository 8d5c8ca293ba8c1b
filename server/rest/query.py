"""Parser of the query string of ``/rest/v1``: columns, filters, order and page.

The grammar is PostgREST's; unsupported parts (embedded resources, aggregates, full-text and range operators) are
refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import RestError, unparsed
from .filters import LogicParser, filter_of
from .terms import (
    EVERYTHING,
    FIELD,
    MAX_ITEMS,
    MAX_NAME,
    NAME,
    PATH,
    Group,
    Item,
    Order,
    Query,
    Test,
    field_of,
    unquoted,
)

CASTS = frozenset({
    "bigint", "bool", "boolean", "date", "float4", "float8", "int", "int2", "int4", "int8", "integer", "json", "jsonb",
    "numeric", "real", "smallint", "text", "time", "timestamp", "timestamptz", "uuid", "varchar",
})  # fmt: skip

ITEM = re.compile(rf"(?:(?P<alias>{NAME}):(?!:))?(?P<name>{NAME})(?P<path>{PATH})(?:::(?P<cast>\w+))?")
CALL = re.compile(r"\.?\w+\(\)$")


def parse(pairs: Iterable[tuple[str, str]]) -> Query:
    """Return the query of a query string. Raises RestError."""
    select: tuple[Item, ...] | None = None
    where: list[Test | Group] = []
    order: tuple[Order, ...] = ()
    limit, offset = None, 0
    for key, value in pairs:
        if key == "select":
            select = _select(value)
        elif key == "order":
            order = tuple(_order(part) for part in _split(value, "order"))
        elif key == "limit":
            limit = _number(key, value)
        elif key == "offset":
            offset = _number(key, value)
        elif key in ("and", "or", "not.and", "not.or"):
            where.append(LogicParser(value).group(key))
        elif key in ("columns", "on_conflict"):
            raise RestError(400, "PGRST100", f"{key} is for writes, which are not supported here")
        else:
            where.append(filter_of(key, value))
    if len(where) > MAX_ITEMS:
        raise RestError(400, "PGRST100", f"a query can have at most {MAX_ITEMS} filters")
    return Query(select, tuple(where), order, limit, offset)


def _select(text: str) -> tuple[Item, ...] | None:
    items: list[Item] = []
    parts = _split(text, "select parameter")
    for part in parts:
        if part == "*":
            items.append(EVERYTHING)
            continue
        if "(" in part:
            raise _not_a_column(part)
        match = ITEM.fullmatch(part)
        if match is None:
            raise unparsed("select parameter", part)
        field = field_of(match)
        last = field.path[-1][1] if field.path else field.name
        alias = unquoted(match["alias"]) if match["alias"] else last
        if len(alias.encode()) > MAX_NAME or "%" in alias:
            raise unparsed("select parameter", part)
        cast = match["cast"] or ""
        if cast and cast not in CASTS:
            raise RestError(400, "42704", f'type "{cast}" does not exist', hint=f"Casts: {', '.join(sorted(CASTS))}.")
        items.append(Item(field, alias, cast))
    return None if items == [EVERYTHING] else tuple(items)


def _not_a_column(part: str) -> RestError:
    if CALL.search(part):
        return RestError(400, "PGRST123", "Use of aggregate functions is not allowed")
    name = re.split(r"[!(:]", part.removeprefix("..."), maxsplit=1)[0]
    return RestError(
        400,
        "PGRST200",
        f"Could not find a relationship to '{name[:MAX_NAME]}' in the schema cache",
        hint="Embedded resources are not served. Read each table by itself.",
    )


def _order(part: str) -> Order:
    match = FIELD.match(part)
    words = part[match.end() :].split(".")[1:] if match else ["?"]
    if match is None or part[match.end() : match.end() + 1] not in ("", "."):
        raise unparsed("order", part)
    descending = nulls_first = None
    for word in words:
        if word in ("asc", "desc") and descending is None and nulls_first is None:
            descending = word == "desc"
        elif word in ("nullsfirst", "nullslast") and nulls_first is None:
            nulls_first = word == "nullsfirst"
        else:
            raise unparsed("order", part)
    return Order(field_of(match), bool(descending), nulls_first)


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise unparsed(f"{name} parameter", text)
    if int(text) < 0:
        word = name.capitalize()
        raise RestError(
            416, "PGRST103", "Requested range not satisfiable", f"{word} should be greater than or equal to zero."
        )
    return int(text)


def _split(text: str, parameter: str) -> list[str]:
    """Split at commas outside of quotes and parentheses."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and not quoted and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    if quoted or depth:
        raise unparsed(parameter, text)
    if last := text[start:].strip():
        parts.append(last)
    elif parts:
        raise unparsed(parameter, text)
    if len(parts) > MAX_ITEMS:
        raise RestError(400, "PGRST100", f"a query can have at most {MAX_ITEMS} columns")
    return parts

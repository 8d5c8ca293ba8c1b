"""Filters of ``/rest/v1``: ``column=op.value``, and trees of ``and`` and ``or``."""

from __future__ import annotations

import re

from .errors import RestError, unparsed
from .terms import FIELD, MAX_ITEMS, MAX_NAME, Field, Group, Test, field_of, unescaped

MAX_DEPTH = 8
"""Nesting of ``and`` and ``or``."""

COMPARISONS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
PATTERNS = {"like": "like", "ilike": "ilike"}
IS_VALUES = ("null", "not_null", "true", "false", "unknown")

OPERATION = re.compile(r"(not\.)?([a-z]+)\.(.*)", re.DOTALL)
LISTED = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,()"]*)', re.DOTALL)


def filter_of(key: str, value: str) -> Test:
    """Return the filter of one parameter. Raises RestError."""
    match = FIELD.fullmatch(key)
    if match is None:
        resource = key.partition(".")[0]
        if "." in key and resource:
            raise RestError(
                400,
                "PGRST108",
                f"'{resource[:MAX_NAME]}' is not an embedded resource in this request",
                hint="Embedded resources are not served. Read each table by itself.",
            )
        raise unparsed("filter", key)
    return _test(field_of(match), value)


def _test(field: Field, text: str) -> Test:
    match = OPERATION.fullmatch(text)
    if match is None:
        raise unparsed("filter", text)
    negated, operator, value = bool(match[1]), match[2], match[3]
    if operator in COMPARISONS or operator in PATTERNS or operator == "isdistinct":
        return Test(field, operator, value, negated)
    if operator == "is" and value.lower() in IS_VALUES:
        return Test(field, operator, value.lower(), negated)
    if operator == "in" and value.startswith("(") and value.endswith(")"):
        return Test(field, operator, _listed(value[1:-1]), negated)
    raise unparsed("filter", text)


def _listed(text: str) -> tuple[str, ...]:
    values: list[str] = []
    at = 0
    while text:
        match = LISTED.match(text, at)
        end = match.end() if match else at
        if match is None or (end < len(text) and text[end] != ","):
            raise unparsed("filter", text)
        values.append(unescaped(match[1]) if match[1] is not None else match[2])
        if len(values) > MAX_ITEMS:
            raise RestError(400, "PGRST100", f"a list can have at most {MAX_ITEMS} values")
        if end == len(text):
            break
        at = end + 1
    return tuple(values)


class LogicParser:
    """Parser of the value of ``and`` and ``or``: ``(a.eq.1,not.or(b.is.null,c.in.(1,2)))``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._count = 0

    def group(self, kind: str) -> Group:
        """Return the whole of the text as a group."""
        group = self._group(kind, 1)
        if self._at != len(self._text):
            raise self._error()
        return group

    def _group(self, kind: str, depth: int) -> Group:
        if depth > MAX_DEPTH:
            raise RestError(400, "PGRST100", f"and, or can be nested at most {MAX_DEPTH} levels deep")
        self._take("(")
        members = [self._member(depth)]
        while self._peek() == ",":
            self._at += 1
            members.append(self._member(depth))
        self._take(")")
        negated, word = kind.startswith("not."), kind.removeprefix("not.")
        return Group("and" if word == "and" else "or", tuple(members), negated)

    def _member(self, depth: int) -> Test | Group:
        self._count += 1
        if self._count > MAX_ITEMS:
            raise RestError(400, "PGRST100", f"a query can have at most {MAX_ITEMS} filters")
        for kind in ("and", "or", "not.and", "not.or"):
            if self._text.startswith(kind + "(", self._at):
                self._at += len(kind)
                return self._group(kind, depth + 1)
        match = FIELD.match(self._text, self._at)
        if match is None or not self._text.startswith(".", match.end()):
            raise self._error()
        self._at = match.end() + 1
        return _test(field_of(match), self._operation())

    def _operation(self) -> str:
        """Return ``op.value``; a quoted value may contain separators."""
        start = self._at
        while (letter := self._peek()) not in (",", ")", ""):
            if letter == '"' and self._text[self._at - 1] == ".":
                operator = self._text[start : self._at]
                match = LISTED.match(self._text, self._at)
                if match is None or match[1] is None:
                    raise self._error()
                self._at = match.end()
                return operator + unescaped(match[1])
            if letter == "(":
                self._skip_list()
            else:
                self._at += 1
        return self._text[start : self._at]

    def _skip_list(self) -> None:
        quoted = False
        while (letter := self._peek()) != ")" or quoted:
            if not letter:
                raise self._error()
            self._at += 2 if quoted and letter == "\\" else 1
            quoted ^= letter == '"'
        self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, letter: str) -> None:
        if self._peek() != letter:
            raise self._error()
        self._at += 1

    def _error(self) -> RestError:
        return unparsed("logic tree", self._text)

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
    found = FIELD.fullmatch(key)
    if found is None:
        resource = key.partition(".")[0]
        if "." in key and resource:
            raise RestError(
                400,
                "PGRST108",
                f"'{resource[:MAX_NAME]}' is not an embedded resource in this request",
                hint="Embedded resources are not served. Read each table by itself.",
            )
        raise unparsed("filter", key)
    return _test(field_of(found), value)


def _test(field: Field, text: str) -> Test:
    found = OPERATION.fullmatch(text)
    if found is None:
        raise unparsed("filter", text)
    negated, operator, value = bool(found[1]), found[2], found[3]
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
        found = LISTED.match(text, at)
        end = found.end() if found else at
        if found is None or (end < len(text) and text[end] != ","):
            raise unparsed("filter", text)
        values.append(unescaped(found[1]) if found[1] is not None else found[2])
        if len(values) > MAX_ITEMS:
            raise RestError(400, "PGRST100", f"at most {MAX_ITEMS} values are taken in one list")
        if end == len(text):
            break
        at = end + 1
    return tuple(values)


class LogicParser:
    """Parser of the value of ``and`` and ``or``: ``(a.eq.1,not.or(b.is.null,c.in.(1,2)))``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._seen = 0

    def group(self, kind: str) -> Group:
        """Return the whole of the text as a group."""
        found = self._group(kind, 1)
        if self._at != len(self._text):
            raise self._error()
        return found

    def _group(self, kind: str, depth: int) -> Group:
        if depth > MAX_DEPTH:
            raise RestError(400, "PGRST100", f"at most {MAX_DEPTH} levels of and, or are taken")
        self._take("(")
        members = [self._member(depth)]
        while self._peek() == ",":
            self._at += 1
            members.append(self._member(depth))
        self._take(")")
        negated, word = kind.startswith("not."), kind.removeprefix("not.")
        return Group("and" if word == "and" else "or", tuple(members), negated)

    def _member(self, depth: int) -> Test | Group:
        self._seen += 1
        if self._seen > MAX_ITEMS:
            raise RestError(400, "PGRST100", f"at most {MAX_ITEMS} filters are taken")
        for kind in ("and", "or", "not.and", "not.or"):
            if self._text.startswith(kind + "(", self._at):
                self._at += len(kind)
                return self._group(kind, depth + 1)
        found = FIELD.match(self._text, self._at)
        if found is None or not self._text.startswith(".", found.end()):
            raise self._error()
        self._at = found.end() + 1
        return _test(field_of(found), self._operation())

    def _operation(self) -> str:
        """Return ``op.value``, where a value in quotes may hold what otherwise ends it."""
        start = self._at
        while (letter := self._peek()) not in (",", ")", ""):
            if letter == '"' and self._text[self._at - 1] == ".":
                head = self._text[start : self._at]
                found = LISTED.match(self._text, self._at)
                if found is None or found[1] is None:
                    raise self._error()
                self._at = found.end()
                return head + unescaped(found[1])
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

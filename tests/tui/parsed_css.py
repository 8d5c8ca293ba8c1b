"""Style sheets parsed once in a process for all the applications that tests start: parsing took much of their time."""

from __future__ import annotations

from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parsed: dict[tuple[Any, ...], list[RuleSet]] = {}
_parse = Stylesheet._parse_rules


def parse_once(sheet: Stylesheet, css: str, read_from: Any, *more: Any, **named: Any) -> list[RuleSet]:
    """Return the rules of ``css`` under the theme's variables, as ``Stylesheet._parse_rules`` does."""
    key = (css, read_from, more, *named.items(), frozenset(sheet._variables.items()))
    if key not in _parsed:
        _parsed[key] = _parse(sheet, css, read_from, *more, **named)
    return _parsed[key]

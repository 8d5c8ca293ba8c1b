"""Sentences about the arguments of a call that do not fit, in place of the messages of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from sterna.storage import one_line

KINDS = {"int": "a whole number", "string": "a text", "bool": "true or false"}


def mistakes(tool: str, error: ValidationError, known: Sequence[str]) -> str:
    """Return sentences about what is wrong with the arguments, and which ones the tool takes."""
    parts = list(dict.fromkeys(_mistake(tool, each) for each in error.errors(include_url=False)))
    return f"{' '.join(parts)} {tool} takes: {', '.join(known)}."


def _mistake(tool: str, error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"][:1])
    kind = str(error["type"])
    if kind == "missing":
        return f"{tool} needs {name}."
    given = one_line(str(error.get("input")), 60)
    if kind == "literal_error":
        allowed = str(error.get("ctx", {}).get("expected", "")).replace("'", "")
        return f"{name} has to be {allowed}, not “{given}”."
    expected = KINDS.get(kind.partition("_")[0])
    return f"{name} has to be {expected}, not “{given}”." if expected else f"{name} cannot be “{given}”."

"""Definitions of tools as a server lists them, checked, bounded and given names that every provider takes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sterna.config import McpServerSettings

from .plain_text import plain, plain_line
from .states import OfferedTool

SEPARATOR = "__"
MAX_NAME = 64
MOST_TOOLS = 100
"""Most tools of one server: no provider takes more than 128 in one request."""
LONGEST_DESCRIPTION = 4_000
LARGEST_SCHEMA = 50_000
"""Characters of one tool's parameters as JSON."""
ALL_SCHEMAS = 400_000
DEEPEST = 30
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


class Listed(NamedTuple):
    """Tool as a server describes it."""

    name: str
    title: str
    description: str
    schema: Any
    changes_nothing: bool = False


class Definitions(NamedTuple):
    """Tools of one server, and what is left out of them."""

    tools: tuple[OfferedTool, ...]
    problem: str = ""


def definitions(server: str, source: str, listed: Iterable[Listed], wanted: Sequence[str] = ()) -> Definitions:
    """Return the tools of a server, of ``wanted`` ones only if any are named."""
    tools: list[OfferedTool] = []
    names: set[str] = set()
    seen: set[str] = set()
    size = 0
    refused: list[str] = []
    is_cut = False
    for each in listed:
        if (wanted and each.name not in wanted) or each.name in seen:
            continue
        seen.add(each.name)
        schema, length = _schema(each.schema)
        if schema is None or not each.name.strip():
            refused.append(plain_line(each.name, 40) or "a tool without a name")
            continue
        if len(tools) >= MOST_TOOLS or size + length > ALL_SCHEMAS:
            is_cut = True
            continue
        size += length
        name = tool_name(server, each.name, names)
        names.add(name)
        description = plain(each.description[: LONGEST_DESCRIPTION * 2])[:LONGEST_DESCRIPTION].strip()
        title = plain_line(each.title or each.name, 80)
        tools.append(OfferedTool(name, title, description, schema, each.name, source, each.changes_nothing))
    return Definitions(tuple(tools), _problem(server, len(tools), is_cut, refused, set(wanted) - seen))


def tool_name(server: str, tool: str, taken: Iterable[str] = ()) -> str:
    """Return the name of a server's tool: letters, digits, ``_`` and ``-``, at most 64, not in ``taken``."""
    plain_name = _OTHER.sub("_", plain(tool[:500]))
    plain_name = plain_name if plain_name == tool else plain_name.strip("_") or "tool"
    name = f"{server}{SEPARATOR}{plain_name}"
    if plain_name == tool and len(name) <= MAX_NAME and name not in taken:
        return name
    mark = hashlib.sha256(tool.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{name[: MAX_NAME - len(mark) - 1]}_{mark}"


def source_of(server: McpServerSettings) -> str:
    """Return a hash of what answers the calls of a server, which may have secrets in it."""
    return _hash((server.command, server.args, server.cwd, server.url))


def fingerprint(tool: OfferedTool) -> str:
    """Return a hash of what the person sees of a tool when allowing it, and of what answers its calls."""
    return _hash((tool.name, tool.original, tool.source, tool.description, tool.parameters))


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def _schema(given: Any) -> tuple[Mapping[str, Any] | None, int]:
    """Return the schema of an object with plain texts, and its length; None for one that cannot be sent."""
    try:
        schema = _plain(given if given else {}, 0)
        if not isinstance(schema, dict) or schema.get("type", "object") != "object":
            return None, 0
        schema = {"type": "object", "properties": {}, **schema}
        length = len(json.dumps(schema, allow_nan=False))
    except (ValueError, TypeError):
        return None, 0
    return (schema, length) if length <= LARGEST_SCHEMA and isinstance(schema["properties"], dict) else (None, 0)


def _plain(value: Any, depth: int) -> Any:
    """Return a JSON value with plain texts. Raises ValueError for one that is nested too deep."""
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        return {plain(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    return plain(value) if isinstance(value, str) else value


def _problem(server: str, count: int, is_cut: bool, refused: Sequence[str], missing: Iterable[str]) -> str:
    sentences = []
    if is_cut:
        sentences.append(
            f"{server} has more than {count} tools, of which the first can be chosen. "
            f"Name others under tools in [mcp.{server}]."
        )
    if refused:
        sentences.append(f"{server} defines {_listed(refused)} in a way that no model can be told.")
    if absent := sorted(missing):
        sentences.append(f"{server} has no tool {_listed(absent)}. Correct tools in [mcp.{server}].")
    return " ".join(sentences)


def _listed(names: Sequence[str]) -> str:
    shown = [plain_line(name, 40) for name in names[:3]]
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown):,} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]

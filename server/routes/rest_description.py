"""Parameters and responses of ``/rest/v1`` for the document at /openapi.json."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ..rest.errors import PostgrestError
from ..rest.preferences import CSV, JSON, OBJECT


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


TREE = {"type": "string", "pattern": r"^\(.+\)$"}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}

MODIFIERS = [
    _query("select", "Columns: `title,at:updated_at::date,metadata->>source`; `*` for all.", {"type": "string"}),
    _query("order", "Columns: `updated_at.desc.nullslast,id`.", {"type": "string"}),
    _query("limit", "Maximum number of rows, up to 1,000.", NUMBER),
    _query("offset", "Rows to skip.", NUMBER),
    _query("and", "Filters that must all match: `(message_count.gt.1,or(title.eq.a,title.is.null))`.", TREE),
    _query("or", "Filters of which one must match.", TREE),
    {
        "name": "filters",
        "in": "query",
        "required": False,
        "style": "form",
        "explode": True,
        "description": "Any column: `title=ilike.*heap*`. Operators: eq, neq, gt, gte, lt, lte, in, is, like, ilike, "
        "isdistinct, each optionally after `not.`.",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    _header("Range", "Rows: `0-24`."),
    _header("Prefer", "`count=exact` adds the number of all rows to Content-Range."),
]


def page_responses(description: str) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of an endpoint that returns a page."""
    row = {"type": "object", "additionalProperties": True}
    content = {
        JSON: {"schema": {"title": "Rows"}},
        OBJECT: {"schema": row},
        CSV: {"schema": {"type": "string"}},
    }
    return {
        200: {"description": description, "content": content},
        206: {"description": "A part of the rows, if a count was requested.", "content": content},
    }


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of these errors, in PostgREST's format."""
    return {status: {"model": PostgrestError, "description": HTTPStatus(status).phrase} for status in statuses}

"""Responses of ``/rest/v1``: the result of a statement as JSON, one object or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from fastapi import Response
from psycopg import Error

from ..database.pool import Connection
from .errors import RestError, of_database
from .preferences import CSV, OBJECT, Preferences
from .statement import MAX_BYTES, Statement

SECONDS = 8.0
"""Time limit of one statement."""

HINT_TOO_LARGE = "Select fewer columns, or fewer rows with limit. GET /api/user/export returns everything."

READ_ONLY = "set transaction read only"


async def page_of(db: Connection, statement: Statement, *, read_only: bool) -> Page:
    """Run a statement in the caller's transaction. Raises RestError for errors that the caller caused."""
    text = statement.text
    try:
        if read_only:
            await db.execute(READ_ONLY)
        rows = await (await db.execute(text, statement.values)).fetchall()
    except Error as error:
        # psycopg counts limits of a statement (class 54) among the errors of a connection
        rest_error = of_database(error)
        if rest_error is None:
            raise
        if rest_error.code == "54000":
            rest_error = RestError(
                413,
                "54000",
                "The request needs more memory than the server allows.",
                rest_error.message,
                HINT_TOO_LARGE,
            )
        raise rest_error from None
    page = [row["row"] for row in rows if row["bytes"] is not None]
    if None in page:
        raise RestError(
            413, "54000", f"The response is larger than {MAX_BYTES // 1024 // 1024} MiB.", hint=HINT_TOO_LARGE
        )
    return Page(page, rows[0]["total"], statement.headers)


class Page:
    """Rows as JSON text, with the total count."""

    def __init__(self, rows: list[str], total: int | None, headers: list[str]) -> None:
        self.rows = rows
        self.total = total
        self._headers = headers

    def response(self, preferences: Preferences, offset: int, *, is_set: bool) -> Response:
        """Return the response. Raises RestError if an object is requested and there is not exactly one row."""
        status, headers = self._range(offset)
        if preferences.applied:
            headers["Preference-Applied"] = preferences.applied
        if preferences.media_type == OBJECT and len(self.rows) != 1:
            raise RestError(
                406,
                "PGRST116",
                "Cannot coerce the result to a single JSON object",
                f"The result contains {len(self.rows)} rows",
            )
        if preferences.media_type == CSV:
            return Response(self._csv(), status, headers, "text/csv; charset=utf-8")
        if preferences.media_type == OBJECT or not is_set:
            body = self.rows[0] if self.rows else "null"
            kind = f"{preferences.media_type}; charset=utf-8"
        else:
            body, kind = f"[{','.join(self.rows)}]", "application/json; charset=utf-8"
        return Response(body, status, headers, kind)

    def _range(self, offset: int) -> tuple[int, dict[str, str]]:
        total = "*" if self.total is None else str(self.total)
        shown = f"{offset}-{offset + len(self.rows) - 1}" if self.rows else "*"
        if self.total is not None and offset and offset >= self.total:
            raise RestError(
                416,
                "PGRST103",
                "Requested range not satisfiable",
                f"An offset of {offset} was requested, but there are only {self.total} rows.",
            )
        is_part = self.total is not None and len(self.rows) < self.total
        return 206 if is_part else 200, {"Content-Range": f"{shown}/{total}"}

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self._headers)
        for row in self.rows:
            values: list[Any] = json.loads(row)
            writer.writerow(["" if value is None else value for value in values])
        return out.getvalue()

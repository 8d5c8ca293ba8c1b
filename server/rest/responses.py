"""Answers of ``/rest/v1``: a statement run under row security, and its page as JSON, one object or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from fastapi import Response
from psycopg import Error

from ..database.pool import UNREACHABLE, Connection
from .errors import RestError, of_database
from .preferences import CSV, OBJECT, Wishes
from .statement import MAX_BYTES, Statement

SECONDS = 8.0
"""How long one statement may take."""

READ_ONLY = "set transaction read only"


async def page_of(db: Connection, statement: Statement, *, read_only: bool) -> Page:
    """Run the statement in the caller's transaction. Raises RestError for what the caller did wrong."""
    text = statement.text
    try:
        if read_only:
            await db.execute(READ_ONLY)
        rows = await (await db.execute(text, statement.values)).fetchall()
    except UNREACHABLE:
        raise
    except Error as error:
        found = of_database(error)
        if found is None:
            raise
        raise found from None
    told = [row["row"] for row in rows if row["bytes"] is not None]
    if None in told:
        raise RestError(
            413,
            "54000",
            f"The answer is larger than {MAX_BYTES // 1024 // 1024} MiB.",
            hint="Ask for fewer columns, or for fewer rows with limit. GET /api/user/export has everything.",
        )
    return Page(told, rows[0]["total"], statement.headers)


class Page:
    """Rows as JSON text, and how many there are in all."""

    def __init__(self, rows: list[str], total: int | None, headers: list[str]) -> None:
        self.rows = rows
        self.total = total
        self._headers = headers

    def answer(self, wishes: Wishes, offset: int, *, is_set: bool) -> Response:
        """Return the answer. Raises RestError where one object was asked for and there is not one."""
        status, headers = self._range(offset)
        if wishes.applied:
            headers["Preference-Applied"] = wishes.applied
        if wishes.media_type == OBJECT and len(self.rows) != 1:
            raise RestError(
                406,
                "PGRST116",
                "Cannot coerce the result to a single JSON object",
                f"The result contains {len(self.rows)} rows",
            )
        if wishes.media_type == CSV:
            return Response(self._csv(), status, headers, "text/csv; charset=utf-8")
        if wishes.media_type == OBJECT or not is_set:
            body = self.rows[0] if self.rows else "null"
            kind = f"{wishes.media_type}; charset=utf-8"
        else:
            body, kind = f"[{','.join(self.rows)}]", "application/json; charset=utf-8"
        return Response(body, status, headers, kind)

    def _range(self, offset: int) -> tuple[int, dict[str, str]]:
        total = "*" if self.total is None else str(self.total)
        told = f"{offset}-{offset + len(self.rows) - 1}" if self.rows else "*"
        if self.total is not None and offset and offset >= self.total:
            raise RestError(
                416,
                "PGRST103",
                "Requested range not satisfiable",
                f"An offset of {offset} was requested, but there are only {self.total} rows.",
            )
        is_part = self.total is not None and len(self.rows) < self.total
        return 206 if is_part else 200, {"Content-Range": f"{told}/{total}"}

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self._headers)
        for row in self.rows:
            values: list[Any] = json.loads(row)
            writer.writerow(["" if value is None else value for value in values])
        return out.getvalue()

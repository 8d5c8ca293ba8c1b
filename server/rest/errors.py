"""Errors under ``/rest/v1`` in PostgREST's format: code, message, details and hint, always all four."""

from __future__ import annotations

from typing import Any

from psycopg import Error
from pydantic import BaseModel

from ..errors import ApiError

PREFIX = "/rest/v1"

STATUS_OF_STATE = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42501": 403,
    "42883": 404,
    "42P01": 404,
    "54000": 413,
    "P0001": 400,
}
"""HTTP status by SQLSTATE."""

STATUS_OF_CLASS = {"22": 400, "23": 400, "42": 400, "54": 413}
"""HTTP status by the first two characters of the SQLSTATE, where STATUS_OF_STATE names none."""

CODE_OF_API_ERROR = {
    "auth_required": "PGRST302",
    "not_found": "PGRST125",
    "method_not_allowed": "PGRST117",
    "unsupported_media_type": "PGRST107",
    "bad_request": "PGRST102",
    "gateway_timeout": "57014",
    "service_unavailable": "PGRST001",
}
"""PostgREST's code by the server's own code; other errors keep the server's code."""


class PostgrestError(BaseModel):
    """Body of an error in PostgREST's format."""

    code: str
    message: str
    details: str | None
    hint: str | None


class RestError(ApiError):
    """Error in PostgREST's format."""

    def __init__(
        self, status: int, code: str, message: str, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__("bad_request", message, details=details)
        self.status = status
        self.code = code
        self.hint = hint

    def body(self) -> dict[str, Any]:
        """Return the four keys."""
        return {"code": self.code, "message": self.message, "details": self.details, "hint": self.hint}


def shaped(error: ApiError, path: str) -> ApiError:
    """Return ``error`` in the format that clients of ``path`` expect."""
    if isinstance(error, RestError) or not (path == PREFIX or path.startswith(PREFIX + "/")):
        return error
    code, message = CODE_OF_API_ERROR.get(error.code, error.code), error.message
    if error.code == "auth_required" and error.details == "token_expired":
        code, message = "PGRST303", "JWT expired"
    if error.code == "method_not_allowed" and path.startswith(f"{PREFIX}/rpc/"):
        code = "PGRST101"
    rest_error = RestError(
        error.status, code, message, error.details, error.suggestions[0] if error.suggestions else None
    )
    rest_error.retry_after = error.retry_after
    return rest_error


def of_database(error: Error) -> RestError | None:
    """Return the response error for an error of a statement; None if the caller did not cause it."""
    state = error.sqlstate
    if state is None:
        return None
    status = STATUS_OF_STATE.get(state, STATUS_OF_CLASS.get(state[:2]))
    if status is None:
        return None
    diagnosis = error.diag
    return RestError(
        status, state, diagnosis.message_primary or state, diagnosis.message_detail, diagnosis.message_hint
    )


def unparsed(part: str, text: str) -> RestError:
    """Return PGRST100, for an invalid parameter of the query string."""
    return RestError(400, "PGRST100", f'failed to parse {part} ("{text[:200]}")')


def no_column(relation: str, column: str) -> RestError:
    """Return PostgreSQL's error for an unknown column."""
    return RestError(400, "42703", f"column {relation}.{column[:200]} does not exist")

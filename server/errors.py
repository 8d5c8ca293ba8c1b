"""Errors of endpoints: a code, its status, and the body of the response. See docs/specification/endpoints.md#errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "bad_request": 400,
        "token_malformed": 400,
        "unauthorized": 401,
        "token_missing": 401,
        "token_invalid": 401,
        "token_expired": 401,
        "auth_required": 401,
        "auth_failed": 401,
        "tier_upgrade_required": 402,
        "forbidden": 403,
        "insufficient_permissions": 403,
        "feature_not_available": 403,
        "account_banned": 403,
        "not_found": 404,
        "user_not_found": 404,
        "method_not_allowed": 405,
        "request_timeout": 408,
        "conflict": 409,
        "replica_forked": 409,
        "payload_too_large": 413,
        "token_limit_exceeded": 413,
        "unsupported_media_type": 415,
        "misdirected_request": 421,
        "unprocessable_entity": 422,
        "update_required": 426,
        "too_many_requests": 429,
        "rate_limit_exceeded": 429,
        "internal_server_error": 500,
        "profile_fetch_failed": 500,
        "not_implemented": 501,
        "bad_gateway": 502,
        "service_unavailable": 503,
        "auth_service_unavailable": 503,
        "gateway_timeout": 504,
    }
)
"""Upstream's codes, and 408, 415, 421, 426 for what its hosting platform answers in its place."""


def instant(at: datetime | None = None) -> str:
    """Return a time as JSON has it, in ISO format with milliseconds and Z; by default the current time."""
    return (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ApiError(Exception):
    """Error of an endpoint; the response has :meth:`body` and :attr:`status`.

    ``message`` is a sentence for a person. It contains no SQL and no secret, and does not tell whether data of others
    exists.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: str | None = None,
        retry_after: int | None = None,
        suggestions: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.suggestions = list(suggestions)
        self.extra = dict(extra or {})
        self.headers: dict[str, str] = {}
        """Headers of the response."""

    def body(self) -> dict[str, Any]:
        """Return the body; keys without a value are absent."""
        body = {
            "error": self.message,
            "message": self.message,
            "code": self.code,
            "details": self.details,
            "timestamp": instant(),
            "retryAfter": self.retry_after,
            "suggestions": self.suggestions or None,
        }
        return {key: value for key, value in body.items() if value is not None} | self.extra


def unavailable(retry_after: int = 5) -> ApiError:
    """Return the error for an unreachable database."""
    return ApiError(
        "service_unavailable",
        "The server cannot reach its database at the moment. Try again; repeated requests are safe.",
        retry_after=retry_after,
    )


def beyond_limits() -> ApiError:
    """Return the error for a statement that passes a limit of PostgreSQL, such as 256 MiB of one JSON value."""
    return ApiError(
        "payload_too_large",
        "This is more than the server's database can process at once. Nothing was changed.",
        suggestions=["Request less. A long history can be read in pages, with /api/chat/sync?since=…"],
    )


def read_only() -> ApiError:
    """Return the error for a database that takes no writes, such as a standby."""
    return ApiError(
        "service_unavailable",
        "The server's database is read-only at the moment. Try again. Nothing was changed.",
        retry_after=30,
    )


def behind() -> ApiError:
    """Return the error for a standby that lags behind what the caller already knows."""
    return ApiError(
        "service_unavailable",
        "This copy of the history is not up to date yet. Try again.",
        retry_after=2,
    )

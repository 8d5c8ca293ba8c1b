"""Errors of sign-in, readable for clients of GoTrue, of OAuth and of this server's other endpoints.

``code`` and ``error_code`` hold GoTrue's name, ``error``, ``msg`` and ``error_description`` the sentence. Only the
device grant has the name in ``error``, where RFC 8628 wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, Field

from ..errors import ApiError

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "validation_failed": 400,
        "invalid_credentials": 400,
        "refresh_token_not_found": 400,
        "refresh_token_already_used": 400,
        "user_banned": 400,
        "unsupported_grant_type": 400,
        "phone_provider_disabled": 400,
        "otp_expired": 403,
        "session_not_found": 403,
        "reauthentication_needed": 403,
        "invite_not_found": 403,
        "signup_disabled": 422,
        "user_already_exists": 422,
        "weak_password": 422,
        "same_password": 422,
        "anonymous_provider_disabled": 422,
        "email_provider_disabled": 422,
        "otp_disabled": 422,
        "authorization_pending": 400,
        "slow_down": 400,
        "access_denied": 400,
        "expired_token": 400,
        "invalid_grant": 400,
    }
)
"""Status by error code of GoTrue and RFC 8628."""


class Refusal(ApiError):
    """Error of sign-in."""

    def __init__(self, code: str, message: str, *, oauth: bool = False, reason: str = "length") -> None:
        super().__init__("bad_request", message)
        self.code = code
        self.status = STATUS[code]
        self.extra = {"error_code": code, "msg": message, "error_description": message}
        if oauth:
            self.extra["error"] = code
        if code == "weak_password":
            self.extra["weak_password"] = {"reasons": [reason]}


class RefusalBody(BaseModel):
    """Body of an error of sign-in."""

    error: str = Field(description="A sentence; for the device grant the code of RFC 8628.")
    message: str = Field(description="A sentence.")
    code: str = Field(description="GoTrue's error code, or one of this server's own.")
    error_code: str = Field(default="", description="The same again, where GoTrue's clients look for it.")
    msg: str = ""
    error_description: str = ""
    timestamp: str

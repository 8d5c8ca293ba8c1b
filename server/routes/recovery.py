"""Recovery of a forgotten password: GoTrue's ``/auth/v1/recover`` and ``/auth/v1/verify``, and the page /recover."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from ..auth import accounts, cookies, pages
from ..auth.errors import Refusal
from ..auth.service import TokenSession
from ..dependencies import ServicesDep, limited
from ..errors import ApiError
from ..http.request_schemas import Email
from ..identity import Caller
from .auth import REFUSED
from .json_route import JsonRoute

router = APIRouter(prefix="/auth/v1", tags=["auth"], route_class=JsonRoute)
page_router = APIRouter(tags=["auth"], default_response_class=HTMLResponse, include_in_schema=False)

FormText = Annotated[str, Form(max_length=4096)]

INVALID_CODE = "This code is invalid, used or expired. Request a new one."


class RecoveryRequest(BaseModel):
    """Account whose password is forgotten."""

    email: Annotated[str, Email]


class RecoveryCode(BaseModel):
    """A recovery code, as ``token`` or as ``token_hash``."""

    type: str = Field(description="`recovery`.", json_schema_extra={"enum": ["recovery"]})
    token: str | None = Field(None, max_length=200)
    token_hash: str | None = Field(None, max_length=200)
    email: str | None = Field(None, max_length=255, description="Email of the account; checked if present.")


@router.post("/recover", dependencies=[limited("sign-in")], responses=REFUSED)
async def recover(body: RecoveryRequest, request: Request, services: ServicesDep) -> dict[str, str]:
    """Mail a recovery code. The response does not tell whether the account exists; a server without mail refuses."""
    await services.limits.count_name(request, body.email)
    if not services.mailer.is_configured:
        raise Refusal(
            "email_provider_disabled",
            "This server sends no mail. Ask its administrator for a recovery code (sterna serve user recover).",
        )
    address = accounts.normalized_email(body.email)
    services.mailer.send_later(services.recovery.mail_code(address))
    return {}


@router.post("/verify", dependencies=[limited("sign-in")], responses=REFUSED)
async def verify(body: RecoveryCode, services: ServicesDep) -> TokenSession:
    """Sign in with a recovery code, which is valid once, to set a new password."""
    if body.type != "recovery":
        raise Refusal("validation_failed", "Only codes of the type recovery are supported.")
    account = await services.recovery.use_code(body.token_hash or body.token or "", body.email)
    return await services.sign_in.start_session(account)


@page_router.get("/recover")
async def show(
    request: Request, services: ServicesDep, code: Annotated[str, Query(max_length=200)] = ""
) -> HTMLResponse:
    """Show the form for a new password, or for the code."""
    try:
        if code:
            await services.limits.count(request, Caller(), "sign-in")
        if code and not await services.recovery.is_valid(code):
            return _html(pages.recovery_form(INVALID_CODE), 404)
    except ApiError as error:
        return _try_later(error, code)
    return _html(pages.recovery_form("", code))


@page_router.post("/recover")
async def reset(
    request: Request, services: ServicesDep, code: FormText = "", password: FormText = "", again: FormText = ""
) -> HTMLResponse:
    """Set the new password."""
    if not cookies.is_from_here(request.method, request.headers, services.settings.public_url):
        return _html(pages.recovery_form("The form was not sent from this page. Fill it in again."), 403)
    try:
        await services.limits.count(request, Caller(), "sign-in")
        if password != again:
            return _html(pages.recovery_form("The two passwords differ.", code), 400)
        await services.recovery.set_password(code, password)
    except Refusal as refusal:
        is_invalid = refusal.code == "otp_expired"
        return _html(
            pages.recovery_form(INVALID_CODE if is_invalid else refusal.message, "" if is_invalid else code),
            refusal.status,
        )
    except ApiError as error:
        return _try_later(error, code)
    return _html(pages.recovered())


def _try_later(error: ApiError, code: str) -> HTMLResponse:
    """Return the page for a temporary error. Raises other errors."""
    if error.status not in (429, 503):
        raise error
    alert = "Too many attempts. Wait a while." if error.status == 429 else error.message
    return _html(pages.recovery_form(alert, code), error.status, {"Retry-After": str(error.retry_after or 60)})


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, pages.HEADERS | (headers or {}))

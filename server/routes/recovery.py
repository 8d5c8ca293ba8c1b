"""A forgotten password: GoTrue's ``/auth/v1/recover`` and ``/auth/v1/verify``, and the page /recover."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from ..auth import accounts, cookies, device_page
from ..auth.errors import Refusal
from ..auth.service import Session
from ..dependencies import Parts, limited
from ..errors import ApiError
from ..http.request_schemas import Email
from ..identity import Caller
from .auth import REFUSED
from .json_route import JsonRoute

router = APIRouter(prefix="/auth/v1", tags=["auth"], route_class=JsonRoute)
pages = APIRouter(tags=["auth"], default_response_class=HTMLResponse, include_in_schema=False)

Text = Annotated[str, Form(max_length=4096)]

UNUSABLE = "This code is not valid, was used already, or has expired. Ask for a new one."


class Forgotten(BaseModel):
    """Whose password is forgotten."""

    email: Annotated[str, Email]


class Code(BaseModel):
    """A recovery code, as ``token`` or as ``token_hash``."""

    type: str = Field(description="`recovery`.", json_schema_extra={"enum": ["recovery"]})
    token: str | None = Field(None, max_length=200)
    token_hash: str | None = Field(None, max_length=200)
    email: str | None = Field(None, max_length=255, description="Where it is given, it has to be the account's.")


@router.post("/recover", dependencies=[limited("sign-in")], responses=REFUSED)
async def recover(body: Forgotten, request: Request, parts: Parts) -> dict[str, str]:
    """Ask for a recovery code by mail: the same answer whether there is such an account. A server that sends no mail
    says so.
    """
    await parts.limits.count_name(request, body.email)
    if not parts.mailer.is_configured:
        raise Refusal(
            "email_provider_disabled",
            "This server sends no mail. Ask whoever runs it for a recovery code (sterna serve user recover).",
        )
    address = accounts.email_of(body.email)
    parts.mailer.later(parts.recovery.mail(address))
    return {}


@router.post("/verify", dependencies=[limited("sign-in")], responses=REFUSED)
async def verify(body: Code, parts: Parts) -> Session:
    """Sign in with a recovery code, to set a new password. It is good for one use."""
    if body.type != "recovery":
        raise Refusal("validation_failed", "Only codes of the type recovery are known here.")
    account = await parts.recovery.account(body.token_hash or body.token or "", body.email)
    return await parts.sign_in.begin(account)


@pages.get("/recover")
async def show(request: Request, parts: Parts, code: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """The form for a new password, or for the code."""
    try:
        if code:
            await parts.limits.count(request, Caller(), "sign-in")
        if code and not await parts.recovery.is_good(code):
            return _html(device_page.recovering(UNUSABLE), 404)
    except ApiError as error:
        return _later(error, code)
    return _html(device_page.recovering("", code))


@pages.post("/recover")
async def reset(request: Request, parts: Parts, code: Text = "", password: Text = "", again: Text = "") -> HTMLResponse:
    """Set the new password."""
    if not cookies.is_from_here(request.method, request.headers, parts.settings.public_url):
        return _html(device_page.recovering("This form was not sent from this page. Fill it in here."), 403)
    try:
        await parts.limits.count(request, Caller(), "sign-in")
        if password != again:
            return _html(device_page.recovering("The two passwords differ.", code), 400)
        await parts.recovery.set_password(code, password)
    except Refusal as refusal:
        is_code = refusal.code == "otp_expired"
        return _html(
            device_page.recovering(UNUSABLE if is_code else refusal.message, "" if is_code else code), refusal.status
        )
    except ApiError as error:
        return _later(error, code)
    return _html(device_page.recovered())


def _later(error: ApiError, code: str) -> HTMLResponse:
    """Return the page that asks to come again. Raises what waiting does not help."""
    if error.status not in (429, 503):
        raise error
    told = "There were too many tries. Wait a while." if error.status == 429 else error.message
    return _html(device_page.recovering(told, code), error.status, {"Retry-After": str(error.retry_after or 60)})


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, device_page.HEADERS | (headers or {}))

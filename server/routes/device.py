"""The page /device, where somebody approves the terminal that shows a code. It sets no cookie."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse

from ..auth import cookies, device_codes, pages
from ..auth.accounts import Account
from ..auth.errors import Refusal
from ..auth.secrets import as_user_code
from ..database.pool import Connection
from ..dependencies import ServicesDep
from ..errors import ApiError
from ..identity import SERVER, Caller
from ..services import Services

router = APIRouter(tags=["auth"], default_response_class=HTMLResponse, include_in_schema=False)

UNKNOWN_CODE = "No terminal is waiting with this code. It may have expired; request a new one in the terminal."
EXPIRED_FORM = "This page has expired. Check the code again and repeat your decision."
MESSAGES = {
    "invalid_credentials": "Email or password is wrong.",
    "user_banned": "This account is disabled.",
    "user_already_exists": "This email cannot be used for a new account. If it is yours, sign in.",
    "invite_not_found": "This invitation is invalid or used.",
    "signup_disabled": "An invitation is required to create an account.",
    "validation_failed": "This is not an email address.",
}
"""Messages by error code; other errors bring their own."""

FormText = Annotated[str, Form(max_length=4096)]


@router.get("/device")
async def show(
    request: Request, services: ServicesDep, user_code: Annotated[str, Query(max_length=100)] = ""
) -> HTMLResponse:
    """Show the form for a code, or the one that asks for it. An unknown code counts as an attempt to sign in."""
    code = as_user_code(user_code)
    try:
        await services.limits.count(request, Caller(), "auth")
        if not user_code:
            return _html(pages.code_form())
        if not code or not await _is_waiting(services, code):
            await services.limits.count(request, Caller(), "sign-in")
            return _html(pages.code_form(UNKNOWN_CODE, user_code), 404)
        return _html(_approval_form(services, code))
    except ApiError as error:
        return _try_later(error)


@router.post("/device")
async def decide(
    request: Request,
    services: ServicesDep,
    user_code: FormText = "",
    csrf_token: FormText = "",
    do: FormText = "",
    email: FormText = "",
    password: FormText = "",
    invitation: FormText = "",
) -> HTMLResponse:
    """Approve or deny a terminal."""
    code = as_user_code(user_code)
    if not cookies.is_from_here(request.method, request.headers, services.settings.public_url):
        return _html(pages.code_form(EXPIRED_FORM), 403)
    try:
        await services.limits.count(request, Caller(), "sign-in")
        if not code or not await _is_waiting(services, code):
            return _html(pages.code_form(UNKNOWN_CODE), 404)
        if not services.tokens.csrf.is_valid(csrf_token, code):
            return _html(_approval_form(services, code, email, EXPIRED_FORM), 403)
        return await _decide(request, services, code, do, email, password, invitation)
    except Refusal as refusal:
        return _html(_approval_form(services, code, email, MESSAGES.get(refusal.code, refusal.message)), refusal.status)
    except ApiError as error:
        return _try_later(error)


def _try_later(error: ApiError) -> HTMLResponse:
    """Return the page for a temporary error. Raises other errors."""
    if error.status not in (429, 503):
        raise error
    message = "Too many attempts. Wait a while." if error.status == 429 else error.message
    return _html(pages.result(message), error.status, {"Retry-After": str(error.retry_after or 60)})


async def _decide(
    request: Request, services: Services, code: str, do: str, email: str, password: str, invitation: str
) -> HTMLResponse:
    if do == "deny":
        await _store_decision(services, code, None)
        return _html(pages.result("Denied. The terminal was not signed in. You can close this page."))
    await services.limits.count_name(request, email)
    if do == "create":
        account = await services.sign_in.sign_up(email, password, None, invitation.strip())
    else:
        account = await services.sign_in.authenticate(email, password)
    if not await _store_decision(services, code, account):
        return _html(pages.code_form(UNKNOWN_CODE), 404)
    return _html(pages.result("Approved. Your terminal is signed in. You can close this page."))


async def _store_decision(services: Services, code: str, account: Account | None) -> bool:
    async def work(connection: Connection) -> bool:
        return await device_codes.decide(connection, code, account.id if account else None, services.clock())

    return await services.database.write(SERVER, work)


async def _is_waiting(services: Services, code: str) -> bool:
    async def work(connection: Connection) -> bool:
        return await device_codes.is_waiting(connection, code, services.clock())

    return await services.database.read(SERVER, work)


def _approval_form(services: Services, code: str, email: str = "", alert: str = "") -> str:
    return pages.approval_form(
        code, services.tokens.csrf.make(code), signup=services.settings.signup, email=email, alert=alert
    )


def _html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(text, status, pages.HEADERS | (headers or {}))

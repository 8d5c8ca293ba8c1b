"""Sign-in as GoTrue's clients speak it, and the device grant of RFC 8628.

See docs/specification/endpoints.md#sign-in and docs/specification/endpoints.md#device-sign-in.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException

from ..auth import accounts, device_codes
from ..auth.accounts import UserBody
from ..auth.errors import Refusal, RefusalBody
from ..auth.service import Session
from ..dependencies import Parts, User, limited
from ..errors import ApiError
from ..http.hosts import own_url
from ..http.request_schemas import Email, Password, body_of
from ..identity import SERVER, Caller
from ..services import Services
from .json_route import JsonRoute, media_type, parsed

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = ("password", "refresh_token", DEVICE_GRANT)

REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": RefusalBody, "description": "Refused"},
    403: {"model": RefusalBody, "description": "Forbidden"},
    422: {"model": RefusalBody, "description": "Not taken"},
}

GONE: dict[int | str, dict[str, Any]] = {403: REFUSED[403]}

TOO_MANY: dict[int | str, dict[str, Any]] = {429: {"model": RefusalBody, "description": "Too Many Requests"}}

router = APIRouter(prefix="/auth/v1", tags=["auth"], route_class=JsonRoute)


class SignupBody(BaseModel):
    """Who wants an account."""

    model_config = ConfigDict(json_schema_extra={"required": ["email", "password"]})

    email: Annotated[str, Email] = ""
    password: Annotated[str, Password] = ""
    phone: SkipJsonSchema[str] = ""
    data: dict[str, Any] | None = None
    """Metadata: full_name, avatar_url and what the client likes. ``invitation`` may be in it."""
    invitation: str = ""


class UserChange(BaseModel):
    """What of one's own account is to change."""

    email: SkipJsonSchema[str | None] = None
    """The account's own, and no other."""
    password: Annotated[str, Password] | None = None
    current_password: str | None = Field(
        None, description="With a new password; not needed within ten minutes of signing in, by whatever way."
    )
    data: dict[str, Any] | None = None


class TokenBody(BaseModel):
    """What a grant takes: email and password, a refresh token, or a device code."""

    model_config = ConfigDict(extra="ignore")

    grant_type: str = ""
    email: str = ""
    phone: SkipJsonSchema[str] = ""
    password: str = ""
    refresh_token: str = ""
    device_code: str = ""


class DeviceCodes(BaseModel):
    """What a terminal shows, and asks with."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int = Field(description="Seconds until both codes end.")
    interval: int = Field(description="Seconds between two questions.")


@router.post("/signup", dependencies=[limited("sign-in")], responses=REFUSED)
async def signup(body: SignupBody, request: Request, parts: Parts) -> Session:
    """Make an account and sign in."""
    if body.phone:
        raise Refusal("phone_provider_disabled", "Phone sign-ups are disabled. Sign up with an email and a password.")
    if not body.email and not body.password:
        raise Refusal(
            "anonymous_provider_disabled", "Anonymous sign-ins are disabled. Sign up with an email and a password."
        )
    await parts.limits.count_name(request, body.email)
    data = dict(body.data or {})
    invited = data.pop("invitation", "")
    invitation = body.invitation or (invited if isinstance(invited, str) else "")
    return await parts.sign_in.begin(await parts.sign_in.up(body.email, body.password, data, invitation))


@router.post(
    "/token",
    responses=REFUSED | TOO_MANY,
    openapi_extra=body_of(TokenBody, "application/json", "application/x-www-form-urlencoded"),
)
async def token(
    request: Request,
    parts: Parts,
    grant_type: Annotated[str, Query(max_length=100, json_schema_extra={"enum": list(GRANTS)})] = "",
) -> Session:
    """Sign in with a password, go on with a refresh token, or ask whether a device code was approved."""
    await parts.limits.count(request, Caller(), "auth")
    body = await _token_body(request)
    sign_in, grant = parts.sign_in, grant_type or body.grant_type
    if grant == "password":
        if body.phone:
            raise Refusal("phone_provider_disabled", "Phone logins are disabled. Sign in with an email and a password.")
        await parts.limits.count_password(request, body.email)
        return await sign_in.begin(await sign_in.account(body.email, body.password))
    if grant == "refresh_token":
        owner = await sign_in.owner(body.refresh_token)
        await _count(request, parts, str(owner) if owner else "", "refresh")
        return await sign_in.refresh(body.refresh_token)
    if grant == DEVICE_GRANT:
        await _count(request, parts, body.device_code if await sign_in.is_code(body.device_code) else "", "device")
        return await sign_in.device(body.device_code)
    await parts.limits.count(request, Caller(), "grant")
    raise Refusal("unsupported_grant_type", "This grant type is not one of this server's.", oauth=True)


async def _count(request: Request, parts: Services, account: str, unknown: Literal["refresh", "device"]) -> None:
    """Count a grant for its account; one of nobody's by the address, apart from tries of passwords."""
    if account:
        await parts.limits.count_account(request, account)
    else:
        await parts.limits.count(request, Caller(), unknown)


async def _token_body(request: Request) -> TokenBody:
    kind = media_type(request)
    if kind == "application/x-www-form-urlencoded":
        try:
            told: Any = dict(await request.form(max_files=0, max_fields=20))
        except (HTTPException, ValueError):
            raise ApiError("bad_request", "The form is not as this endpoint takes it.") from None
    elif kind == "application/json":
        told = parsed(await request.body())
    else:
        raise ApiError("unsupported_media_type", "The body has to be JSON or a form.")
    if not isinstance(told, dict) or not all(isinstance(told.get(name, ""), str) for name in TokenBody.model_fields):
        raise ApiError("bad_request", "The request is not as this endpoint takes it.")
    return TokenBody.model_validate({name: str(told.get(name, "")) for name in TokenBody.model_fields})


@router.get("/user", responses=GONE, dependencies=[limited("auth")])
async def own_account(caller: User, parts: Parts) -> UserBody:
    """Who signed in."""
    return UserBody.of(await parts.database.read(SERVER, lambda db: accounts.own(db, caller.user_id)))


@router.put("/user", responses=REFUSED, dependencies=[limited("auth")])
async def change_account(body: UserChange, caller: User, request: Request, parts: Parts) -> UserBody:
    """Change one's password or metadata. A new password ends every other sign-in, and needs the old one or a fresh
    sign-in.
    """
    if body.email is not None and body.email.strip().lower() != caller.identity.email.lower():
        raise Refusal("validation_failed", "The email of an account is changed by whoever runs this server.")
    if body.password is not None:
        count_attempt = partial(parts.limits.count_password, request, caller.identity.email)
        match await parts.reauthentication.check(caller, body.current_password, count_attempt):
            case "wrong":
                raise Refusal("invalid_credentials", "The current password is not right. Nothing was changed.")
            case "stale":
                raise Refusal(
                    "reauthentication_needed",
                    "A new password needs current_password, or a sign-in of the last ten minutes. Nothing was changed.",
                )
    return UserBody.of(await parts.sign_in.change(caller.user_id, _family(caller), body.password, body.data))


@router.post("/logout", status_code=204, dependencies=[limited("auth")])
async def logout(
    caller: User, parts: Parts, scope: Annotated[Literal["global", "local", "others"], Query()] = "global"
) -> None:
    """End all one's sign-ins, this one, or all others, with their access tokens."""
    await parts.sign_in.out(caller.user_id, _family(caller), scope)


@router.post("/device/code", dependencies=[limited("sign-in")])
async def device_code(request: Request, parts: Parts) -> DeviceCodes:
    """Codes for a terminal that somebody will approve at /device."""
    codes = await parts.database.write(SERVER, lambda connection: device_codes.begin(connection, parts.clock()))
    page = f"{own_url(parts.settings, request.scope)}/device"
    return DeviceCodes(
        device_code=codes.device,
        user_code=codes.user,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={codes.user}",
        expires_in=int(device_codes.LIVES.total_seconds()),
        interval=device_codes.WAIT,
    )


def _family(caller: Caller) -> UUID | None:
    """The sign-in that the caller's token belongs to; those of another server's tokens are not ours to end."""
    try:
        return UUID(str(caller.identity.claims.get("session_id")))
    except ValueError:
        return None

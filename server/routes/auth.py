"""Sign-in in GoTrue's protocol, and the device grant of RFC 8628.

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
from ..auth.service import TokenSession
from ..dependencies import ServicesDep, User, limited
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
    422: {"model": RefusalBody, "description": "Unprocessable"},
}

FORBIDDEN: dict[int | str, dict[str, Any]] = {403: REFUSED[403]}

TOO_MANY: dict[int | str, dict[str, Any]] = {429: {"model": RefusalBody, "description": "Too Many Requests"}}

router = APIRouter(prefix="/auth/v1", tags=["auth"], route_class=JsonRoute)


class SignupBody(BaseModel):
    """A new account."""

    model_config = ConfigDict(json_schema_extra={"required": ["email", "password"]})

    email: Annotated[str, Email] = ""
    password: Annotated[str, Password] = ""
    phone: SkipJsonSchema[str] = ""
    data: dict[str, Any] | None = None
    """Metadata such as full_name and avatar_url; it may contain ``invitation``."""
    invitation: str = ""


class UserChange(BaseModel):
    """Changes of the caller's account."""

    email: SkipJsonSchema[str | None] = None
    """Accepted only if it is the email of the account."""
    password: Annotated[str, Password] | None = None
    current_password: str | None = Field(
        None, description="Required with a new password, except within ten minutes of signing in."
    )
    data: dict[str, Any] | None = None


class TokenBody(BaseModel):
    """Values of a grant: email and password, a refresh token, or a device code."""

    model_config = ConfigDict(extra="ignore")

    grant_type: str = ""
    email: str = ""
    phone: SkipJsonSchema[str] = ""
    password: str = ""
    refresh_token: str = ""
    device_code: str = ""


class DeviceCodes(BaseModel):
    """Codes of a terminal: one to show, one to poll with."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int = Field(description="Seconds until both codes expire.")
    interval: int = Field(description="Seconds between two polls.")


@router.post("/signup", dependencies=[limited("sign-in")], responses=REFUSED)
async def signup(body: SignupBody, request: Request, services: ServicesDep) -> TokenSession:
    """Create an account and sign in."""
    if body.phone:
        raise Refusal("phone_provider_disabled", "Phone sign-ups are disabled. Sign up with an email and a password.")
    if not body.email and not body.password:
        raise Refusal(
            "anonymous_provider_disabled", "Anonymous sign-ins are disabled. Sign up with an email and a password."
        )
    await services.limits.count_name(request, body.email)
    data = dict(body.data or {})
    in_metadata = data.pop("invitation", "")
    invitation = body.invitation or (in_metadata if isinstance(in_metadata, str) else "")
    return await services.sign_in.start_session(
        await services.sign_in.sign_up(body.email, body.password, data, invitation)
    )


@router.post(
    "/token",
    responses=REFUSED | TOO_MANY,
    openapi_extra=body_of(TokenBody, "application/json", "application/x-www-form-urlencoded"),
)
async def token(
    request: Request,
    services: ServicesDep,
    grant_type: Annotated[str, Query(max_length=100, json_schema_extra={"enum": list(GRANTS)})] = "",
) -> TokenSession:
    """Sign in with a password, a refresh token or an approved device code."""
    await services.limits.count(request, Caller(), "auth")
    body = await _token_body(request)
    sign_in, grant = services.sign_in, grant_type or body.grant_type
    if grant == "password":
        if body.phone:
            raise Refusal("phone_provider_disabled", "Phone logins are disabled. Sign in with an email and a password.")
        await services.limits.count_password(request, body.email)
        return await sign_in.start_session(await sign_in.authenticate(body.email, body.password))
    if grant == "refresh_token":
        owner = await sign_in.refresh_token_owner(body.refresh_token)
        await _count(request, services, str(owner) if owner else "", "refresh")
        return await sign_in.refresh_session(body.refresh_token)
    if grant == DEVICE_GRANT:
        await _count(
            request, services, body.device_code if await sign_in.is_device_code(body.device_code) else "", "device"
        )
        return await sign_in.start_device_session(body.device_code)
    await services.limits.count(request, Caller(), "grant")
    raise Refusal("unsupported_grant_type", "This grant type is not supported.", oauth=True)


async def _count(request: Request, services: Services, account: str, unknown: Literal["refresh", "device"]) -> None:
    """Count a grant by its account, or an unknown one by address, apart from attempts at passwords."""
    if account:
        await services.limits.count_account(request, account)
    else:
        await services.limits.count(request, Caller(), unknown)


async def _token_body(request: Request) -> TokenBody:
    kind = media_type(request)
    if kind == "application/x-www-form-urlencoded":
        try:
            values: Any = dict(await request.form(max_files=0, max_fields=20))
        except (HTTPException, ValueError):
            raise ApiError("bad_request", "The form is not valid for this endpoint.") from None
    elif kind == "application/json":
        values = parsed(await request.body())
    else:
        raise ApiError("unsupported_media_type", "The body must be JSON or a form.")
    if not isinstance(values, dict) or not all(
        isinstance(values.get(name, ""), str) for name in TokenBody.model_fields
    ):
        raise ApiError("bad_request", "The request is not valid for this endpoint.")
    return TokenBody.model_validate({name: str(values.get(name, "")) for name in TokenBody.model_fields})


@router.get("/user", responses=FORBIDDEN, dependencies=[limited("auth")])
async def own_account(caller: User, services: ServicesDep) -> UserBody:
    """Return the caller's account."""
    return UserBody.of(await services.database.read(SERVER, lambda db: accounts.own(db, caller.user_id)))


@router.put("/user", responses=REFUSED, dependencies=[limited("auth")])
async def change_account(body: UserChange, caller: User, request: Request, services: ServicesDep) -> UserBody:
    """Change the caller's password or metadata.

    A new password ends all other sessions, and requires the current password or a recent sign-in.
    """
    if body.email is not None and body.email.strip().lower() != caller.identity.email.lower():
        raise Refusal("validation_failed", "Only the server administrator can change the email of an account.")
    if body.password is not None:
        count_attempt = partial(services.limits.count_password, request, caller.identity.email)
        match await services.reauthentication.check(caller, body.current_password, count_attempt):
            case "wrong":
                raise Refusal("invalid_credentials", "The current password is wrong. Nothing was changed.")
            case "stale":
                raise Refusal(
                    "reauthentication_needed",
                    "A new password requires current_password or a sign-in within ten minutes. Nothing was changed.",
                )
    return UserBody.of(await services.sign_in.change_account(caller.user_id, _family(caller), body.password, body.data))


@router.post("/logout", status_code=204, dependencies=[limited("auth")])
async def logout(
    caller: User, services: ServicesDep, scope: Annotated[Literal["global", "local", "others"], Query()] = "global"
) -> None:
    """End all sessions of the caller, this one, or all others, with their access tokens."""
    await services.sign_in.sign_out(caller.user_id, _family(caller), scope)


@router.post("/device/code", dependencies=[limited("sign-in")])
async def device_code(request: Request, services: ServicesDep) -> DeviceCodes:
    """Return codes for a terminal, to be approved at /device."""
    codes = await services.database.write(SERVER, lambda connection: device_codes.begin(connection, services.clock()))
    page = f"{own_url(services.settings, request.scope)}/device"
    return DeviceCodes(
        device_code=codes.device,
        user_code=codes.user,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={codes.user}",
        expires_in=int(device_codes.LIFETIME.total_seconds()),
        interval=device_codes.INTERVAL,
    )


def _family(caller: Caller) -> UUID | None:
    """Return the session of the caller's token; None for one of an external sign-in."""
    try:
        return UUID(str(caller.identity.claims.get("session_id")))
    except ValueError:
        return None

"""Settings of sign-in for clients of GoTrue, and the sign-in methods that this server does not support."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from ..auth.errors import Refusal
from ..dependencies import ServicesDep
from .auth import REFUSED
from .json_route import JsonRoute

router = APIRouter(prefix="/auth/v1", tags=["auth"], route_class=JsonRoute)


class AuthSettings(BaseModel):
    """Sign-in methods and settings."""

    external: dict[str, bool]
    disable_signup: bool
    mailer_autoconfirm: bool
    phone_autoconfirm: bool
    saml_enabled: bool


@router.get("/settings")
async def settings(services: ServicesDep) -> AuthSettings:
    """Return the supported sign-in methods: only email with a password."""
    return AuthSettings(
        external={"email": True, "phone": False, "anonymous_users": False},
        disable_signup=services.settings.signup == "closed",
        mailer_autoconfirm=True,
        phone_autoconfirm=False,
        saml_enabled=False,
    )


@router.post("/otp", responses={422: REFUSED[422]}, status_code=422)
async def otp() -> None:
    """Refuse sign-in by a mailed code or link: this server supports passwords only."""
    raise Refusal("otp_disabled", "This server mails no codes. Sign in with an email and a password.")


@router.post("/magiclink", responses={422: REFUSED[422]}, status_code=422)
async def magiclink() -> None:
    """Refuse sign-in by a mailed link, the older name of /otp."""
    await otp()

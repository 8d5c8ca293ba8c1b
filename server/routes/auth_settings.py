"""What clients of GoTrue ask about sign-in, and the ways of signing in that this server does not have."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from ..auth.errors import Refusal
from ..dependencies import Parts
from .auth import REFUSED
from .json_route import JsonRoute

router = APIRouter(prefix="/auth/v1", tags=["auth"], route_class=JsonRoute)


class AuthSettings(BaseModel):
    """How one may sign in."""

    external: dict[str, bool]
    disable_signup: bool
    mailer_autoconfirm: bool
    phone_autoconfirm: bool
    saml_enabled: bool


@router.get("/settings")
async def settings(parts: Parts) -> AuthSettings:
    """Which ways of signing in there are: an email with a password, and no other."""
    return AuthSettings(
        external={"email": True, "phone": False, "anonymous_users": False},
        disable_signup=parts.settings.signup == "closed",
        mailer_autoconfirm=True,
        phone_autoconfirm=False,
        saml_enabled=False,
    )


@router.post("/otp", responses={422: REFUSED[422]}, status_code=422)
async def otp() -> None:
    """Sign in by a mailed code or link. Always refused: this server has passwords only."""
    raise Refusal("otp_disabled", "This server mails no codes. Sign in with an email and a password.")


@router.post("/magiclink", responses={422: REFUSED[422]}, status_code=422)
async def magiclink() -> None:
    """The same, by its older name. Always refused."""
    await otp()

"""Identity of a request, as PostgreSQL gets it. See docs/specification/schema.md#identity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Role = Literal["anon", "authenticated", "service_role"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified token, or nobody."""

    role: Role = "anon"
    user_id: UUID | None = None
    """The ``sub`` of the token; None for anon and for the server itself."""
    email: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def claims_json(self) -> str:
        """Return the value of ``request.jwt.claims``, which row security reads."""
        claims: dict[str, Any] = {"role": self.role}
        if self.user_id is not None:
            claims |= {"sub": str(self.user_id), "email": self.email}
        return json.dumps(claims)


NOBODY = Identity()
SERVER = Identity(role="service_role")
"""Identity of the server's own work: sign-in, accounts, maintenance. No token leads to it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity with the tier that decides about limits and models."""

    identity: Identity = NOBODY
    tier: str = "anonymous"
    """``anonymous`` without a sign-in, else profiles.subscription_tier."""
    is_external: bool = False
    """True if the caller signs in at another service."""

    @property
    def user_id(self) -> UUID:
        """Id of the account. Raises LookupError for callers without a sign-in."""
        if self.identity.user_id is None:
            raise LookupError("the caller is not signed in")
        return self.identity.user_id

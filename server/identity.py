"""Identity of a request, as PostgreSQL is told. See docs/specification/schema.md#identity."""

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
        """What ``request.jwt.claims`` is set to: row security reads it, and nothing else."""
        said: dict[str, Any] = {"role": self.role}
        if self.user_id is not None:
            said |= {"sub": str(self.user_id), "email": self.email}
        return json.dumps(said)


NOBODY = Identity()
SERVER = Identity(role="service_role")
"""The server's own work: sign-in, accounts, housekeeping. Never reached by a token."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity with the profile that limits and models go by."""

    identity: Identity = NOBODY
    tier: str = "anonymous"
    """``anonymous`` without a sign-in, else profiles.subscription_tier."""
    is_external: bool = False
    """Signed in at another service."""

    @property
    def user_id(self) -> UUID:
        """The profile's id. Only for callers that signed in."""
        if self.identity.user_id is None:
            raise LookupError("nobody signed in")
        return self.identity.user_id

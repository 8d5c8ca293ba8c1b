"""What endpoints share, made once at the start and handed to each through the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from .auth.mail import Mailer
from .auth.tokens import Tokens
from .database.pool import Database
from .http.observability import Figures
from .settings import ServerSettings

if TYPE_CHECKING:
    from .auth.passwords import Passwords
    from .http.rate_limits import Limits
    from .relay.upstream import Relay
    from .sync.change_notifier import News


def utc_now() -> datetime:
    """The time, unless a test owns it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """One server's parts."""

    settings: ServerSettings
    database: Database
    tokens: Tokens
    limits: Limits
    passwords: Passwords
    relay: Relay
    news: News
    clock: Callable[[], datetime] = utc_now
    figures: Figures = field(default_factory=Figures)
    mailer: Mailer = field(default_factory=Mailer)
    parsing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Held while a large body is parsed: of several at once each would slow the others and everybody else."""


async def services(request: Request) -> Services:
    """The parts of the server that this request came to. FastAPI would run a plain function in a thread."""
    found: Services = request.app.state.services
    return found


Parts = Annotated[Services, Depends(services)]

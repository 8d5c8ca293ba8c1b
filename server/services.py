"""What endpoints share, made once at the start and handed to each through the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from .database import Database
from .mail import Mailer
from .settings import ServerSettings
from .tokens import Tokens
from .watching import Figures

if TYPE_CHECKING:
    from .passwords import Passwords
    from .rates import Limits
    from .relay.upstream import Relay
    from .sync.news import News


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

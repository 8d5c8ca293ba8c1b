"""Services that endpoints share: made once at the start, and reached through the request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .auth.mail import Mailer
from .auth.reauthentication import Reauthentication
from .auth.recovery import Recovery
from .auth.service import SignIn
from .auth.tokens import Tokens
from .clock import Clock, utc_now
from .database.pool import Database
from .http.observability import Metrics
from .http.rate_limits import RateLimits
from .meaning.vectors import Vectors
from .relay.quota import Quota
from .relay.upstream import Relay
from .settings import ServerSettings
from .sync.change_notifier import ChangeNotifier


@dataclass(frozen=True, slots=True)
class Services:
    """Services of one server."""

    settings: ServerSettings
    database: Database
    tokens: Tokens
    limits: RateLimits
    sign_in: SignIn
    reauthentication: Reauthentication
    recovery: Recovery
    mailer: Mailer
    relay: Relay
    quota: Quota
    change_notifier: ChangeNotifier
    vectors: Vectors
    clock: Clock = utc_now
    metrics: Metrics = field(default_factory=Metrics)
    parsing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Held while a large body is parsed: several at once would slow each other and every other request."""
    describing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a request gets the API description: a burst of such requests takes turns with the others."""

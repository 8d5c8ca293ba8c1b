"""Exchange of profile, models and usage with the server.

See docs/specification/endpoints.md#user-data.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sterna.storage import ServerProfile, StoreError, UsagePull

from .clock import Timing
from .errors import SignInError
from .network.json_api import NotTaken, Service

if TYPE_CHECKING:
    from sterna.storage import StoreThread

log = logging.getLogger("sterna.sync")

DATA, MODELS, USAGE = "/api/user/data", "/api/models", "/api/user/usage"
EVERY: Final = 900.0
"""Seconds between two looks, however often the history is synced meanwhile."""
LONGEST: Final = 20.0
"""Seconds for all of it: the history does not wait for this."""
TIERS: Final = ("free", "pro", "enterprise", "admin")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
MOST_MODELS: Final = 2_000


class AccountData:
    """Of one account. ``refresh`` is called after each sync that came to its end, and mostly does nothing."""

    def __init__(self, store: StoreThread, service: Service, timing: Timing) -> None:
        self._store = store
        self._service = service
        self._timing = timing
        self._due = -math.inf
        self._refused: Mapping[str, Any] = {}

    async def refresh(self) -> bool:
        """Tell and ask, where it is time for that; whether something came. What goes wrong is a line in the log."""
        try:
            pending = await self._store.run(ServerProfile.pending_profile)
            if (not pending or pending == self._refused) and self._timing.monotonic() < self._due:
                return False
            self._due = self._timing.monotonic() + EVERY
            await self._timing.limited(self._exchange({} if pending == self._refused else pending), LONGEST)
            return True
        except NotTaken as error:
            self._refused = pending
            log.warning("the server did not take the profile: %d %s", error.status, error.code)
        except (TimeoutError, SignInError, StoreError, ValueError, TypeError, KeyError) as error:
            log.info("the profile was not fetched: %s", type(error).__name__)
        return False

    async def _exchange(self, pending: Mapping[str, Any]) -> None:
        await self._models()
        await self._data(pending)
        await self._usage()

    async def _usage(self) -> None:
        """Take every day of use and the counters of all time; a server without them leaves what is here."""
        now_ms = self._timing.now_ms()
        days = await self._store.run(UsagePull.usage_days_wanted, now_ms)
        try:
            told = await self._service.ask("GET", USAGE, query={"days": str(days)})
        except NotTaken as error:
            if error.status not in (404, 405):
                raise
            return
        checked_usage(told)
        if not await self._store.run(UsagePull.take_usage, told, days, now_ms):
            self._due = -math.inf

    async def _data(self, pending: Mapping[str, Any]) -> None:
        told = await self._service.ask("PUT", DATA, pending) if pending else await self._service.ask("GET", DATA)
        checked(told)
        if not await self._store.run(ServerProfile.merge, told, pending):
            self._due = -math.inf  # something waited to be sent: the next sync asks again

    async def _models(self) -> None:
        told = await self._service.ask("GET", MODELS, query={"all": "true"})
        models = [one for one in told["models"] if _is_model(one)][:MOST_MODELS]
        await self._store.run(ServerProfile.merge_models, models, relays=told.get("relays") is True)


def checked(told: Any) -> None:
    """Raises ValueError, KeyError or TypeError unless it is an answer of ``/api/user/data``."""
    profile, preferences = told["profile"], told["preferences"]
    if profile["subscription_tier"] not in TIERS[:3]:
        raise ValueError("an unknown tier")
    for one in (preferences["ui"], preferences["session"], preferences["model"], told["allTime"], told["today"]):
        if not isinstance(one, Mapping):
            raise ValueError("no object")
    for day in (*told["recentDays"], told["today"]):
        _check_day(day)


def checked_usage(told: Any) -> None:
    """Raises ValueError, KeyError or TypeError unless it is an answer of ``/api/user/usage``."""
    if not DAY.fullmatch(told["since"]):
        raise ValueError("no day")
    if not all(
        isinstance(told["total"][name], int) for name in ("total_conversations", "message_count", "token_usage")
    ):
        raise ValueError("no number")
    for day in told["days"]:
        _check_day(day)


def _check_day(day: Any) -> None:
    if not DAY.fullmatch(day["usage_date"]):
        raise ValueError("no day")
    if not all(isinstance(one, int) for name, one in day.items() if name not in ("usage_date", "models_used")):
        raise ValueError("no number")
    if not all(isinstance(one, int) for one in (day.get("models_used") or {}).values()):
        raise ValueError("no number")


def _is_model(one: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(one.get("id"), str) or one.get("tier") not in TIERS:
        return False
    limits = [one.get("daily_limit"), one.get("monthly_limit")]
    if not all(limit is None or isinstance(limit, int) for limit in limits):
        return False
    try:
        return all(math.isfinite(float(one["pricing"][name])) for name in ("prompt", "completion"))
    except (KeyError, TypeError, ValueError):
        return False

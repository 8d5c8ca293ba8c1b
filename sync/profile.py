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
from .network.json_api import JsonApi, RequestRejected

if TYPE_CHECKING:
    from sterna.storage import StoreThread

log = logging.getLogger("sterna.sync")

DATA, MODELS, USAGE = "/api/user/data", "/api/models", "/api/user/usage"
EVERY: Final = 900.0
"""Seconds between two exchanges, however often the history is synced meanwhile."""
LONGEST: Final = 20.0
"""Seconds for one exchange: sync of the history waits for it."""
TIERS: Final = ("free", "pro", "enterprise", "admin")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
MOST_MODELS: Final = 2_000


class AccountData:
    """Data of one account beside its history. ``refresh`` is called after each complete sync."""

    def __init__(self, store: StoreThread, api: JsonApi, timing: Timing) -> None:
        self._store = store
        self._api = api
        self._timing = timing
        self._due = -math.inf
        self._refused: Mapping[str, Any] = {}

    async def refresh(self) -> bool:
        """Exchange the data if that is due. Return whether anything was fetched; failures are only logged."""
        try:
            pending = await self._store.run(ServerProfile.pending_profile)
            if (not pending or pending == self._refused) and self._timing.monotonic() < self._due:
                return False
            self._due = self._timing.monotonic() + EVERY
            await self._timing.limited(self._exchange({} if pending == self._refused else pending), LONGEST)
            return True
        except RequestRejected as error:
            self._refused = pending
            log.warning("the server rejected the profile: %d %s", error.status, error.code)
        except (TimeoutError, SignInError, StoreError, ValueError, TypeError, KeyError) as error:
            log.info("the profile was not fetched: %s", type(error).__name__)
        return False

    async def _exchange(self, pending: Mapping[str, Any]) -> None:
        await self._models()
        await self._data(pending)
        await self._usage()

    async def _usage(self) -> None:
        """Fetch usage per day and in total. A server without this endpoint changes nothing here."""
        now_ms = self._timing.now_ms()
        days = await self._store.run(UsagePull.usage_days_wanted, now_ms)
        try:
            value = await self._api.request("GET", USAGE, query={"days": str(days)})
        except RequestRejected as error:
            if error.status not in (404, 405):
                raise
            return
        check_usage(value)
        if not await self._store.run(UsagePull.apply_usage, value, days, now_ms):
            self._due = -math.inf

    async def _data(self, pending: Mapping[str, Any]) -> None:
        value = await self._api.request("PUT", DATA, pending) if pending else await self._api.request("GET", DATA)
        check_data(value)
        if not await self._store.run(ServerProfile.merge, value, pending):
            self._due = -math.inf  # local changes are not sent yet: exchange again after the next sync

    async def _models(self) -> None:
        value = await self._api.request("GET", MODELS, query={"all": "true"})
        models = [item for item in value["models"] if _is_model(item)][:MOST_MODELS]
        images = [item["id"] for item in models if value.get("images") is True and _takes_images(item)]
        await self._store.run(ServerProfile.merge_models, models, relays=value.get("relays") is True, images=images)


def check_data(value: Any) -> None:
    """Raise ValueError, KeyError or TypeError unless ``value`` is a response of ``/api/user/data``."""
    profile, preferences = value["profile"], value["preferences"]
    if profile["subscription_tier"] not in TIERS[:3]:
        raise ValueError("an unknown tier")
    for part in (preferences["ui"], preferences["session"], preferences["model"], value["allTime"], value["today"]):
        if not isinstance(part, Mapping):
            raise ValueError("no object")
    for day in (*value["recentDays"], value["today"]):
        _check_day(day)


def check_usage(value: Any) -> None:
    """Raise ValueError, KeyError or TypeError unless ``value`` is a response of ``/api/user/usage``."""
    if not DAY.fullmatch(value["since"]):
        raise ValueError("no day")
    if not all(
        isinstance(value["total"][name], int) for name in ("total_conversations", "message_count", "token_usage")
    ):
        raise ValueError("no number")
    for day in value["days"]:
        _check_day(day)


def _check_day(day: Any) -> None:
    if not DAY.fullmatch(day["usage_date"]):
        raise ValueError("no day")
    if not all(isinstance(count, int) for name, count in day.items() if name not in ("usage_date", "models_used")):
        raise ValueError("no number")
    if not all(isinstance(count, int) for count in (day.get("models_used") or {}).values()):
        raise ValueError("no number")


def _takes_images(item: Mapping[str, Any]) -> bool:
    inputs = item.get("input_modalities")
    return isinstance(inputs, list) and "image" in inputs


def _is_model(item: Any) -> bool:
    if not isinstance(item, Mapping) or not isinstance(item.get("id"), str) or item.get("tier") not in TIERS:
        return False
    limits = [item.get("daily_limit"), item.get("monthly_limit")]
    if not all(limit is None or isinstance(limit, int) for limit in limits):
        return False
    try:
        return all(math.isfinite(float(item["pricing"][name])) for name in ("prompt", "completion"))
    except (KeyError, TypeError, ValueError):
        return False

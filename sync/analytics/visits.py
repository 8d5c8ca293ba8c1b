"""Announcement of a visit to the server, once per run; failures are only logged.

See docs/specification/features.md#visits.
"""

from __future__ import annotations

import logging
import platform
import secrets
from importlib.metadata import version

from ..clock import Timing
from ..errors import SignInError
from ..network.json_api import JsonApi

log = logging.getLogger("sterna.sync")

START = "/api/chat/session/start"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def session_token(now_ms: int) -> str:
    """Return a token for a new visit: ``sess_<epoch ms>_<9 base36>``."""
    return f"sess_{now_ms}_{''.join(secrets.choice(DIGITS) for _ in range(9))}"


def user_agent() -> str:
    """Return ``sterna/<version> (<system>; Python <version>)``."""
    return f"sterna/{version('sterna')} ({platform.system() or 'unknown'}; Python {platform.python_version()})"


class AnalyticsSession:
    """One visit. Chat works whether or not the visit could be announced."""

    def __init__(self, api: JsonApi, timing: Timing) -> None:
        self._api = api
        self._timing = timing
        self._token: str | None = None
        self._active = False

    @property
    def session_token(self) -> str | None:
        """Return the visit's token; None before the first try."""
        return self._token

    @property
    def is_active(self) -> bool:
        """Return whether the server accepted the visit."""
        return self._active

    async def start_session(self) -> None:
        """Announce the visit unless that is done. A failure is logged; the next call tries again."""
        if self._active:
            return
        self._token = self._token or session_token(self._timing.now_ms())
        # a terminal has no width in pixels to tell a device by: see docs/specification/decisions.md#visit-device
        body = {"sessionToken": self._token, "userAgent": user_agent(), "referrer": "", "deviceType": "desktop"}
        try:
            await self._api.request("POST", START, body)
        except SignInError as error:
            log.info("the visit was not announced: %s", type(error).__name__)
        else:
            self._active = True

"""Events of a person's use that are sent once they said yes: their names, and the functions that take them.

See docs/specification/features.md#interaction-analytics.

No text can be in an event: its data are numbers, yes or no, and the few words of :data:`WORDS`; anything else is left
out where the event is made.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from ..errors import SignInError
from ..network.json_api import NotTaken, Service

RPC: Final = "/rest/v1/rpc/"

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "app_started": "Sterna was opened",
        "app_closed": "Sterna was closed, and how long it was open",
        "conversation_opened": "a conversation was opened",
        "conversation_renamed": "a conversation got another title",
        "conversation_deleted": "a conversation was deleted",
        "message_sent": "a message was sent",
        "reply_finished": "a reply ended: how (done, stopped, failed …), how long it took, how many tokens it had",
        "search_opened": "the search was opened",
        "similar_opened": "an earlier question was opened from the hint about it",
        "model_chosen": "another model was chosen",
    }
)
"""Every event there is, and what it tells."""

WORDS: Final = frozenset({"done", "stopped", "interrupted", "failed"})
IDS: Final = re.compile(r"(conv|msg)_\d{1,15}_[0-9a-z]{1,12}")


def device_info() -> dict[str, Any]:
    """What a session tells of this computer."""
    return {
        "device_type": "terminal",
        "product": "sterna",
        "version": version("sterna"),
        "os": platform.system() or "unknown",
        "python": platform.python_version(),
    }


def harmless(event_data: Mapping[str, Any]) -> dict[str, Any]:
    """What of it may be sent: numbers, yes or no, and known words, under names in plain letters."""
    return {
        name: value
        for name, value in event_data.items()
        if name.isidentifier()
        and name.isascii()
        and len(name) <= 40
        and (isinstance(value, bool | int | float) or (isinstance(value, str) and value in WORDS))
    }


def harmless_id(content_id: str | None) -> str | None:
    """An id that this program made; None for anything else."""
    return content_id if content_id is not None and IDS.fullmatch(content_id) else None


class AnalyticsService:
    """The functions of interaction analytics at one account's server. Every method raises :class:`SignInError`."""

    def __init__(self, service: Service, user_id: str) -> None:
        self._service = service
        self.user_id = user_id

    async def start_user_session(self, session_token: str | None = None) -> str:
        """Begin a session, or go on with the open one of that token; gives its id."""
        told = await self._call(
            "start_user_session",
            p_user_id=self.user_id,
            p_device_info=device_info(),
            p_session_token=session_token,
        )
        if (
            not isinstance(told, Mapping)
            or told.get("success") is not True
            or not isinstance(told.get("session_id"), str)
        ):
            raise NotTaken(_error(told), 200, "")
        session_id: str = told["session_id"]
        return session_id

    async def end_user_session(self, session_id: str) -> bool:
        """Whether an open session was ended by this."""
        return await self._call("end_user_session", p_session_id=session_id) is True

    async def track_event(
        self,
        session_id: str,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: Mapping[str, Any] | None = None,
    ) -> bool:
        """Send one event of a session; False when it was not taken."""
        told = await self._call(
            "track_user_interaction",
            p_session_id=session_id,
            p_event_type=event_type,
            p_content_id=harmless_id(content_id),
            p_duration=duration,
            p_event_data=harmless(event_data or {}),
        )
        return isinstance(told, Mapping) and told.get("success") is True

    async def track_events(self, events: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Send up to 500 at once; gives what was wrong with those that were not taken, by their place."""
        told = await self._call("batch_track_user_interactions", p_interactions=list(events))
        if not isinstance(told, Mapping) or told.get("success") is not True:
            raise NotTaken(_error(told), 200, "")
        errors = told.get("errors")
        found = errors if isinstance(errors, list) else []
        return {
            one["index"]: str(one.get("error", ""))
            for one in found
            if isinstance(one, Mapping) and isinstance(one.get("index"), int)
        }

    async def event_count(self, session_id: str) -> int:
        """How many events of a session the server has."""
        told = await self._call("count_session_events", p_session_id=session_id)
        return told if isinstance(told, int) else 0

    async def open_session(self) -> str | None:
        """The id of the newest session of the person that is open; None when none is."""
        told = await self._call("get_open_user_session", p_user_id=self.user_id)
        return told if isinstance(told, str) else None

    async def close(self) -> None:
        """End its connections."""
        await self._service.close()

    async def _call(self, function: str, **arguments: Any) -> Any:
        return await self._service.ask("POST", RPC + function, arguments)


def _error(told: Any) -> str:
    said = told.get("error") if isinstance(told, Mapping) else None
    return said if isinstance(said, str) else "The server does not keep analytics."


# The three checks of docs/specification/features.md#interaction-analytics, for `sterna doctor analytics`


async def verify_user_session(service: AnalyticsService) -> bool:
    """Whether the person has an open session at the server."""
    return await service.open_session() is not None


async def verify_session_events(service: AnalyticsService, session_id: str) -> int:
    """How many events the server has of a session."""
    return await service.event_count(session_id)


async def test_session_and_event_creation(service: AnalyticsService) -> dict[str, Any]:
    """Begin a session, send one event, count, end: ``{success, sessionId, eventCount}``.

    See docs/specification/vectors.md#vector-19.
    """
    session_id: str | None = None
    try:
        session_id = await service.start_user_session()
        kept = await service.track_event(session_id, "app_started", event_data={"probe": True})
        count = await service.event_count(session_id)
        ended = await service.end_user_session(session_id)
    except SignInError as error:
        return {"success": False, "sessionId": session_id, "eventCount": 0, "error": str(error)}
    return {"success": kept and count == 1 and ended, "sessionId": session_id, "eventCount": count}

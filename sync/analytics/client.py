"""Usage analytics: names of the events, and the server functions that record them. Nothing is sent without consent.

See docs/specification/features.md#interaction-analytics.

No text can be in an event: its data are numbers, booleans and the few words of :data:`WORDS`; anything else is left
out when the event is created.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from ..errors import SignInError
from ..network.json_api import JsonApi, RequestRejected

RPC: Final = "/rest/v1/rpc/"

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "app_started": "Sterna was opened",
        "app_closed": "Sterna was closed, and how long it was open",
        "conversation_opened": "a conversation was opened",
        "conversation_renamed": "a conversation got another title",
        "conversation_exported": "conversations were written to files",
        "conversation_labelled": "conversations were pinned, archived or tagged",
        "conversation_deleted": "a conversation was deleted",
        "message_sent": "a message was sent",
        "reply_finished": "a reply ended: how (done, stopped, failed …), how long it took, how many tokens it had",
        "search_opened": "the search was opened",
        "similar_opened": "an earlier question was opened from the hint about it",
        "model_chosen": "another model was chosen",
    }
)
"""Every event, and what it reports."""

WORDS: Final = frozenset({"done", "stopped", "interrupted", "failed"})
IDS: Final = re.compile(r"(conv|msg)_\d{1,15}_[0-9a-z]{1,12}")


def device_info() -> dict[str, Any]:
    """Return what an analytics session reports about this computer."""
    return {
        "device_type": "terminal",
        "product": "sterna",
        "version": version("sterna"),
        "os": platform.system() or "unknown",
        "python": platform.python_version(),
    }


def harmless(event_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that may be sent: numbers, booleans and known words, under ASCII names."""
    return {
        name: value
        for name, value in event_data.items()
        if name.isidentifier()
        and name.isascii()
        and len(name) <= 40
        and (isinstance(value, bool | int | float) or (isinstance(value, str) and value in WORDS))
    }


def harmless_id(content_id: str | None) -> str | None:
    """Return an id that this program generated; None for anything else."""
    return content_id if content_id is not None and IDS.fullmatch(content_id) else None


class AnalyticsService:
    """Server functions of interaction analytics for one account. Every method raises :class:`SignInError`."""

    def __init__(self, api: JsonApi, user_id: str) -> None:
        self._api = api
        self.user_id = user_id

    async def start_user_session(self, session_token: str | None = None) -> str:
        """Start a session, or continue the open one with that token. Return its id."""
        result = await self._call(
            "start_user_session",
            p_user_id=self.user_id,
            p_device_info=device_info(),
            p_session_token=session_token,
        )
        if (
            not isinstance(result, Mapping)
            or result.get("success") is not True
            or not isinstance(result.get("session_id"), str)
        ):
            raise RequestRejected(_error(result), 200, "")
        session_id: str = result["session_id"]
        return session_id

    async def end_user_session(self, session_id: str) -> bool:
        """End a session. Return whether it was open."""
        return await self._call("end_user_session", p_session_id=session_id) is True

    async def track_event(
        self,
        session_id: str,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: Mapping[str, Any] | None = None,
    ) -> bool:
        """Send one event of a session. Return whether it was accepted."""
        result = await self._call(
            "track_user_interaction",
            p_session_id=session_id,
            p_event_type=event_type,
            p_content_id=harmless_id(content_id),
            p_duration=duration,
            p_event_data=harmless(event_data or {}),
        )
        return isinstance(result, Mapping) and result.get("success") is True

    async def track_events(self, events: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Send up to 500 events at once. Return the errors of those that were rejected, by their index."""
        result = await self._call("batch_track_user_interactions", p_interactions=list(events))
        if not isinstance(result, Mapping) or result.get("success") is not True:
            raise RequestRejected(_error(result), 200, "")
        errors = result.get("errors")
        return {
            item["index"]: str(item.get("error", ""))
            for item in (errors if isinstance(errors, list) else [])
            if isinstance(item, Mapping) and isinstance(item.get("index"), int)
        }

    async def event_count(self, session_id: str) -> int:
        """Return the number of events that the server has of a session."""
        result = await self._call("count_session_events", p_session_id=session_id)
        return result if isinstance(result, int) else 0

    async def open_session(self) -> str | None:
        """Return the id of the newest open session, or None."""
        result = await self._call("get_open_user_session", p_user_id=self.user_id)
        return result if isinstance(result, str) else None

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _call(self, function: str, **arguments: Any) -> Any:
        return await self._api.request("POST", RPC + function, arguments)


def _error(result: Any) -> str:
    error = result.get("error") if isinstance(result, Mapping) else None
    return error if isinstance(error, str) else "The server does not support analytics."


# The three checks of docs/specification/features.md#interaction-analytics, for `sterna doctor analytics`


async def verify_user_session(service: AnalyticsService) -> bool:
    """Return whether there is an open session at the server."""
    return await service.open_session() is not None


async def verify_session_events(service: AnalyticsService, session_id: str) -> int:
    """Return the number of events that the server has of a session."""
    return await service.event_count(session_id)


async def test_session_and_event_creation(service: AnalyticsService) -> dict[str, Any]:
    """Start a session, send one event, count the events and end it: ``{success, sessionId, eventCount}``.

    See docs/specification/vectors.md#vector-19.
    """
    session_id: str | None = None
    try:
        session_id = await service.start_user_session()
        accepted = await service.track_event(session_id, "app_started", event_data={"probe": True})
        count = await service.event_count(session_id)
        ended = await service.end_user_session(session_id)
    except SignInError as error:
        return {"success": False, "sessionId": session_id, "eventCount": 0, "error": str(error)}
    return {"success": accepted and count == 1 and ended, "sessionId": session_id, "eventCount": count}

"""Events of visits, and those that are not sent yet.

Nothing is written here unless the person said yes to analytics. See
docs/specification/functions.md#track-user-interaction and docs/specification/schema.md#table-interactions-waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor
from re import compile as pattern
from typing import Any, Final
from uuid import uuid4

from ..clock import parse, stamp
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, json_object, to_json
from .visits import Visits

MOST_AT_ONCE: Final = 500
MOST_WAITING: Final = 1000
"""Events that wait to be sent; the oldest go when more come."""
LONGEST_TYPE, LONGEST_CONTENT_ID, LONGEST_DATA, LONGEST_DURATION = 100, 255, 8192, 2**31 - 1

UUID = pattern(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_COLUMNS = "id, session_id, event_type, content_id, duration, event_data, created_at"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One event, as it waits or was sent."""

    id: str
    session_token: str
    session_id: str | None
    """The server's id of the visit; None while that is not known."""
    event_type: str
    content_id: str | None
    duration: int | None
    """Milliseconds."""
    event_data: Mapping[str, Any]
    created_at: str

    def wire(self, session_id: str) -> dict[str, Any]:
        """Return the event as ``batch_track_user_interactions`` accepts it, in the visit of that id."""
        return {
            "id": self.id,
            "session_id": session_id,
            "event_type": self.event_type,
            "content_id": self.content_id,
            "duration": self.duration,
            "event_data": dict(self.event_data),
            "created_at": self.created_at,
        }


@in_sentences
class Interactions:
    """The table ``user_interactions``, and the local one of events that wait."""

    def __init__(self, db: Database, visits: Visits) -> None:
        self.db = db
        self._visits = visits

    def keep_interaction(self, item: Any) -> tuple[str | None, bool, str | None]:
        """Store an event; return its id, whether it is new, and what is wrong with it."""
        if (error := interaction_problem(item)) is not None:
            return None, False, error
        at = self.db.stamp()
        if item.get("created_at") is not None:
            try:
                at = min(stamp(parse(str(item["created_at"]))), at)
            except (ValueError, OverflowError):
                return None, False, "created_at is not a time"
        visit = self.db.one(
            "select ended_at, metadata from user_sessions where id = :id", id=item["session_id"].lower()
        )
        if visit is None:
            return None, False, "Session not found"
        closed_by = json_object(visit["metadata"]).get("closed_by")
        if visit["ended_at"] is not None and at > visit["ended_at"] and closed_by != "idle":
            return None, False, "Session has ended"
        key = (item.get("id") or str(uuid4())).lower()
        duration, data = item.get("duration"), item.get("event_data")
        content_id = item.get("content_id")
        is_new = self.db.execute(
            f"insert into user_interactions ({_COLUMNS}) values"
            " (:id, :session, :type, :content, :duration, :data, :at) on conflict (id) do nothing",
            {
                "id": key,
                "session": item["session_id"].lower(),
                "type": item["event_type"],
                "content": None if content_id is None else str(content_id),
                "duration": None if duration is None else floor(duration + 0.5),
                "data": to_json(data or {}),
                "at": at,
            },
        ).rowcount
        return key, bool(is_new), None

    def queue_interactions(
        self,
        session_token: str,
        events: Iterable[tuple[str, str | None, int | None, Mapping[str, Any]]],
        *,
        session_id: str | None = None,
    ) -> int:
        """Keep events (type, content id, duration, data) until they are sent; how many wait now.

        Of more than 1,000 the oldest go.
        """
        with self.db.write():
            self.db.executemany(
                f"insert into interactions_waiting ({_COLUMNS}, session_token) values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (str(uuid4()), session_id, kind, content, duration, to_json(data), self.db.stamp(), session_token)
                    for kind, content, duration, data in events
                ],
            )
            self.db.execute(
                "delete from interactions_waiting where place <= (select max(place) from interactions_waiting) - :most",
                {"most": MOST_WAITING},
            )
            row = self.db.one("select count(*) as n from interactions_waiting")
        assert row is not None
        count: int = row["n"]
        return count

    def begin_visit(self, user_id: str, device_info: Mapping[str, Any], session_token: str, session_id: str) -> None:
        """Record that a server has begun a visit under this id: events that waited for it may be sent."""
        with self.db.write():
            self._visits.start_user_session(user_id, device_info, session_token, session_id=session_id)
            self.db.execute(
                "update interactions_waiting set session_id = :id where session_token = :token and session_id is null",
                {"id": session_id, "token": session_token},
            )

    def waiting_interactions(self, limit: int = MOST_AT_ONCE) -> list[Interaction]:
        """Return events that wait to be sent, in the order in which they happened."""
        rows = self.db.rows(
            f"select {_COLUMNS}, session_token from interactions_waiting order by place limit :limit", limit=limit
        )
        return [Interaction(**{**dict(row), "event_data": from_json(row["event_data"])}) for row in rows]

    def interactions_sent(self, sent: Iterable[tuple[Interaction, str]], refused: Iterable[Interaction] = ()) -> None:
        """Remove sent events, given with the ids of their visits, and refused ones from those that wait."""
        with self.db.write():
            taken = list(sent)
            for item, session_id in taken:
                if self.db.one("select 1 from user_sessions where id = :id", id=session_id) is not None:
                    self.keep_interaction(item.wire(session_id))
            self.db.executemany(
                "delete from interactions_waiting where id = ?",
                [(item.id,) for item in (*(event for event, _ in taken), *refused)],
            )

    def forget_interactions(self) -> int:
        """Remove everything that was noted for analytics, visits too; how many events that were."""
        with self.db.write():
            gone = self.db.execute("delete from interactions_waiting").rowcount
            gone += self.db.execute("delete from user_interactions").rowcount
            self.db.execute("update visit_messages set session_id = null")
            self.db.execute("delete from user_sessions")
        return gone


def interaction_problem(item: Any) -> str | None:
    """Return what is wrong with an event, in the server's words; None when nothing is."""
    if not isinstance(item, Mapping):
        return "An interaction is an object"
    session_id, key, kind = item.get("session_id"), item.get("id"), item.get("event_type")
    content_id, duration, data = item.get("content_id"), item.get("duration"), item.get("event_data")
    checks = (
        (isinstance(session_id, str) and UUID.fullmatch(session_id), "session_id is not the id of a session"),
        (key is None or (isinstance(key, str) and UUID.fullmatch(key)), "id is not a uuid"),
        (isinstance(kind, str) and 1 <= len(kind) <= LONGEST_TYPE, "event_type has 1 to 100 characters"),
        (
            content_id is None or (_is_plain(content_id, str) and len(str(content_id)) <= LONGEST_CONTENT_ID),
            "content_id is an id of at most 255 characters",
        ),
        (
            duration is None or (_is_plain(duration) and 0 <= duration <= LONGEST_DURATION),
            "duration is a number of milliseconds",
        ),
        (data is None or isinstance(data, Mapping), "event_data is an object"),
        (data is None or len(to_json(data)) <= LONGEST_DATA, "event_data is larger than 8 KiB"),
    )
    return next((says for fine, says in checks if not fine), None)


def _is_plain(value: Any, *more: type) -> bool:
    return isinstance(value, (int, float, *more)) and not isinstance(value, bool)

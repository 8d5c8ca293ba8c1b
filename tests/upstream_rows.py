"""The tables behind the stand-in of upstream: what its PostgreSQL keeps, refuses and counts.

``flavour`` is ``H`` for current upstream and ``S`` for early upstream. See
docs/specification/triggers.md#upstream-message-statistics and docs/specification/README.md#upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Flavour = Literal["H", "S"]
Row = dict[str, Any]

INT4 = 2**31 - 1
MICROSECOND = timedelta(microseconds=1)
COUNTS = ("total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "elapsed_time", "output_image_tokens")

SESSION: Row = {
    "title": "New Chat",
    "message_count": 0,
    "total_tokens": 0,
    "last_model": None,
    "last_message_preview": None,
    "last_message_timestamp": None,
}
MESSAGE: Row = {
    "content": None,
    "role": None,
    "model": None,
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "user_message_id": None,
    "content_type": "text",
    "completion_id": None,
    "error_message": None,
    "is_streaming": False,
    "metadata": {},
}
LATER: Row = {
    "elapsed_ms": 0,
    "reasoning": None,
    "reasoning_details": None,
    "has_attachments": False,
    "attachment_count": 0,
    "has_websearch": False,
    "websearch_result_count": 0,
    "output_image_tokens": 0,
}


class Refused(Exception):
    """A statement that the database did not run; its text is the SQLSTATE."""


def shown(at: datetime | None) -> str | None:
    """A time as the database writes it into JSON: no zeros at its end."""
    if at is None:
        return None
    text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}+00:00"


def read_time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise Refused("22007")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise Refused("22007") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass
class Tables:
    """Everybody's conversations. Every method but the readers is one transaction."""

    clock: Callable[[], datetime]
    flavour: Flavour = "H"
    row_cap: int = 1000
    """A hosted database answers no more rows than this, and does not say so."""
    sessions: dict[str, Row] = field(default_factory=dict)
    messages: dict[str, dict[str, Row]] = field(default_factory=dict)
    """By conversation."""
    place: dict[str, str] = field(default_factory=dict)
    """Message id → conversation: ids are keys for all users together."""
    _last: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment of a transaction; no two have the same."""
        self._last = max(self.clock(), self._last + MICROSECOND)
        return self._last

    # readers

    def session(self, user: str, session_id: str) -> Row | None:
        row = self.sessions.get(session_id)
        return row if row is not None and row["user_id"] == user else None

    def sessions_of(self, user: str) -> list[Row]:
        return [row for row in self.sessions.values() if row["user_id"] == user]

    def manifest(self, user: str) -> list[Row]:
        rows = sorted(self.sessions_of(user), key=lambda row: row["updated_at"], reverse=True)
        return rows[: self.row_cap]

    def listing(self, user: str) -> list[Row]:
        """By the time of the last message, as ``order by … desc`` does it: those without one come first."""
        never = datetime.max.replace(tzinfo=UTC)
        return sorted(
            self.sessions_of(user), key=lambda row: (row["last_message_timestamp"] or never, row["id"]), reverse=True
        )

    def messages_of(self, session_id: str, since: datetime | None = None) -> list[Row]:
        rows = sorted(self.messages.get(session_id, {}).values(), key=lambda row: row["message_timestamp"])
        if since is not None:
            rows = [row for row in rows if row["message_timestamp"] > since]
        return rows[: self.row_cap]

    # writers

    def upsert_session(self, user: str, session_id: Any, given: Mapping[str, Any]) -> None:
        """As a single-object upsert does it: keys that are not given are left as they are."""
        self._check_session(session_id, given)
        now = self.now()
        row = self.sessions.get(session_id)
        if row is None:
            made = given.get("updated_at")
            first = {"id": session_id, "user_id": user, "created_at": now, "last_activity": now}
            row = self.sessions[session_id] = SESSION | first
            row |= _timed(given)
            row["updated_at"] = now if made is None else read_time(made)
            return
        if row["user_id"] != user:
            raise Refused("42501")
        row |= _timed(given)
        row["updated_at"] = row["last_activity"] = now

    def insert_session(self, user: str, session_id: Any, title: str) -> Row:
        self._check_session(session_id, {"title": title})
        if session_id in self.sessions:
            raise Refused("23505")
        self.upsert_session(user, session_id, {"title": title})
        return self.sessions[session_id]

    def update_session(self, user: str, session_id: str, given: Mapping[str, Any]) -> Row | None:
        row = self.session(user, session_id)
        if row is None:
            return None
        self._check_session(session_id, given)
        row |= _timed(given)
        row["updated_at"] = row["last_activity"] = self.now()
        return row

    def upsert_messages(self, user: str, rows: list[Row], *, insert: bool = False) -> list[Row]:
        """One statement: all rows or none. A column that one row has is written to all, as null where it is missing."""
        columns = {name for row in rows for name in row}
        seen: set[str] = set()
        for row in rows:
            row |= dict.fromkeys(columns - row.keys())
            self._check_message(user, row)
            if row["id"] in seen:
                raise Refused("21000")
            if insert and row["id"] in self.place:
                raise Refused("23505")
            seen.add(row["id"])
        now = self.now()
        done, first = [], MESSAGE | (LATER if self.flavour == "H" else {"elapsed_time": 0})
        for row in rows:
            known = self.place.get(row["id"])
            kept = self.messages[known].pop(row["id"]) if known is not None else first | {"message_timestamp": now}
            kept |= row
            self.messages.setdefault(row["session_id"], {})[row["id"]] = kept
            self.place[row["id"]] = row["session_id"]
            done.append(kept)
        for session_id in dict.fromkeys(row["session_id"] for row in rows):
            self._recount(session_id, now)
        return done

    def delete_session(self, user: str, session_id: str) -> None:
        if self.session(user, session_id) is not None:
            for message_id in self.messages.pop(session_id, {}):
                del self.place[message_id]
            del self.sessions[session_id]

    def delete_message(self, message_id: str) -> None:
        """No endpoint does this; another client of the database may."""
        session_id = self.place.pop(message_id)
        del self.messages[session_id][message_id]
        self._recount(session_id, self.now())

    def _recount(self, session_id: str, now: datetime) -> None:
        row = self.sessions[session_id]
        rows = self.messages.get(session_id, {}).values()
        counted = [one for one in rows if self.flavour == "S" or not one["error_message"]]
        newest = max(counted, key=lambda one: one["message_timestamp"], default=None)
        row["message_count"] = len(counted)
        row["total_tokens"] = sum(one["total_tokens"] or 0 for one in counted)
        row["last_message_timestamp"] = newest["message_timestamp"] if newest else None
        row["last_message_preview"] = newest["content"][:200] if newest else None
        row["last_model"] = newest["model"] if newest else None
        row["updated_at"] = row["last_activity"] = now

    def _check_session(self, session_id: Any, given: Mapping[str, Any]) -> None:
        _text(session_id, None, "23502")
        if "title" in given:
            _text(given["title"], 255, "23502")
        _text(given.get("last_model") or "", 100)
        _text(given.get("last_message_preview") or "", None)
        for name in ("message_count", "total_tokens"):
            _int4(given.get(name, 0))
        for name in ("last_message_timestamp", "updated_at"):
            if given.get(name) is not None:
                read_time(given[name])

    def _check_message(self, user: str, row: Row) -> None:
        _text(row.get("id"), None, "23502")
        _text(row.get("content"), None, "23502")
        if row.get("role") not in ("user", "assistant", "system"):
            raise Refused("23514")
        if row.get("content_type", "text") not in ("text", "markdown", None):
            raise Refused("23514")
        for name, longest in (("model", 100), ("completion_id", 255), ("user_message_id", None), ("reasoning", None)):
            _text(row.get(name) or "", longest)
        _json_text(row.get("metadata"))
        _json_text(row.get("reasoning_details"))
        for name in COUNTS:
            _int4(row.get(name))
        session = self.sessions.get(row["session_id"])
        if session is None:
            raise Refused("23503")
        home = self.sessions.get(self.place.get(row["id"], ""), session)
        if session["user_id"] != user or home["user_id"] != user:
            raise Refused("42501")


def _timed(given: Mapping[str, Any]) -> Row:
    row = {name: given[name] for name in SESSION if name in given}
    if row.get("last_message_timestamp") is not None:
        row["last_message_timestamp"] = read_time(row["last_message_timestamp"])
    return row


def _text(value: Any, longest: int | None, missing: str = "22023") -> None:
    if not isinstance(value, str):
        raise Refused(missing)
    if not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value):
        raise Refused("22P02")
    if "\0" in value:
        raise Refused("22P05")
    if longest is not None and len(value) > longest:
        raise Refused("22001")


def _json_text(value: Any) -> None:
    if isinstance(value, str):
        _text(value, None)
    elif isinstance(value, Mapping):
        _each(value.values())
    elif isinstance(value, list):
        _each(value)


def _each(values: Iterable[Any]) -> None:
    for one in values:
        _json_text(one)


def _int4(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused("22P02")
    if abs(value) > INT4:
        raise Refused("22003")

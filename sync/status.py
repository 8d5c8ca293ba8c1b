"""What may be said truthfully about where the history is: one record, one line, a sentence where one helps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sterna.storage import Store

Phase = Literal[
    "local", "off", "synced", "waiting", "syncing", "offline", "portal", "signin", "update", "paused", "blocked"
]
"""No server knows the account; sending is not allowed; everything is there; something is not; it is being sent or
fetched; no way to the server; the network shows a page of its own; the sign-in has ended; this program or the server is
too old; the server asked to wait; it goes no further before somebody has read why."""

MOST = 10_000
"""So far the store counts; more would make a status line slow."""

LOCAL_ONLY = "local only"
"""What an account is that no server knows."""

_WORDS: dict[Phase, str] = {
    "local": LOCAL_ONLY,
    "off": "sync off",
    "synced": "synced",
    "syncing": "syncing",
    "offline": "offline",
    "portal": "network needs sign-in",
    "signin": "needs sign-in",
    "update": "update needed",
    "paused": "paused",
    "blocked": "sync stopped",
}


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Where the history stands with its server, now."""

    phase: Phase = "local"
    waiting: int = 0
    """Changes that the server does not have and is to be told; counted up to :data:`MOST` only."""
    done: int = 0
    """Of ``total``, while phase is ``syncing`` and the work is long; else both are 0."""
    total: int = 0
    until_ms: int | None = None
    """When the next try is, ms since 1970; None: with the next change, or by hand."""
    sentence: str = ""
    """For a person: what is the matter, and what to do about it. Clean."""
    quarantined: int = 0
    """Changes beside those that the server does not take."""
    conflicts: int = 0
    """Values that another device has overtaken and that nobody has looked at yet."""
    at_ms: int | None = None
    """When everything was last in step, ms since 1970."""


def line(report: SyncReport, now: datetime, tz: tzinfo | None = None) -> str:
    """A few words for a status line. ``now`` is aware; ``tz`` is where clock times are shown, else this computer's."""
    told = [_first(report, now, tz)]
    if report.phase in ("offline", "portal", "signin", "update", "paused", "blocked", "off") and report.waiting:
        told.append(_waiting(report))
    if report.phase in ("synced", "waiting") and report.quarantined:
        told.append(f"{report.quarantined:,} refused")
    if report.phase in ("synced", "waiting", "syncing") and report.conflicts:
        told.append("1 conflict" if report.conflicts == 1 else f"{report.conflicts:,} conflicts")
    return " · ".join(told)


def _first(report: SyncReport, now: datetime, tz: tzinfo | None) -> str:
    if report.phase == "waiting":
        return _waiting(report)
    if report.phase == "syncing" and report.total:
        return f"syncing {min(report.done, report.total):,} of {report.total:,}"
    if report.phase == "paused" and report.until_ms is not None:
        return f"paused until {clock_time(report.until_ms, now, tz)}"
    return _WORDS[report.phase]


def _waiting(report: SyncReport) -> str:
    return f"{report.waiting:,}{'+' if report.waiting >= MOST else ''} waiting"


def clock_time(at_ms: int, now: datetime, tz: tzinfo | None = None) -> str:
    """``14:05``; with the day where that is not today's."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(tz)
    here = now.astimezone(tz)
    if at.date() == here.date():
        return f"{at:%H:%M}"
    return f"{at:%Y-%m-%d %H:%M}"  # names of days would be those of a locale


def at_rest(store: Store, *, sending: bool = True) -> SyncReport:
    """Of a history that nothing syncs at the moment."""
    if store.linking.owner() is None:
        return SyncReport("local", store.sync_metadata.waiting())
    counts = store.sync_metadata.counts()
    phase: Phase = "off" if not sending else "waiting" if counts.waiting else "synced"
    return SyncReport(phase, counts.waiting, quarantined=counts.quarantined, conflicts=counts.conflicts)


def sync_status(store: Store, *, sending: bool = True) -> str:
    """One line for ``sterna doctor``."""
    report = at_rest(store, sending=sending)
    told = line(report, datetime.min.replace(tzinfo=UTC), UTC)  # no line of a history at rest shows a time
    if report.phase != "local" or not report.waiting:
        return told
    changes = "1 change" if report.waiting == 1 else f"{report.waiting:,} changes"
    return f"{told} · {changes} kept for the first sign-in"

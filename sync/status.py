"""Sync status of a history: one record, and its text for the status line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sterna.storage import Store

Phase = Literal[
    "local", "off", "synced", "waiting", "syncing", "offline", "portal", "signin", "update", "paused", "blocked"
]
"""Local account; sync turned off; up to date; changes not sent yet; exchange in progress; server unreachable; sign-in
page of the network; sign-in missing or expired; client or server too old; pause requested by the server; stopped until
the user acts."""

MOST = 10_000
"""Most changes that the store counts; more would slow the status line down."""

LOCAL_ONLY = "local only"
"""Status of a local account."""

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
    """Current sync status of a history."""

    phase: Phase = "local"
    waiting: int = 0
    """Changes not sent yet, counted up to :data:`MOST`."""
    done: int = 0
    """Items done of ``total`` while phase is ``syncing`` and the work is long; else both are 0."""
    total: int = 0
    until_ms: int | None = None
    """Time of the next attempt, ms since 1970; None: with the next change, or on request."""
    sentence: str = ""
    """Problem and advice for the user. Clean."""
    rejected: int = 0
    """Changes that the server rejects; not counted in ``waiting``."""
    conflicts: int = 0
    """Local values that lost against another device's and were not reviewed yet."""
    at_ms: int | None = None
    """Time of the last complete sync, ms since 1970."""
    file_bytes: int = 0
    """Bytes of attached files that were transferred, of ``file_total``; both are 0 while none are."""
    file_total: int = 0


def status_line(report: SyncReport, now: datetime, tz: tzinfo | None = None) -> str:
    """Return the text for a status line. ``now`` is aware; times are shown in ``tz``, by default this computer's."""
    parts = [_first(report, now, tz)]
    if report.phase in ("offline", "portal", "signin", "update", "paused", "blocked", "off") and report.waiting:
        parts.append(_waiting(report))
    if report.phase in ("synced", "waiting") and report.rejected:
        parts.append(f"{report.rejected:,} rejected")
    if report.phase in ("synced", "waiting", "syncing") and report.conflicts:
        parts.append("1 conflict" if report.conflicts == 1 else f"{report.conflicts:,} conflicts")
    if report.phase in ("synced", "waiting", "syncing") and report.file_total:
        parts.append(f"files {min(report.file_bytes * 100 // report.file_total, 100)}%")
    return " · ".join(parts)


_SIGNS: dict[Phase, str] = {"local": "", "off": "", "synced": "✓", "syncing": "↻", "paused": "paused"}


def short_status(report: SyncReport) -> str:
    """Return the status in a few characters: ``✓``, ``↑3``, ``offline``, with ``!`` where something wants a look.

    Empty: nothing is synced, so that there is nothing to know.
    """
    if report.phase == "waiting":
        sign = f"↑{report.waiting:,}" if report.waiting < 1_000 else "↑999+"
    else:
        sign = _SIGNS.get(report.phase, _WORDS[report.phase])
    return f"{sign} !" if report.conflicts or report.rejected else sign


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
    """Return a time as ``14:05``, with the date unless it is today."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(tz)
    here = now.astimezone(tz)
    if at.date() == here.date():
        return f"{at:%H:%M}"
    return f"{at:%Y-%m-%d %H:%M}"  # names of days would depend on the locale


def idle_report(store: Store, *, sending: bool = True) -> SyncReport:
    """Return the status of a history that no process is syncing."""
    if store.linking.owner() is None:
        return SyncReport("local", store.sync_metadata.waiting())
    counts = store.sync_metadata.counts()
    phase: Phase = "off" if not sending else "waiting" if counts.waiting else "synced"
    return SyncReport(phase, counts.waiting, rejected=counts.rejected, conflicts=counts.conflicts)


def sync_status(store: Store, *, sending: bool = True) -> str:
    """Return the line for ``sterna doctor``."""
    report = idle_report(store, sending=sending)
    text = status_line(report, datetime.min.replace(tzinfo=UTC), UTC)  # the status of an idle history shows no time
    if report.phase != "local" or not report.waiting:
        return text
    changes = "1 change" if report.waiting == 1 else f"{report.waiting:,} changes"
    return f"{text} · {changes} saved until you sign in"

"""Text of the page with the sync status, without any I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from textual.content import Content

from sterna.storage import Conflict, Conversation, RejectedChange
from sterna.storage.text import one_line
from sterna.sync.status import SyncReport, clock_time, status_line

from ..counts import counted

LONG = 200
"""Most characters of a text; more than fit on any line."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LineAction:
    """Action of a line."""

    kind: Literal["sign_in", "sign_out", "now", "conflict", "retry", "open"]
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Line of the page; without an action it cannot be selected."""

    content: Content
    action: LineAction | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Content of the page."""

    report: SyncReport
    account: str = ""
    """Email and server that the history belongs to; empty: not signed in."""
    rejected: Sequence[RejectedChange] = ()
    conflicts: Sequence[Conflict] = ()
    private: Sequence[Conversation] = ()
    refused_files: Mapping[str, int] = field(default_factory=dict)
    """Number of attached files that the server does not take, by the reason."""


BEFORE_SIGN_IN = (
    "Your history is on this device only.",
    "Sign in to a server to sync it with your other devices. Nothing is sent before you do.",
)
REASONS = {
    "too_large": "it is too large for the server",
    "title_too_long": "its title is too long for the server",
    "model_too_long": "the name of its model is too long for the server",
    "gone": "the server no longer has it",
}
"""Error codes of a server in words; any other code is shown as it is."""
KINDS = {"c": "title", "m": "message", "s": "setting"}


def page_lines(page: Page, now: datetime) -> list[Line]:
    """Return the lines of the page."""
    status = status_line(page.report, now)
    lines = [Line(Content.styled(status[:1].upper() + status[1:], "bold"))]
    if not page.account:
        lines += [_quiet(sentence) for sentence in BEFORE_SIGN_IN]
        lines += [_gap(), _choice("Sign in", "sign_in")]
        return lines + _private(page)
    lines.append(_quiet(page.account))
    if page.report.at_ms is not None:
        lines.append(_quiet(f"Up to date since {clock_time(page.report.at_ms, now)}"))
    if page.report.sentence:
        lines.append(Line(Content.styled(one_line(page.report.sentence, 400), "$warning")))
    for reason, count in page.refused_files.items():
        lines.append(_quiet(f"{counted(count, 'attached file')} not synced. {reason}"))
    lines.append(_gap())
    if page.report.phase == "signin":
        lines.append(_choice("Sign in again", "sign_in"))
    else:
        lines.append(_choice("Sync now", "now"))
    lines.append(_choice("Sign out (keeps local history)", "sign_out"))
    lines += _section("Rejected by the server", page.rejected, lambda item: _rejected(item, now))
    lines += _section("Conflicts: press enter to compare", page.conflicts, lambda conflict: _conflict(conflict, now))
    return lines + _private(page)


def _private(page: Page) -> list[Line]:
    def line_of(record: Conversation) -> Line:
        return Line(Content(one_line(record.title, LONG)), LineAction("open", record.id))

    return _section("On this device only", page.private, line_of)


def _section(heading: str, items: Sequence[T], draw: Callable[[T], Line]) -> list[Line]:
    if not items:
        return []
    return [_gap(), Line(Content.styled(heading, "bold $primary")), *(draw(item) for item in items)]


def _rejected(item: RejectedChange, now: datetime) -> Line:
    reason = REASONS.get(item.code, f"the server says “{one_line(item.code, 60)}”")
    retry = f"retry {_until(item.next_at, now)}" if item.next_at is not None else "press enter to retry"
    title = one_line(item.title, 60) or "Untitled conversation"
    return Line(Content.assemble(title, (f"  {reason}; {retry}", "$foreground 75%")), LineAction("retry", item.id))


def _conflict(conflict: Conflict, now: datetime) -> Line:
    theirs = "now deleted" if conflict.theirs is None else f"now “{one_line(conflict.theirs, 60)}”"
    return Line(
        Content.assemble(
            (f"{_age(conflict.at, now):>8}  ", "$foreground 75%"),
            f"{KINDS[conflict.kind]} “{one_line(conflict.mine, 80)}”",
            (f"  {theirs}", "$foreground 75%"),
        ),
        LineAction("conflict", str(conflict.id)),
    )


def _choice(label: str, kind: Literal["sign_in", "sign_out", "now"]) -> Line:
    return Line(Content.styled(label, "$primary"), LineAction(kind))


def _quiet(text: str) -> Line:
    return Line(Content.styled(one_line(text, LONG), "$foreground 75%"))


def _gap() -> Line:
    return Line(Content(""))


def _until(at_ms: int, now: datetime) -> str:
    minutes = round((datetime.fromtimestamp(at_ms / 1000, UTC) - now) / timedelta(minutes=1))
    if minutes < 1:
        return "in a moment"
    return f"in {minutes} min" if minutes < 100 else f"in {round(minutes / 60)} h"


def _age(at_ms: int, now: datetime) -> str:
    minutes = (now - datetime.fromtimestamp(at_ms / 1000, UTC)) // timedelta(minutes=1)
    if minutes < 1:
        return "just now"
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 60 * 48 else f"{minutes // 1440} d"

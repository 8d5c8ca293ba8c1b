"""What the sync page says, line by line. Nothing here reads or writes anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from textual.content import Content

from sterna.storage import Conflict, Quarantined, Session
from sterna.storage.text import one_line
from sterna.sync.status import SyncReport, clock_time, line

LONG = 200
"""Characters of a text that are shown of it; more than any line has room for."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Act:
    """What choosing a line does."""

    what: Literal["sign_in", "sign_out", "now", "conflict", "retry", "open"]
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; without an act it is passed over."""

    content: Content
    act: Act | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows."""

    report: SyncReport
    account: str = ""
    """Whose history this is: an email and a server; empty before a sign-in."""
    held: Sequence[Quarantined] = ()
    conflicts: Sequence[Conflict] = ()
    private: Sequence[Session] = ()


PROMISE = (
    "Your history is on this device only.",
    "Sign in to a server to sync it with your other devices. Nothing is sent before you do.",
)
WHY = {
    "too_large": "it is too large for the server",
    "title_too_long": "its title is too long for the server",
    "model_too_long": "the name of its model is too long for the server",
    "gone": "the server no longer has it",
}
"""Words of a server, as sentences; any other word is shown as it is."""
WHAT = {"c": "title", "m": "message", "s": "setting"}


def page_lines(page: Page, now: datetime) -> list[Line]:
    """The whole page."""
    told = [Line(Content.styled(line(page.report, now), "bold"))]
    if not page.account:
        told += [_quiet(sentence) for sentence in PROMISE]
        told += [_gap(), _choice("Sign in", "sign_in")]
        return told + _private(page)
    told.append(_quiet(page.account))
    if page.report.at_ms is not None:
        told.append(_quiet(f"Up to date since {clock_time(page.report.at_ms, now)}"))
    if page.report.sentence:
        told.append(Line(Content.styled(one_line(page.report.sentence, 400), "$warning")))
    told.append(_gap())
    if page.report.phase == "signin":
        told.append(_choice("Sign in again", "sign_in"))
    else:
        told.append(_choice("Sync now", "now"))
    told.append(_choice("Sign out (keeps local history)", "sign_out"))
    told += _section("Rejected by the server", page.held, lambda one: _held(one, now))
    told += _section("Conflicts: press enter to compare", page.conflicts, lambda one: _conflict(one, now))
    return told + _private(page)


def _private(page: Page) -> list[Line]:
    return _section(
        "On this device only", page.private, lambda one: Line(Content(one_line(one.title, LONG)), Act("open", one.id))
    )


def _section(heading: str, found: Sequence[T], draw: Callable[[T], Line]) -> list[Line]:
    if not found:
        return []
    return [_gap(), Line(Content.styled(heading, "bold $primary")), *(draw(one) for one in found)]


def _held(one: Quarantined, now: datetime) -> Line:
    why = WHY.get(one.code, f"the server says “{one_line(one.code, 60)}”")
    again = f"retry {_until(one.next_at, now)}" if one.next_at is not None else "press enter to retry"
    named = one_line(one.title, 60) or "Untitled conversation"
    return Line(Content.assemble(named, (f"  {why}; {again}", "$foreground 75%")), Act("retry", one.id))


def _conflict(one: Conflict, now: datetime) -> Line:
    theirs = "now deleted" if one.theirs is None else f"now “{one_line(one.theirs, 60)}”"
    return Line(
        Content.assemble(
            (f"{_since(one.at, now):>8}  ", "$foreground 75%"),
            f"{WHAT[one.kind]} “{one_line(one.mine, 80)}”",
            (f"  {theirs}", "$foreground 75%"),
        ),
        Act("conflict", str(one.id)),
    )


def _choice(words: str, what: Literal["sign_in", "sign_out", "now"]) -> Line:
    return Line(Content.styled(words, "$primary"), Act(what))


def _quiet(text: str) -> Line:
    return Line(Content.styled(one_line(text, LONG), "$foreground 75%"))


def _gap() -> Line:
    return Line(Content(""))


def _until(at_ms: int, now: datetime) -> str:
    minutes = round((datetime.fromtimestamp(at_ms / 1000, UTC) - now) / timedelta(minutes=1))
    if minutes < 1:
        return "in a moment"
    return f"in {minutes} min" if minutes < 100 else f"in {round(minutes / 60)} h"


def _since(at_ms: int, now: datetime) -> str:
    minutes = (now - datetime.fromtimestamp(at_ms / 1000, UTC)) // timedelta(minutes=1)
    if minutes < 1:
        return "just now"
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 60 * 48 else f"{minutes // 1440} d"

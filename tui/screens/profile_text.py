"""Text of the page with account and usage, without any I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from textual.content import Content

from sterna.storage import one_line, stored_time

from ..counts import counted

SHOWN_MODELS = 5
LONG = 200

MORE = (
    "Change your name:    sterna profile set full_name NAME",
    "Export everything:   sterna export --everything",
    "Delete account:      sterna account delete",
)

ACTIVITY: Mapping[str, str] = {
    "profile_created": "Account created",
    "profile_synced": "Signed in",
    "profile_manual_sync": "Profile refreshed",
    "preferences_updated": "Preferences changed",
    "tier_updated": "Tier changed",
}
"""Texts of the activity log by action; any other action is shown as it is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Content of the page."""

    account: str
    """Email and server; empty: not signed in."""
    profile: Mapping[str, Any]
    """Result of ``get_user_complete_profile``."""
    stats: Mapping[str, Any]
    """Result of ``get_user_stats``."""
    days: Sequence[Mapping[str, Any]]
    """Usage of the last days, newest first."""
    today: str
    activity: Sequence[Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]] = ()
    """Models of the server, with tiers, limits and usage."""


def profile_lines(page: Profile, zone: tzinfo | None = None) -> list[Content]:
    """Return the lines of the page."""
    return [*usage_lines(page), Content(""), *activity_lines(page, zone)]


def usage_lines(page: Profile) -> list[Content]:
    """Return the first column: account and usage."""
    lines = [_bold(page.account or "Local account (not signed in)")]
    if name := one_line(page.profile.get("full_name") or "", LONG):
        lines.append(Content(name))
    if not page.account:
        lines.append(_quiet("Your history is on this device only."))
    lines.append(_pair("Tier", page.stats.get("subscription_tier") or "free"))
    lines += [Content(""), _head("Usage")]
    lines.append(_pair("Today", _usage(day for day in page.days if day["usage_date"] == page.today)))
    month = [day for day in page.days if day["usage_date"][:7] == page.today[:7]]
    lines.append(_pair("This month", _usage(month)))
    lines.append(_pair("All time", ", ".join(_totals(page.stats))))
    if searches := page.stats.get("total_searches"):
        lines.append(_pair("Searches", f"{searches:,} on this device"))
    if models := _models(month):
        lines += [Content(""), _head("Replies this month, by model")]
        lines += [_pair(one_line(name, 60), counted(count, "reply", "replies")) for name, count in models]
    if limited := [model for model in page.models if model["allowed"] and model["limits"]]:
        lines += [Content(""), _head("Limits of your tier")]
        lines += [_pair(one_line(model["model_id"], 60), model["limits"]) for model in limited]
    return lines


def activity_lines(page: Profile, zone: tzinfo | None = None) -> list[Content]:
    """Return the second column: what was done lately, and what can be done elsewhere."""
    lines = []
    if page.activity:
        lines = [_head("Recent activity"), *(_activity_line(entry, zone) for entry in page.activity), Content("")]
    return [*lines, *(_quiet(line) for line in MORE)]


def _usage(days: Iterable[Mapping[str, Any]]) -> str:
    sums: Counter[str] = Counter()
    for day in days:
        sums.update({name: day[name] or 0 for name in ("messages_sent", "messages_received", "total_tokens")})
    sent, received = sums["messages_sent"], sums["messages_received"]
    return f"{counted(sent, 'message')} sent, {received:,} received, {counted(sums['total_tokens'], 'token')}"


def _totals(stats: Mapping[str, Any]) -> list[str]:
    return [
        counted(stats["total_conversations"], "conversation"),
        counted(stats["message_count"], "message"),
        counted(stats["token_usage"], "token"),
    ]


def _models(days: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for day in days:
        counts.update(day["models_used"])
    return counts.most_common(SHOWN_MODELS)


def _activity_line(entry: Mapping[str, Any], zone: tzinfo | None) -> Content:
    at: datetime = stored_time(entry["timestamp"]).astimezone(zone)
    action = ACTIVITY.get(entry["action"], one_line(entry["action"], 60))
    return Content.assemble((f"{at:%Y-%m-%d %H:%M}  ", "$foreground 75%"), action)


def _pair(name: str, value: str) -> Content:
    return Content.assemble((f"{name}  ", "$foreground 75%"), value)


def _bold(text: str) -> Content:
    return Content.styled(one_line(text, LONG), "bold")


def _head(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _quiet(text: str) -> Content:
    return Content.styled(text, "$foreground 75%")

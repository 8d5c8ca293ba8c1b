"""What the profile page says, line by line. Nothing here reads or writes anything."""

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

DONE: Mapping[str, str] = {
    "profile_created": "Account created",
    "profile_synced": "Signed in",
    "profile_manual_sync": "Profile refreshed",
    "preferences_updated": "Preferences changed",
    "tier_updated": "Tier changed",
}
"""Words of the activity log, for people; any other is shown as it is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All that the page shows."""

    account: str
    """An email and a server; empty before a sign-in."""
    profile: Mapping[str, Any]
    """As ``get_user_complete_profile`` gives it."""
    stats: Mapping[str, Any]
    """As ``get_user_stats`` gives it."""
    days: Sequence[Mapping[str, Any]]
    """Use of the last days, newest first."""
    today: str
    activity: Sequence[Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]] = ()
    """Those of the server, with tiers, limits and use."""


def profile_lines(page: Profile, zone: tzinfo | None = None) -> list[Content]:
    """The whole page."""
    told = [_bold(page.account or "Local account (not signed in)")]
    if name := one_line(page.profile.get("full_name") or "", LONG):
        told.append(Content(name))
    if not page.account:
        told.append(_quiet("Your history is on this device only."))
    told.append(_pair("Tier", page.stats.get("subscription_tier") or "free"))
    told += [Content(""), _head("Usage")]
    told.append(_pair("Today", _use(day for day in page.days if day["usage_date"] == page.today)))
    month = [day for day in page.days if day["usage_date"][:7] == page.today[:7]]
    told.append(_pair("This month", _use(month)))
    told.append(_pair("All time", ", ".join(_ever(page.stats))))
    if searches := page.stats.get("total_searches"):
        told.append(_pair("Searches", f"{searches:,} on this device"))
    if models := _models(month):
        told += [Content(""), _head("Replies this month, by model")]
        told += [_pair(one_line(name, 60), counted(count, "reply", "replies")) for name, count in models]
    if limited := [one for one in page.models if one["allowed"] and one["limits"]]:
        told += [Content(""), _head("Limits of your tier")]
        told += [_pair(one_line(one["model_id"], 60), one["limits"]) for one in limited]
    if page.activity:
        told += [Content(""), _head("Recent activity")]
        told += [_done(one, zone) for one in page.activity]
    told += [Content(""), *(_quiet(line) for line in MORE)]
    return told


def _use(days: Iterable[Mapping[str, Any]]) -> str:
    sums: Counter[str] = Counter()
    for day in days:
        sums.update({name: day[name] or 0 for name in ("messages_sent", "messages_received", "total_tokens")})
    sent, received = sums["messages_sent"], sums["messages_received"]
    return f"{counted(sent, 'message')} sent, {received:,} received, {counted(sums['total_tokens'], 'token')}"


def _ever(stats: Mapping[str, Any]) -> list[str]:
    return [
        counted(stats["total_conversations"], "conversation"),
        counted(stats["message_count"], "message"),
        counted(stats["token_usage"], "token"),
    ]


def _models(days: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for day in days:
        found.update(day["models_used"])
    return found.most_common(SHOWN_MODELS)


def _done(one: Mapping[str, Any], zone: tzinfo | None) -> Content:
    at: datetime = stored_time(one["timestamp"]).astimezone(zone)
    action = DONE.get(one["action"], one_line(one["action"], 60))
    return Content.assemble((f"{at:%Y-%m-%d %H:%M}  ", "$foreground 75%"), action)


def _pair(name: str, value: str) -> Content:
    return Content.assemble((f"{name}  ", "$foreground 75%"), value)


def _bold(text: str) -> Content:
    return Content.styled(one_line(text, LONG), "bold")


def _head(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _quiet(text: str) -> Content:
    return Content.styled(text, "$foreground 75%")

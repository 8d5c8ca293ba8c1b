"""``sterna profile``: the account of this history and what was used."""

from __future__ import annotations

from typing import Any

import click

from .output import print_json
from .place import Place


@click.command(short_help="The account, its tier, and what was used.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def profile(place: Place, as_json: bool) -> int:
    """The account of this history: name, tier, counters, and what was used today and in the last 31 days.

    The server is not asked. With --json the object has: profile, stats, today, days, activity.
    """
    with place.store() as store:
        told: dict[str, Any] = {
            "profile": store.get_user_complete_profile(store.user_id),
            "stats": store.get_user_stats(),
            "today": store.usage_today(),
            "days": store.usage_days(31),
            "activity": store.recent_activity(30),
        }
    if as_json:
        print_json(told)
        return 0
    stats, today = told["stats"], told["today"]
    who = told["profile"]["email"] or "This computer's own account"
    click.echo(f"{who}, tier {stats['subscription_tier']}")
    click.echo(f"today: {today['messages_sent']:,} sent, {today['messages_received']:,} received, "
               f"{today['total_tokens']:,} tokens")  # fmt: skip
    click.echo(
        f"since the beginning: {stats['total_conversations']:,} conversations, {stats['message_count']:,} messages, "
        f"{stats['token_usage']:,} tokens, {stats['total_searches']:,} searches"
    )
    return 0

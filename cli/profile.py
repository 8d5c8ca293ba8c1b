"""``sterna profile``: account and usage."""

from __future__ import annotations

from typing import Any

import click

from sterna.storage import Store, one_line

from .context import Place
from .output import counted, print_json


@click.group(invoke_without_command=True, short_help="Account and usage.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def profile(context: click.Context, as_json: bool) -> int:
    """Show the account: name, tier, counters, and the usage of today and of the last 31 days.

    The server is not asked. With --json the object has: profile, stats, today, days, activity, models (each with its
    tier, its limits, and how often it was asked today and this month).
    """
    if context.invoked_subcommand is not None:
        return 0
    place = context.find_object(Place)
    assert place is not None
    with place.store() as store:
        told: dict[str, Any] = {
            "profile": store.profiles.get_user_complete_profile(store.user_id),
            "stats": store.search_history.get_user_stats(),
            "today": store.usage.usage_today(),
            "days": store.usage.usage_days(31),
            "activity": store.profiles.recent_activity(30),
            "models": store.server_profile.server_models() if store.linking.owner() else [],
        }
    if as_json:
        print_json(told)
        return 0
    stats, today = told["stats"], told["today"]
    who = told["profile"]["email"] or "This computer's own account"
    click.echo(f"{who}, tier {stats['subscription_tier']}")
    click.echo(f"today: {today['messages_sent']:,} sent, {today['messages_received']:,} received, "
               f"{counted(today['total_tokens'], 'token')}")  # fmt: skip
    click.echo(
        f"since the beginning: {counted(stats['total_conversations'], 'conversation')}, "
        f"{counted(stats['message_count'], 'message')}, {counted(stats['token_usage'], 'token')}"
    )
    for one in told["models"]:
        if one["allowed"] and one["limits"]:
            click.echo(f"{one_line(one['model_id'], 80)}: {one['limits']}")
    return 0


@profile.command("set", short_help="Change your name, or how models of your server answer.")
@click.argument("name")
@click.argument("value")
@click.pass_obj
def set_(place: Place, name: str, value: str) -> None:
    """Change one value of your profile. The server is told with the next sync, and so are your other computers.

    NAME is full_name; or temperature or system_prompt, with which models of your server are asked where neither the
    conversation nor config.toml has its own. An empty VALUE ("") unsets it.
    """
    if (elsewhere := _set_elsewhere(name)) is not None:
        raise click.ClickException(elsewhere)
    with place.store() as store:
        if name == "full_name":
            store.server_profile.change_full_name(value[:255] or None)
        elif name == "temperature":
            _change(store, {name: _number(value)})
        elif name == "system_prompt":
            _change(store, {name: value or None})
        else:
            known = "full_name, temperature or system_prompt"
            raise click.UsageError(f"There is no {one_line(name, 60)}. Give {known}")
    click.echo("Kept. The server is told with the next sync.")


def _set_elsewhere(name: str) -> str | None:
    """Return where a preference is set that Sterna does not read from the profile; None for any other name."""
    if name == "default_model":
        return "The model of new conversations is set on each computer: ctrl+l in the chat, or model in config.toml."
    if name == "allowed_models":
        return "Which models you may ask follows from your tier. The server's administrator sets it."
    kind, _, inner = name.partition(".")
    if kind in ("ui", "session") and inner:
        return f"{one_line(name, 60)} is not read from the profile. Set it on each computer: f9, or in config.toml."
    return None


def _change(store: Store, preferences: dict[str, Any]) -> None:
    done = store.server_profile.change_preferences("model", preferences)
    if not done["success"]:
        raise click.ClickException(f"{done['error']}.")


def _number(value: str) -> float | None:
    if not value.strip():
        return None
    try:
        return float(value)
    except ValueError:
        raise click.ClickException('temperature is a number from 0 to 2, or "" for the model\'s own.') from None

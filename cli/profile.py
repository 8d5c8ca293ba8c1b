"""``sterna profile``: the account of this history and what was used."""

from __future__ import annotations

import json
from typing import Any

import click

from storage import Store, one_line

from .output import print_json
from .place import Place

MODEL = ("default_model", "temperature", "system_prompt")


@click.group(invoke_without_command=True, short_help="The account, its tier, and what was used.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def profile(context: click.Context, as_json: bool) -> int:
    """The account of this history: name, tier, counters, and what was used today and in the last 31 days.

    The server is not asked. With --json the object has: profile, stats, today, days, activity, models (each with its
    tier, its limits, and how often it was asked today and this month).
    """
    if context.invoked_subcommand is not None:
        return 0
    place = context.find_object(Place)
    assert place is not None
    with place.store() as store:
        told: dict[str, Any] = {
            "profile": store.get_user_complete_profile(store.user_id),
            "stats": store.get_user_stats(),
            "today": store.usage_today(),
            "days": store.usage_days(31),
            "activity": store.recent_activity(30),
            "models": store.server_models() if store.owner() else [],
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
        f"{stats['token_usage']:,} tokens"
    )
    for one in told["models"]:
        if one["allowed"] and one["limits"]:
            click.echo(f"{one_line(one['model_id'], 80)}: {one['limits']}")
    return 0


@profile.command("set", short_help="Change your name or a preference, here and at your server.")
@click.argument("name")
@click.argument("value")
@click.pass_obj
def set_(place: Place, name: str, value: str) -> None:
    """Change one value of your profile. The server is told with the next sync, and so are your other computers.

    NAME is full_name, default_model, temperature, system_prompt, or ui.… or session.… with a name of your own, whose
    value may be JSON: sterna profile set ui.theme light
    """
    kind, _, inner = name.partition(".")
    with place.store() as store:
        if name == "full_name":
            store.change_full_name(value[:255] or None)
        elif name in MODEL:
            _change(store, "model", {name: _number(value) if name == "temperature" else value})
        elif kind in ("ui", "session") and inner:
            _change(store, kind, _nested(inner, _said(value)))
        else:
            known = f"full_name, {', '.join(MODEL)}, ui.… or session.…"
            raise click.UsageError(f"There is no {one_line(name, 60)}. Give {known}")
    click.echo("Kept. The server is told with the next sync.")


def _change(store: Store, kind: str, preferences: dict[str, Any]) -> None:
    done = store.change_preferences(kind, preferences)
    if not done["success"]:
        raise click.ClickException(f"{done['error']}.")


def _nested(path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {name: _nested(rest, value) if rest else value}


def _said(value: str) -> Any:
    """JSON where it is some, else the words."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise click.ClickException("temperature is a number from 0 to 2.") from None

"""``sterna profile``: account and usage."""

from __future__ import annotations

from typing import Any

import click

from sterna.storage import Store, one_line

from .context import CommandContext
from .output import counted, print_json


@click.group(invoke_without_command=True, short_help="Show your account and usage.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def profile(ctx: click.Context, as_json: bool) -> int:
    """Show the account: name, tier, counters, and the usage of today and of the last 31 days.

    The server is not contacted.

    With --json the object has: profile, stats, today, days, activity, models (each with its tier, its limits, and its
    replies of today and this month).
    """
    if ctx.invoked_subcommand is not None:
        return 0
    context = ctx.find_object(CommandContext)
    assert context is not None
    with context.store() as store:
        report: dict[str, Any] = {
            "profile": store.profiles.get_user_complete_profile(store.user_id),
            "stats": store.search_history.get_user_stats(),
            "today": store.usage.usage_today(),
            "days": store.usage.usage_days(31),
            "activity": store.profiles.recent_activity(30),
            "models": store.server_profile.server_models() if store.linking.owner() else [],
        }
    if as_json:
        print_json(report)
        return 0
    stats, today = report["stats"], report["today"]
    name = report["profile"]["email"] or "Local account"
    click.echo(f"{name}, tier {stats['subscription_tier']}")
    click.echo(f"today: {today['messages_sent']:,} sent, {today['messages_received']:,} received, "
               f"{counted(today['total_tokens'], 'token')}")  # fmt: skip
    click.echo(
        f"all time: {counted(stats['total_conversations'], 'conversation')}, "
        f"{counted(stats['message_count'], 'message')}, {counted(stats['token_usage'], 'token')}"
    )
    for model in report["models"]:
        if model["allowed"] and model["limits"]:
            click.echo(f"{one_line(model['model_id'], 80)}: {model['limits']}")
    return 0


@profile.command("set", short_help="Change a value of your profile.")
@click.argument("name")
@click.argument("value")
@click.pass_obj
def set_(context: CommandContext, name: str, value: str) -> None:
    """Change a value of your profile. The next sync sends it to the server and your other devices.

    NAME is full_name, temperature or system_prompt. The last two are the defaults for models of your server, unless the
    conversation or config.toml has others. An empty VALUE ("") removes the value.
    """
    if (hint := _where_to_set(name)) is not None:
        raise click.ClickException(hint)
    with context.store() as store:
        if name == "full_name":
            store.server_profile.change_full_name(value[:255] or None)
        elif name == "temperature":
            _change(store, {name: _number(value)})
        elif name == "system_prompt":
            _change(store, {name: value or None})
        else:
            known = "full_name, temperature or system_prompt"
            raise click.UsageError(f"There is no value {one_line(name, 60)}. Use {known}.")
    click.echo("Saved. It is sent to the server with the next sync.")


def _where_to_set(name: str) -> str | None:
    """Return where to set a preference that Sterna does not read from the profile; None for any other name."""
    if name == "default_model":
        return "The model of new conversations is set on each device: ctrl+l in the chat, or model in config.toml."
    if name == "allowed_models":
        return "The models that you can use depend on your tier, which the server's administrator sets."
    kind, _, inner = name.partition(".")
    if kind in ("ui", "session") and inner:
        setting = one_line(name, 60)
        return f"{setting} is not part of the profile. Set it on each device, in the settings or in config.toml."
    return None


def _change(store: Store, preferences: dict[str, Any]) -> None:
    result = store.server_profile.change_preferences("model", preferences)
    if not result["success"]:
        raise click.ClickException(f"{result['error']}.")


def _number(value: str) -> float | None:
    if not value.strip():
        return None
    try:
        return float(value)
    except ValueError:
        raise click.ClickException('temperature must be a number from 0 to 2, or "" for the model default.') from None

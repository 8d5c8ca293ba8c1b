"""``sterna analytics``: see what usage analytics send, and turn them on or off."""

from __future__ import annotations

from typing import Any

import click

from sterna import config
from sterna.storage import Interaction, one_line
from sterna.sync.analytics.client import EVENTS, device_info
from sterna.sync.analytics.visits import user_agent

from .context import CommandContext
from .output import counted, print_json


@click.group(short_help="Usage analytics: see what is sent, turn it on or off.")
def analytics() -> None:
    """Usage analytics: see what is sent, turn it on or off. Off by default; message text is never sent."""


@analytics.command("show", short_help="Show what is sent.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(context: CommandContext, as_json: bool) -> None:
    """Show what is sent if analytics are on: the session, the kinds of events, and the waiting events.

    With --json the object has: enabled, device_info, user_agent, events (kind: meaning), waiting (each event as sent).
    """
    enabled = context.settings().analytics.enabled
    with context.store() as store:
        waiting = [_event_object(event) for event in store.interactions.waiting_interactions(1000)]
    if as_json:
        session: dict[str, Any] = {"enabled": enabled, "device_info": device_info(), "user_agent": user_agent()}
        print_json(session | {"events": dict(EVENTS), "waiting": waiting})
        return
    click.echo(
        "Analytics are on: usage statistics are sent to your server."
        if enabled
        else "Analytics are off; nothing is sent."
    )
    click.echo("\nEach visit contains these properties of this device:")
    for name, value in device_info().items():
        click.echo(f"  {name}: {value}")
    click.echo("\nEvents, each with its time, the id of the conversation, and numbers:")
    width = max(map(len, EVENTS))
    for name, meaning in EVENTS.items():
        click.echo(f"  {name.ljust(width)}  {meaning}")
    click.echo(f"\n{counted(len(waiting), 'event')} waiting to be sent.")
    for event in waiting:
        click.echo("  " + one_line(_event_line(event), 200))
    click.echo(f"\nTo turn them {'off' if enabled else 'on'}: sterna analytics {'off' if enabled else 'on'}")


@analytics.command("on")
@click.pass_obj
def on(context: CommandContext) -> None:
    """Turn analytics on. They are sent only to the server that your history is synced with."""
    config.save_value("analytics.enabled", True, context.config_dir)
    click.echo("Analytics are on from the next start of the chat. To see what is sent: sterna analytics show")


@analytics.command("off")
@click.pass_obj
def off(context: CommandContext) -> None:
    """Turn analytics off. Unsent events, and the record of sent ones on this device, are removed."""
    config.save_value("analytics.enabled", False, context.config_dir)
    with context.store() as store:
        removed = store.interactions.forget_interactions()
    click.echo(f"Analytics are off. {counted(removed, 'event')} removed from this device.")


def _event_object(event: Interaction) -> dict[str, Any]:
    return event.wire(event.session_id or "the session's id")


def _event_line(event: dict[str, Any]) -> str:
    names = [name for name, value in event.items() if name not in ("id", "session_id") and value not in (None, {})]
    return ", ".join(f"{name} {event[name]}" for name in names)

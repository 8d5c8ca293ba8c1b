"""``sterna analytics``: see what usage analytics send, and turn them on or off."""

from __future__ import annotations

from typing import Any

import click

from sterna import config
from sterna.storage import Interaction, one_line
from sterna.sync.analytics.client import EVENTS, device_info
from sterna.sync.analytics.visits import user_agent

from .context import Place
from .output import counted, print_json


@click.group(short_help="Usage analytics: see what is sent, turn it on or off.")
def analytics() -> None:
    """Usage analytics: see what is sent, turn it on or off. Off by default; message text is never sent."""


@analytics.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(place: Place, as_json: bool) -> None:
    """What is sent, or would be: the session, every kind of event, and each event that waits, whole.

    With --json the object has: enabled, device_info, user_agent, events (kind: what it tells), waiting (each as it is
    sent).
    """
    enabled = place.settings().analytics.enabled
    with place.store() as store:
        waiting = [_event(one) for one in store.interactions.waiting_interactions(1000)]
    if as_json:
        told: dict[str, Any] = {"enabled": enabled, "device_info": device_info(), "user_agent": user_agent()}
        print_json(told | {"events": dict(EVENTS), "waiting": waiting})
        return
    click.echo(
        "Analytics are on: your own server is told what you use." if enabled else "Analytics are off; nothing is sent."
    )
    click.echo("\nA session tells of this computer:")
    for name, value in device_info().items():
        click.echo(f"  {name}: {value}")
    click.echo("\nEvents, each with its time and the id of the conversation, and numbers:")
    width = max(map(len, EVENTS))
    for name, meaning in EVENTS.items():
        click.echo(f"  {name.ljust(width)}  {meaning}")
    click.echo(f"\n{counted(len(waiting), 'event waits', 'events wait')} to be sent.")
    for one in waiting:
        click.echo("  " + one_line(_shown(one), 200))
    click.echo(f"\nTo change it: sterna analytics {'off' if enabled else 'on'}")


@analytics.command("on")
@click.pass_obj
def on(place: Place) -> None:
    """Turn analytics on. They go only to the server that your history is synced with."""
    config.save_value("analytics.enabled", True, place.config_dir)
    click.echo("Analytics are on, from the next start of the chat. To see what is sent: sterna analytics show")


@analytics.command("off")
@click.pass_obj
def off(place: Place) -> None:
    """Turn analytics off. Events not sent yet are removed, and so is this computer's record of what was sent."""
    config.save_value("analytics.enabled", False, place.config_dir)
    with place.store() as store:
        gone = store.interactions.forget_interactions()
    click.echo(f"Analytics are off. {counted(gone, 'event')} removed from this computer.")


def _event(one: Interaction) -> dict[str, Any]:
    return one.wire(one.session_id or "the session's id")


def _shown(event: dict[str, Any]) -> str:
    told = [name for name, value in event.items() if name not in ("id", "session_id") and value not in (None, {})]
    return ", ".join(f"{name} {event[name]}" for name in told)

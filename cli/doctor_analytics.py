"""``sterna doctor analytics``: whether a session and an event get to the server.

See docs/specification/functions.md#get-open-user-session.
"""

from __future__ import annotations

import asyncio
from typing import Any

import click

from sterna.storage import clean
from sterna.sync.analytics import client
from sterna.sync.auth.accounts import Account, Accounts
from sterna.sync.errors import SignInError
from sterna.sync.factory import open_service

from .account_prompts import accounts_of, current
from .context import Place
from .output import paint, print_json


@click.command("analytics", short_help="Whether analytics get to the server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def doctor_analytics(place: Place, as_json: bool) -> int:
    """Begin a session at the server, send one empty event, count it, end the session. Exit code 1 when that fails.

    With --json the object has: success, sessionId, eventCount, hasOpenSession, error.
    """
    if not place.settings().analytics.enabled:
        raise click.ClickException("Analytics are off, so nothing was sent. To say yes to them: sterna analytics on")
    accounts = accounts_of(place)
    with place.store() as store:
        account = current(accounts, store)
    if (why_not := accounts.why_not(account)) is not None:
        raise click.ClickException(why_not)
    told = asyncio.run(_checked(accounts, account))
    if as_json:
        print_json(told)
    else:
        fine = bool(told["success"])
        mark = paint("ok   ", fg="green") if fine else paint("WRONG", fg="red", bold=True)
        click.echo(f"{mark} session: {clean(told['sessionId'] or 'none was begun')}")
        click.echo(f"{mark} events: {told['eventCount']} of 1 arrived")
        if told.get("error"):
            click.echo(clean(told["error"], newlines=False))
        click.echo(f"An open chat {'has' if told['hasOpenSession'] else 'has no'} session at the server now.")
    return 0 if told["success"] else 1


async def _checked(accounts: Accounts, account: Account) -> dict[str, Any]:
    service = client.AnalyticsService(open_service(accounts, account), account.user_id)
    try:
        told = {"hasOpenSession": await client.verify_user_session(service)}
        return told | await client.test_session_and_event_creation(service)
    except SignInError as error:
        nothing = {"hasOpenSession": False, "success": False, "sessionId": None, "eventCount": 0}
        return nothing | {"error": str(error)}
    finally:
        await service.close()

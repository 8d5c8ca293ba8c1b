"""``sterna doctor analytics``: check that a session and an event reach the server.

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
from sterna.sync.factory import open_api

from ..account_context import current_account, open_accounts
from ..context import CommandContext
from ..output import paint, print_json


@click.command("analytics", short_help="Check that analytics reach the server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def doctor_analytics(context: CommandContext, as_json: bool) -> int:
    """Start a session on the server, send an empty event, count it, and end the session. Exit code 1 means failure.

    With --json the object has: success, sessionId, eventCount, hasOpenSession, error.
    """
    if not context.settings().analytics.enabled:
        raise click.ClickException("Analytics are off, so nothing was sent. To turn them on: sterna analytics on")
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
    if (why_not := accounts.sync_obstacle(account)) is not None:
        raise click.ClickException(why_not)
    result = asyncio.run(_check(accounts, account))
    if as_json:
        print_json(result)
    else:
        ok = bool(result["success"])
        mark = paint("ok   ", fg="green") if ok else paint("FAIL ", fg="red", bold=True)
        click.echo(f"{mark} session: {clean(result['sessionId'] or 'not started')}")
        click.echo(f"{mark} events: {result['eventCount']} of 1 received")
        if result.get("error"):
            click.echo(clean(result["error"], newlines=False))
        click.echo(f"{'An' if result['hasOpenSession'] else 'No'} open chat has a session on the server now.")
    return 0 if result["success"] else 1


async def _check(accounts: Accounts, account: Account) -> dict[str, Any]:
    service = client.AnalyticsService(open_api(accounts, account), account.user_id)
    try:
        open_session = {"hasOpenSession": await client.verify_user_session(service)}
        return open_session | await client.test_session_and_event_creation(service)
    except SignInError as error:
        failed = {"hasOpenSession": False, "success": False, "sessionId": None, "eventCount": 0}
        return failed | {"error": str(error)}
    finally:
        await service.close()

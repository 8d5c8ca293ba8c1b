"""``sterna whoami`` and ``accounts``: the current account, and the others on this device."""

from __future__ import annotations

from typing import Any

import click

from sterna.storage import one_line
from sterna.sync.auth.accounts import Account, Accounts

from .account_context import current_account, open_accounts
from .context import CommandContext
from .output import print_json

TOKEN_STORES = {"keyring": "the system's keyring", "file": "a file that only you can read"}


@click.command(short_help="Show the signed-in account.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def whoami(context: CommandContext, as_json: bool) -> int:
    """Show the signed-in account and its server, without contacting the server. Exit code 1 means not signed in.

    With --json the object has: signed_in, email, user_id, server, kind, sending, file.
    """
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
    signed_in = accounts.is_signed_in(account)
    if as_json:
        print_json(account_object(accounts, account))
    elif account.local:
        click.echo("Not signed in. This history is on this device only.")
    elif not signed_in:
        click.echo(f"Signed out of {_server(account)}. The history is still on this device.")
    else:
        source = accounts.token_source(account)
        click.echo(
            f"{_name(account)} at {_server(account)}" + (f", tokens in {TOKEN_STORES[source]}" if source else "")
        )
    return 0 if signed_in else 1


@click.group(invoke_without_command=True, short_help="List the accounts on this device.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def accounts(ctx: click.Context, as_json: bool) -> None:
    """List the accounts on this device. Each has its own history; the current one is marked with *.

    With --json each line has: signed_in, email, user_id, server, kind, sending, file, current.
    """
    if ctx.invoked_subcommand is not None:
        return
    context = ctx.find_object(CommandContext)
    assert context is not None
    accounts = open_accounts(context)
    current = accounts.current()
    for account in accounts.all():
        if as_json:
            print_json(account_object(accounts, account) | {"current": account == current})
            continue
        state = "" if accounts.is_signed_in(account) else "  signed out"
        server = "" if account.local else f"  {_server(account)}{state}"
        click.echo(f"{'*' if account == current else ' '} {_name(account)}{server}  {account.file.name}")


@accounts.command("use")
@click.argument("name")
@click.pass_obj
def use(context: CommandContext, name: str) -> None:
    """Switch to another account; NAME is its email or its file. An open chat must be restarted."""
    accounts = open_accounts(context)
    account = accounts.find(name)
    accounts.switch(account)
    click.echo(f"Switched to {_name(account)}. Restart the chat if it is open.")


def account_object(accounts: Accounts, account: Account) -> dict[str, Any]:
    """Return the object that --json prints for an account."""
    return {
        "signed_in": accounts.is_signed_in(account),
        "email": account.email or None,
        "user_id": account.user_id or None,
        "server": account.origin or None,
        "kind": None if account.local else account.kind,
        "sending": accounts.sync_obstacle(account) is None,
        "file": str(account.file),
    }


def _name(account: Account) -> str:
    return one_line(account.name, 100)


def _server(account: Account) -> str:
    return one_line(account.origin.partition("://")[2], 100)

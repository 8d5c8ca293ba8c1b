"""``sterna whoami`` and ``accounts``: whose history is shown, and the others on this computer."""

from __future__ import annotations

from typing import Any

import click

from sterna.storage import one_line
from sterna.sync.auth.accounts import Account, Accounts

from .account_prompts import accounts_of, current
from .context import Place
from .output import print_json

KEPT = {"keyring": "the system's keyring", "file": "a file that only you can read"}


@click.command(short_help="Who is signed in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def whoami(place: Place, as_json: bool) -> int:
    """Who is signed in, and where. Exit code 1 when nobody is. The server is not asked.

    With --json the object has: signed_in, email, user_id, server, kind, sending, file.
    """
    accounts = accounts_of(place)
    with place.store() as store:
        account = current(accounts, store)
    signed_in = accounts.is_signed_in(account)
    if as_json:
        print_json(account_object(accounts, account))
    elif account.local:
        click.echo("Nobody is signed in; this history is on this computer only.")
    elif not signed_in:
        click.echo(f"Signed out of {_where(account)}; the history is still here.")
    else:
        kept = accounts.kept_where(account)
        click.echo(f"{_name(account)} at {_where(account)}" + (f", tokens in {KEPT[kept]}" if kept else ""))
    return 0 if signed_in else 1


@click.group(invoke_without_command=True, short_help="The accounts on this computer.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def accounts(context: click.Context, as_json: bool) -> None:
    """The accounts on this computer, each with a history of its own; the one that is shown has a star.

    With --json each line has: signed_in, email, user_id, server, kind, sending, file, current.
    """
    if context.invoked_subcommand is not None:
        return
    place = context.find_object(Place)
    assert place is not None
    found = accounts_of(place)
    shown = found.current()
    for one in found.all():
        if as_json:
            print_json(account_object(found, one) | {"current": one == shown})
            continue
        where = "" if one.local else f"  {_where(one)}{'' if found.is_signed_in(one) else '  signed out'}"
        click.echo(f"{'*' if one == shown else ' '} {_name(one)}{where}  {one.file.name}")


@accounts.command("use")
@click.argument("name")
@click.pass_obj
def use(place: Place, name: str) -> None:
    """Show the history of another account from the next start on; NAME is its email or its file."""
    found = accounts_of(place)
    account = found.named(name)
    found.switch(account)
    click.echo(f"The history of {_name(account)} is shown from now on; a chat that is open shows it when started anew.")


def account_object(accounts: Accounts, account: Account) -> dict[str, Any]:
    """What --json prints of an account."""
    return {
        "signed_in": accounts.is_signed_in(account),
        "email": account.email or None,
        "user_id": account.user_id or None,
        "server": account.origin or None,
        "kind": None if account.local else account.kind,
        "sending": accounts.why_not(account) is None,
        "file": str(account.file),
    }


def _name(account: Account) -> str:
    return one_line(account.name, 100)


def _where(account: Account) -> str:
    return one_line(account.origin.partition("://")[2], 100)

"""``sterna account delete``: erase an account, on its server and on this device."""

from __future__ import annotations

import asyncio

import click

from sterna.storage import erase, one_line, require_alone
from sterna.sync.auth.account_deletion import delete_account
from sterna.sync.auth.accounts import Account, Accounts
from sterna.sync.factory import open_api

from .account_context import current_account, open_accounts
from .context import CommandContext
from .output import counted
from .streams import is_interactive, read_line

LOCAL_CONFIRMATION = "delete"
"""Text that confirms the deletion of the local account, which has no email."""


@click.group(short_help="Delete your account.")
def account() -> None:
    """Delete your account."""


@account.command("delete", short_help="Erase the account and its history, here and on the server.")
@click.option("--local-only", is_flag=True, help="Erase the data on this device only.")
@click.option(
    "--yes", "confirmation", metavar="TEXT", help="Confirm with the account's email, or with delete if it has none."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.pass_obj
def delete(context: CommandContext, local_only: bool, confirmation: str | None, password_stdin: bool) -> None:
    """Erase the account and all its data. This cannot be undone; run `sterna export --everything` first.

    On the server this erases conversations, messages, usage, analytics and the account itself; on this device the
    data file, its copies and the sign-in. If the server cannot be reached, nothing is erased here either. Other
    devices keep their data.
    """
    accounts = open_accounts(context)
    with context.store() as store:
        account = current_account(accounts, store)
        history = store.linking.history()
    at_server = not account.local and not local_only
    if at_server and account.kind != "sterna":
        raise click.ClickException(
            "Accounts of this server are deleted where they sign in. To erase local data: --local-only"
        )
    _confirm(account, counted(history.conversations, "conversation"), confirmation, at_server=at_server)
    require_alone(account.file)  # before anything is erased
    if at_server:
        if not accounts.is_signed_in(account):
            raise click.ClickException("Not signed in. Sign in first (sterna login), or use --local-only.")
        asyncio.run(delete_account(open_api(accounts, account), _password(account, password_stdin)))
    _remove(accounts, account)
    server = f" on {account.origin.partition('://')[2]} and" if at_server else ""
    click.echo(f"Account erased{server} on this device.")


def _confirm(account: Account, conversations: str, confirmation: str | None, *, at_server: bool) -> None:
    expected = account.email or LOCAL_CONFIRMATION
    scope = f"on {account.origin.partition('://')[2]} and on this device" if at_server else "on this device"
    if confirmation is None:
        if not is_interactive():
            raise click.UsageError(f"Confirmation is required. In scripts, use: --yes {one_line(expected, 100)}")
        click.echo(f"This erases {conversations} of {one_line(account.name, 100)} permanently, {scope}.", err=True)
        confirmation = click.prompt(
            f"Type {one_line(expected, 100)} to confirm", err=True, default="", show_default=False
        )
    if confirmation.strip() != expected:
        raise click.ClickException("Nothing was erased.")


def _password(account: Account, from_stdin: bool) -> str:
    if from_stdin:
        return read_line()
    if not is_interactive():
        return ""
    label = f"Password at {account.origin.partition('://')[2]} (or Enter, if you have just signed in)"
    password: str = click.prompt(label, hide_input=True, default="", show_default=False, err=True)
    return password


def _remove(accounts: Accounts, account: Account) -> None:
    erase(account.file)
    accounts.forget_tokens(account)

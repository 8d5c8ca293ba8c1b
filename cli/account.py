"""``sterna account delete``: the end of an account, at its server and here."""

from __future__ import annotations

import asyncio

import click

from sterna.storage import erase, one_line, require_alone
from sterna.sync.auth.account_deletion import erase_at
from sterna.sync.auth.accounts import Account, Accounts
from sterna.sync.factory import open_service

from .account_prompts import accounts_of, can_ask, current
from .context import Place
from .output import counted
from .streams import read_line

LOCAL_WORD = "delete"


@click.group(short_help="Delete your account.")
def account() -> None:
    """Delete your account."""


@account.command("delete", short_help="Erase the account and its history, at the server and here.")
@click.option("--local-only", is_flag=True, help="Remove what is on this computer; the server keeps the account.")
@click.option("--yes", "said", metavar="WORD", help="What would be typed to confirm: the account's email, or delete.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.pass_obj
def delete(place: Place, local_only: bool, said: str | None, password_stdin: bool) -> None:
    """Erase the account with everything in it. Nothing of it can be brought back; `sterna export --everything` first.

    At the server: conversations, messages, usage, analytics, the account itself. Here: the history's file, copies of
    it, the sign-in. Where the server cannot be asked, nothing is removed here either. Other computers keep theirs.
    """
    accounts = accounts_of(place)
    with place.store() as store:
        who = current(accounts, store)
        held = store.linking.history()
    at_server = not who.local and not local_only
    if at_server and who.kind != "sterna":
        raise click.ClickException("This server's accounts are erased where they sign in. Here: --local-only")
    _confirm(who, counted(held.conversations, "conversation"), said, at_server=at_server)
    require_alone(who.file)  # before anything is erased anywhere
    if at_server:
        if not accounts.is_signed_in(who):
            raise click.ClickException("Nobody is signed in here. Sign in first: sterna login, or give --local-only.")
        asyncio.run(erase_at(open_service(accounts, who), _password(who, password_stdin)))
    _remove(accounts, who)
    where = f" at {who.origin.partition('://')[2]} and" if at_server else ""
    click.echo(f"Erased{where} on this computer.")


def _confirm(who: Account, many: str, said: str | None, *, at_server: bool) -> None:
    word = who.email or LOCAL_WORD
    where = f"at {who.origin.partition('://')[2]} and on this computer" if at_server else "on this computer"
    if said is None:
        if not can_ask():
            raise click.UsageError(f"To confirm it where nobody can be asked: --yes {one_line(word, 100)}")
        click.echo(f"{many} of {one_line(who.name, 100)} would be erased {where}, for good.", err=True)
        said = click.prompt(f"Type {one_line(word, 100)} to erase them", err=True, default="", show_default=False)
    if said.strip() != word:
        raise click.ClickException("Nothing was erased.")


def _password(who: Account, from_stdin: bool) -> str:
    if from_stdin:
        return read_line()
    if not can_ask():
        return ""
    told = f"Password at {who.origin.partition('://')[2]} (or Enter, if you have just signed in)"
    password: str = click.prompt(told, hide_input=True, default="", show_default=False, err=True)
    return password


def _remove(accounts: Accounts, who: Account) -> None:
    erase(who.file)
    accounts.forget_tokens(who)

"""``sterna login`` and ``logout``: sign in, choose the history of the account, and consent to sync."""

from __future__ import annotations

import asyncio
from typing import Literal

import click

from sterna.storage import HistorySize, clean, one_line
from sterna.sync.auth.accounts import Account, Accounts, Choice, Offer, SignedIn
from sterna.sync.auth.device_grant import wait_for_approval
from sterna.sync.auth.gotrue import SignInServer, Tokens

from .account_context import current_account, open_accounts
from .context import CommandContext
from .output import counted
from .streams import is_interactive, read_line

CHOICES = {"adopt": ("adopt", "merge", "move"), "beside": ("beside", "open")}
"""Choices of the sign-in that each option stands for."""


@click.command(short_help="Sign in to a server and sync your history.")
@click.argument("url", required=False)
@click.option("--email", help="Sign in with email and password (prompts for it).")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--device", is_flag=True, help="Sign in with a browser, on this or another device.")
@click.option("--create", is_flag=True, help="Create a new account (prompts for an invitation if needed).")
@click.option("--yes", is_flag=True, help="Sync your history without asking.")
@click.option("--adopt", "wish", flag_value="adopt", help="Add the conversations on this device to the account.")
@click.option("--beside", "wish", flag_value="beside", help="Keep the conversations on this device separate.")
@click.pass_obj
def login(
    context: CommandContext,
    url: str | None,
    email: str | None,
    password_stdin: bool,
    device: bool,
    create: bool,
    yes: bool,
    wish: Literal["adopt", "beside"] | None,
) -> None:
    """Sign in to the server at URL (default: sync.server of config.toml).

    Tokens are stored in the system keyring, or in a file that only you can read. Private conversations are never sent.

    In scripts, nothing is sent without --yes, and conversations that are already on this device need --adopt or
    --beside. The first line of standard input is the password; with --create, a second line is the invitation.
    """
    if device and (email or password_stdin or create):
        raise click.UsageError("--device signs in with a browser: remove --email, --password-stdin and --create.")
    accounts = open_accounts(context)
    address = url or context.settings().sync.server
    if not address:
        raise click.UsageError("Enter the server, as in: sterna login https://sterna.example.org")
    accounts.sign_in_server(address)  # refuses what is no address, before any question
    interactive = is_interactive() and not password_stdin
    with context.store() as store:
        history = store.linking.history() if store.linking.owner() is None else HistorySize(0, 0, 0)
    if not interactive and not wish and history.conversations:
        raise click.UsageError(
            f"There {_are_conversations(history)} on this device. Use --adopt to add them to the account, or "
            "--beside to keep them separate."
        )
    sign_in = _sign_in(accounts, address, email, interactive, device=device, create=create)
    try:
        offer = accounts.offer(sign_in)
        choice = _choose(offer, sign_in, wish, yes=yes, interactive=interactive)
        moving = choice == "move" and accounts.current().sending
        consents = yes or moving or (interactive and choice != "move" and _ask_consent(offer, choice, sign_in))
        account = asyncio.run(accounts.complete_sign_in(sign_in, choice, sending=consents))
    except (click.Abort, KeyboardInterrupt):
        message = asyncio.run(accounts.cancel_sign_in(sign_in))
        if sign_in.created:
            click.echo(f"\n{clean(message)}", err=True)
        raise
    _report(account, choice, offer)


def _sign_in(
    accounts: Accounts, address: str, email: str | None, interactive: bool, *, device: bool, create: bool
) -> SignedIn:
    """Sign in by the chosen method. Prompts run outside any event loop, which would disable Ctrl+C."""
    server, kind, signer = accounts.sign_in_server(address)
    if (
        not (device or email or create)
        and (by_command := asyncio.run(accounts.sign_in_by_command(address))) is not None
    ):
        return by_command
    if not device and not email:
        if not interactive:
            raise click.UsageError("Choose how to sign in: --email EMAIL --password-stdin, or --device.")
        label = "Email" if create or kind == "upstream" else "Email (leave blank to sign in with a browser)"
        email = click.prompt(label, default="", show_default=False, err=True).strip()
    if email:
        return SignedIn(server, kind, _with_password(signer, email, interactive, create=create), created=create)
    if kind == "upstream":
        raise click.UsageError("An upstream server supports email and password only. Use --email.")
    if create:
        raise click.UsageError("An email is required. Use --email.")
    return SignedIn(server, kind, asyncio.run(_with_browser(signer)))


def _with_password(signer: SignInServer, email: str, interactive: bool, *, create: bool) -> Tokens:
    label = f"Password for {one_line(email, 60)} at {signer.server.host}"
    if interactive:
        password = click.prompt(label, hide_input=True, confirmation_prompt=create, err=True)
    else:
        password = read_line()
    if not password:
        raise click.UsageError("Standard input has no password.")
    if not create:
        return asyncio.run(signer.password(email, password))
    if interactive:
        invitation = click.prompt("Invitation (leave blank for none)", default="", show_default=False, err=True)
    else:
        invitation = read_line()
    return asyncio.run(signer.create(email, password, invitation.strip()))


async def _with_browser(signer: SignInServer) -> Tokens:
    code = await signer.device_code()
    click.echo(f"Open {one_line(code.page, 200)} in a browser, on this or another device, and enter the code", err=True)
    click.echo(f"\n    {one_line(code.user, 40)}\n", err=True)
    click.echo("Waiting for approval. Ctrl+C cancels.", err=True)
    return await wait_for_approval(signer, code)


def _choose(offer: Offer, sign_in: SignedIn, wish: str | None, *, yes: bool, interactive: bool) -> Choice:
    if offer.choices == ("move",):
        _confirm_move(offer, sign_in, confirmed=yes or wish == "adopt", interactive=interactive)
        return "move"
    if len(offer.choices) == 1:
        return offer.choices[0]
    if offer.owner:  # the history belongs to another account: it is copied only with --adopt
        return "merge" if wish == "adopt" else offer.choices[0]
    name, host = one_line(sign_in.tokens.email, 60) or "this account", sign_in.server.host
    if wish is None:
        click.echo(f"There {_are_conversations(offer.history)} on this device.", err=True)
        click.echo(f"adopt:  add them to {name}, to sync them with {host}", err=True)
        click.echo(f"beside: keep them separate, on this device only; {name} gets its own history", err=True)
        wish = click.prompt("Choose", type=click.Choice(["adopt", "beside"]), err=True)
    return next(choice for choice in offer.choices if choice in CHOICES[str(wish)])


def _confirm_move(offer: Offer, sign_in: SignedIn, *, confirmed: bool, interactive: bool) -> None:
    """Confirm that the history is synced with the new address of its server. Raises Abort otherwise."""
    old, new = offer.moved_from.partition("://")[2], sign_in.server.host
    if confirmed:
        return
    if not interactive:
        raise click.UsageError(f"The server {old} has moved to {new}. Add --yes to sync this history there.")
    click.echo(f"This history is synced with the same server at its former address, {old}.", err=True)
    click.confirm(f"Sync this history with {new} from now on?", abort=True, err=True)


def _ask_consent(offer: Offer, choice: Choice, sign_in: SignedIn) -> bool:
    host, data = sign_in.server.host, "New conversations"
    if choice in ("adopt", "merge") and offer.history.conversations:
        data = f"{counted(offer.history.conversations, 'conversation')}, and new ones,"
    private = " Private conversations are never sent." if offer.history.private else ""
    click.echo(f"{data} will be sent to {host} and stored there.{private}", err=True)
    return click.confirm(f"Sync your history to {host}?", default=None, err=True)


def _report(account: Account, choice: Choice, offer: Offer) -> None:
    host, history = account.origin.partition("://")[2], offer.history
    click.echo(clean(f"Signed in to {host} as {account.name}."))
    if offer.moved_from:
        click.echo(clean(f"The account has moved here from {offer.moved_from.partition('://')[2]}."))
    if (choice == "adopt" and history.conversations) or choice == "merge":
        click.echo(f"Added {counted(history.conversations, 'conversation')} of this device to the account.")
    elif choice in ("beside", "open") and history.conversations:
        click.echo("The other history on this device was not changed. To list accounts: sterna accounts")
        if offer.unsent:
            click.echo(
                clean(
                    f"It has {counted(offer.unsent, 'change')} that {offer.owner.partition('://')[2]} did not receive. "
                    "To copy its conversations to this account, switch back with `sterna accounts use`, then run: "
                    f"sterna login {host} --adopt"
                )
            )
    if account.sending:
        click.echo("Sync is on. To sync now: sterna sync --once")
    else:
        click.echo("Sync is off; nothing is sent. To turn it on: sterna sync on")


def _are_conversations(history: HistorySize) -> str:
    """Return ``is 1 conversation`` or ``are 2 conversations``, with the number of private ones."""
    private = f", {history.private:,} of them private" if history.private else ""
    count = counted(history.conversations, "conversation")
    return f"{'is' if history.conversations == 1 else 'are'} {count}{private}"


@click.command(short_help="Sign out (keeps local history).")
@click.pass_obj
def logout(context: CommandContext) -> None:
    """Sign out here and at the server. Nothing is deleted; changes are synced after the next sign-in."""
    accounts = open_accounts(context)
    with context.store() as store:
        account, waiting = current_account(accounts, store), store.sync_metadata.waiting()
    if context.read_settings().sync.token_command:
        raise click.ClickException(
            "You are signed in by sync.token_command in config.toml. Remove it there to sign out."
        )
    if not accounts.is_signed_in(account):
        raise click.ClickException("Not signed in.")
    reached = asyncio.run(accounts.sign_out(account))
    host = account.origin.partition("://")[2]
    click.echo(
        clean(f"Signed out of {host}. The history stays on this device, with {counted(waiting, 'change')} to sync.")
    )
    if not reached:
        click.echo(clean(f"{host} could not be reached. The sign-in there expires by itself."), err=True)

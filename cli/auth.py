"""``sterna login`` and ``logout``: whose the history is, and the yes to sending it."""

from __future__ import annotations

import asyncio
from typing import Literal

import click

from sterna.storage import History, clean, one_line
from sterna.sync.auth.accounts import Account, Accounts, Choice, Offer, SignedIn
from sterna.sync.auth.device_grant import wait_for_approval
from sterna.sync.auth.gotrue import SignInServer, Tokens

from .account_prompts import accounts_of, can_ask, current
from .context import Place
from .output import counted
from .streams import read_line

TAKE = {"adopt": ("adopt", "merge", "move"), "beside": ("beside", "open")}
"""What each of the two answers means where it is offered."""


@click.command(short_help="Sign in to a server and sync your history.")
@click.argument("url", required=False)
@click.option("--email", help="Sign in with email and password (prompts for it).")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--device", is_flag=True, help="Sign in with a browser, on this or another device.")
@click.option("--create", is_flag=True, help="Create a new account (prompts for an invitation if needed).")
@click.option("--yes", is_flag=True, help="Sync your history without asking.")
@click.option("--adopt", "wish", flag_value="adopt", help="Add the conversations on this computer to the account.")
@click.option("--beside", "wish", flag_value="beside", help="Keep the conversations on this computer separate.")
@click.pass_obj
def login(
    place: Place,
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

    In scripts, nothing is sent without --yes, and conversations that are already on this computer need --adopt or
    --beside. The first line of standard input is the password; with --create, a second line is the invitation.
    """
    if device and (email or password_stdin or create):
        raise click.UsageError("--device signs in with a browser: leave --email, --password-stdin and --create out.")
    accounts = accounts_of(place)
    address = url or place.settings().sync.server
    if not address:
        raise click.UsageError("Name the server, as in: sterna login https://sterna.example.org")
    asks = can_ask() and not password_stdin
    with place.store() as store:
        here = store.linking.history() if store.linking.owner() is None else History(0, 0, 0)
    if not asks and not wish and here.conversations:
        raise click.UsageError(
            f"There {_are(here)} on this computer. Use --adopt to add them to the account, or --beside to keep them"
            " separate."
        )
    signed = _signed(accounts, address, email, asks, device=device, create=create)
    try:
        offer = accounts.offer(signed)
        choice = _choice(offer, signed, wish, yes=yes, asks=asks)
        moving = choice == "move" and accounts.current().sending
        sending = yes or moving or (asks and choice != "move" and _may_send(offer, choice, signed))
        account = asyncio.run(accounts.settle(signed, choice, sending=sending))
    except (click.Abort, KeyboardInterrupt):
        left = asyncio.run(accounts.discard(signed))
        if signed.created:
            click.echo(f"\n{clean(left)}", err=True)
        raise
    _tell(account, choice, offer)


def _signed(accounts: Accounts, address: str, email: str | None, asks: bool, *, device: bool, create: bool) -> SignedIn:
    """Whoever shows who they are. Questions are asked outside of any event loop, which would keep Ctrl+C from them."""
    server, kind, signer = accounts.sign_in_server(address)
    if not (device or email or create) and (found := asyncio.run(accounts.by_command(address))) is not None:
        return found
    if not device and not email:
        if not asks:
            raise click.UsageError("Say how to sign in: --email EMAIL --password-stdin, or --device.")
        told = "Email" if create or kind == "upstream" else "Email (or Enter, to sign in with a browser)"
        email = click.prompt(told, default="", show_default=False, err=True).strip()
    if email:
        return SignedIn(server, kind, _with_password(signer, email, asks, create=create), created=create)
    if kind == "upstream":
        raise click.UsageError("An upstream server signs in with email and password only: give --email.")
    if create:
        raise click.UsageError("Give the email of the account.")
    return SignedIn(server, kind, asyncio.run(_with_browser(signer)))


def _with_password(signer: SignInServer, email: str, asks: bool, *, create: bool) -> Tokens:
    shown = f"Password for {one_line(email, 60)} at {signer.server.host}"
    password = click.prompt(shown, hide_input=True, confirmation_prompt=create, err=True) if asks else read_line()
    if not password:
        raise click.UsageError("There is no password on standard input.")
    if not create:
        return asyncio.run(signer.password(email, password))
    if asks:
        invitation = click.prompt("Invitation (or Enter, for none)", default="", show_default=False, err=True)
    else:
        invitation = read_line()
    return asyncio.run(signer.create(email, password, invitation.strip()))


async def _with_browser(signer: SignInServer) -> Tokens:
    code = await signer.device_code()
    click.echo(f"Open {one_line(code.page, 200)} in a browser, here or elsewhere, and enter the code", err=True)
    click.echo(f"\n    {one_line(code.user, 40)}\n", err=True)
    click.echo("Waiting for it to be approved. Ctrl+C gives up.", err=True)
    return await wait_for_approval(signer, code)


def _choice(offer: Offer, signed: SignedIn, wish: str | None, *, yes: bool, asks: bool) -> Choice:
    if offer.choices == ("move",):
        _agree_to_move(offer, signed, agreed=yes or wish == "adopt", asks=asks)
        return "move"
    if len(offer.choices) == 1:
        return offer.choices[0]
    if offer.owner:  # the history here is another account's; a copy of it is only made for who asks for that
        return "merge" if wish == "adopt" else offer.choices[0]
    who, host = one_line(signed.tokens.email, 60) or "this account", signed.server.host
    if wish is None:
        click.echo(f"There {_are(offer.history)} on this computer.", err=True)
        click.echo(f"adopt:  they become the history of {who}, and can follow you through {host}.", err=True)
        click.echo(f"beside: they stay on this computer only, apart; {who} has its own history.", err=True)
        wish = click.prompt("Which", type=click.Choice(["adopt", "beside"]), err=True)
    return next(one for one in offer.choices if one in TAKE[str(wish)])


def _agree_to_move(offer: Offer, signed: SignedIn, *, agreed: bool, asks: bool) -> None:
    """Ask whether the history follows its server to another address. Raises Abort for a no."""
    old, new = offer.moved_from.partition("://")[2], signed.server.host
    if agreed:
        return
    if not asks:
        raise click.UsageError(f"The server at {old} is at {new} now. Add --yes to sync this history there.")
    click.echo(f"This is the server that this history belongs to. It was at {old} before.", err=True)
    click.confirm(f"Sync this history with {new} from now on", abort=True, err=True)


def _may_send(offer: Offer, choice: Choice, signed: SignedIn) -> bool:
    what = "What you write"
    if choice in ("adopt", "merge") and offer.history.conversations:
        what = f"{counted(offer.history.conversations, 'conversation')}, and what you write from now on,"
    private = " Conversations that are private are never sent." if offer.history.private else ""
    click.echo(f"{what} would be sent to {signed.server.host} and kept there.{private}", err=True)
    return click.confirm("Send it", default=None, err=True)


def _tell(account: Account, choice: Choice, offer: Offer) -> None:
    host, here = account.origin.partition("://")[2], offer.history
    click.echo(clean(f"Signed in to {host} as {account.name}."))
    if offer.moved_from:
        click.echo(clean(f"The account moved along from {offer.moved_from.partition('://')[2]}."))
    many = counted(here.conversations, "conversation")
    if choice == "adopt" and here.conversations:
        click.echo(f"{many} of this computer {'is' if here.conversations == 1 else 'are'} this account's now.")
    elif choice == "merge":
        click.echo(f"{many} of this computer {'was' if here.conversations == 1 else 'were'} added to this account's.")
    elif choice in ("beside", "open") and here.conversations:
        click.echo("The history that was shown so far is left as it is: sterna accounts")
        if offer.unsent:
            click.echo(
                clean(
                    f"{counted(offer.unsent, 'change')} in it {'was' if offer.unsent == 1 else 'were'} never sent to "
                    f"{offer.owner.partition('://')[2]}. To copy its conversations to this account, show it again with "
                    f"`sterna accounts use`, then: sterna login {host} --adopt"
                )
            )
    if account.sending:
        click.echo("The history is sent from now on. To do it at once: sterna sync --once")
    else:
        click.echo("Nothing is sent. To say yes to it: sterna sync on")


def _are(here: History) -> str:
    private = f", {here.private:,} of them private" if here.private else ""
    many = counted(here.conversations, "conversation")
    return f"{'is' if here.conversations == 1 else 'are'} {many}{private}"


@click.command(short_help="Sign out (keeps local history).")
@click.pass_obj
def logout(place: Place) -> None:
    """Sign out here and at the server. Nothing is deleted; changes are synced after the next sign-in."""
    accounts = accounts_of(place)
    with place.store() as store:
        account, waiting = current(accounts, store), store.sync_metadata.waiting()
    if place.read_settings().sync.token_command:
        raise click.ClickException("sync.token_command in config.toml gives the token. Take it out of there instead.")
    if not accounts.is_signed_in(account):
        raise click.ClickException("Nobody is signed in here.")
    told = asyncio.run(accounts.sign_out(account))
    host = account.origin.partition("://")[2]
    click.echo(clean(f"Signed out of {host}. The history stays here; {counted(waiting, 'change')} waiting."))
    if not told:
        click.echo(clean(f"{host} could not be told. There the sign-in ends by itself."), err=True)

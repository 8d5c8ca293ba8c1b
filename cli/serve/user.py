"""``sterna serve user``: administration of a server's accounts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sterna.storage import clean, one_line

from ..context import CommandContext
from ..output import counted, print_json
from ..streams import is_interactive, read_line
from .database import DATABASE, command_context, embedded_url, serve_option
from .database import database_url as server_database_url
from .packages import server_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sterna.server.admin.users import Users

TIERS = click.Choice(["free", "pro", "enterprise"])


@click.group(short_help="Manage accounts and invitations.")
@DATABASE
@click.pass_context
def user(ctx: click.Context, database_url: str | None) -> None:
    """Create, list, disable and enable accounts, and invite people. The server does not have to be running.

    Passwords are prompted for or read from standard input, never given as arguments.
    """
    ctx.ensure_object(dict)
    ctx.obj = Accounts(command_context(ctx), server_database_url(ctx, database_url))


class Accounts:
    """Accounts of a server, opened when a command needs them, so that --help starts no database."""

    def __init__(self, context: CommandContext, database_url: str | None) -> None:
        self._place = context
        self._url = database_url

    @contextmanager
    def open(self) -> Iterator[Users]:
        """Open the accounts. Errors become messages and exit code 1."""
        with server_packages():
            from sterna.server.admin.users import Users, UsersError
        try:
            yield Users(self._url or embedded_url(self._place.folder()))
        except UsersError as error:
            raise click.ClickException(str(error)) from error


def _password(email: str) -> str:
    if is_interactive():
        password: str = click.prompt(
            f"Password for {one_line(email)}", hide_input=True, confirmation_prompt=True, err=True
        )
        return password
    return read_line()


@user.command("add")
@click.argument("email")
@click.option("--tier", type=TIERS, default="free", show_default=True, help="Tier of the account.")
@click.pass_obj
def add(accounts: Accounts, email: str, tier: str) -> None:
    """Create an account for EMAIL.

    The password is prompted for, or read from the first line of standard input.
    """
    password = _password(email)
    with accounts.open() as users:
        address = users.add(email, password, tier)
    click.echo(clean(f"{address} can sign in now."))


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def list_(accounts: Accounts, as_json: bool) -> None:
    """List all accounts, by email.

    With --json each line has: id, email, tier, disabled, created_at, last_sign_in_at.
    """
    with accounts.open() as users:
        listed = users.list_all()
    for account in listed:
        signed_in = account.last_sign_in_at
        if as_json:
            row = {"id": str(account.id), "email": account.email, "tier": account.tier, "disabled": account.is_disabled}
            times = {"created_at": account.created_at.isoformat()}
            print_json(row | times | {"last_sign_in_at": signed_in.isoformat() if signed_in else None})
            continue
        shown = signed_in.astimezone().strftime("%Y-%m-%d %H:%M") if signed_in else "never signed in"
        state = "  disabled" if account.is_disabled else ""
        click.echo(f"{one_line(account.email)}  {account.tier}  {shown}{state}")
    if not as_json and not listed:
        click.echo("No accounts yet. Create one: sterna serve user add EMAIL", err=True)


@user.command("disable")
@click.argument("email")
@click.pass_obj
def disable(accounts: Accounts, email: str) -> None:
    """Disable the account of EMAIL.

    It is signed out everywhere at once and cannot sign in. Nothing is deleted.
    """
    with accounts.open() as users:
        address = users.disable(email)
    click.echo(clean(f"{address} is disabled and signed out. Nothing was deleted."))


@user.command("enable")
@click.argument("email")
@click.pass_obj
def enable(accounts: Accounts, email: str) -> None:
    """Enable the account of EMAIL again."""
    with accounts.open() as users:
        address = users.enable(email)
    click.echo(clean(f"{address} can sign in again."))


@user.command("set-tier")
@click.argument("email")
@click.argument("tier", type=TIERS)
@click.pass_obj
def set_tier(accounts: Accounts, email: str, tier: str) -> None:
    """Change the tier of EMAIL.

    The tier decides which models the account can use, and its limits.
    """
    with accounts.open() as users:
        address = users.set_tier(email, tier)
    click.echo(clean(f"{address} is now in the tier {tier}."))


@user.command("set-password")
@click.argument("email")
@click.pass_obj
def set_password(accounts: Accounts, email: str) -> None:
    """Set a new password for EMAIL.

    The password is prompted for, or read from the first line of standard input. The account is signed out everywhere.
    """
    password = _password(email)
    with accounts.open() as users:
        address = users.set_password(email, password)
    click.echo(clean(f"{address} has a new password and is signed out everywhere."))


@user.command("recover")
@click.argument("email")
@click.option(
    "--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="Hours until the link expires."
)
@click.option("--public-url", envvar="STERNA_SERVE_PUBLIC_URL", help="Public URL of the server, for the link.")
@click.pass_context
def recover(ctx: click.Context, email: str, hours: int, public_url: str | None) -> None:
    """Print a password reset link for EMAIL.

    The link works once and is shown only now. Give it to the owner of the account alone: anyone who has it can sign in
    as them.
    """
    with ctx.obj.open() as users:
        code = users.recover(email, hours)
    server = (public_url or serve_option(ctx, "public_url") or "http://127.0.0.1:8787").rstrip("/")
    click.echo(f"{server}/recover?code={code}")
    click.echo(
        f"Valid once, for {counted(hours, 'hour')}. Setting the password signs the account out everywhere.", err=True
    )


@user.command("invite")
@click.argument("email", required=False)
@click.option("--tier", type=TIERS, default="free", show_default=True, help="Tier of the account.")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="Days until the code expires.")
@click.pass_obj
def invite(accounts: Accounts, email: str | None, tier: str, days: int) -> None:
    """Print an invitation code for one account.

    With EMAIL the code is valid for that email alone. It is shown only now.
    """
    with accounts.open() as users:
        code = users.invite(email, tier, days)
    click.echo(code)
    click.echo(f"Valid for one account, for {counted(days, 'day')}.", err=True)

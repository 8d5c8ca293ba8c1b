"""``sterna serve user``: the accounts of a server, for whoever runs it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sterna.storage import clean, one_line

from .context import Place
from .output import counted, print_json
from .server_packages import server_packages
from .streams import read_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sterna.server.admin.users import Users

TIERS = click.Choice(["free", "pro", "enterprise"])


@click.group(short_help="Manage accounts and invitations.")
@click.option(
    "--database-url",
    envvar="STERNA_SERVE_DATABASE_URL",
    help="The server's PostgreSQL (default: the embedded one in the data folder).",
)
@click.pass_context
def user(context: click.Context, database_url: str | None) -> None:
    """Create, list, disable and enable accounts, and invite people. The server does not have to be running.

    Passwords are prompted for or read from standard input, never given as arguments.
    """
    context.ensure_object(dict)
    place = context.find_object(Place) or Place(None, None)
    context.obj = Accounts(place, server_database(context, database_url))


def said_above(context: click.Context, name: str) -> str | None:
    """What an option of ``sterna serve`` itself says."""
    return next((found for one in _above(context) if (found := one.params.get(name))), None)


def server_database(context: click.Context, own: str | None) -> str | None:
    """Return the database as the role for the server's own work; None for the embedded one."""
    return (
        said_above(context, "service_url")
        or said_above(context, "admin_url")
        or own
        or said_above(context, "database_url")
    )


def _above(context: click.Context) -> Iterator[click.Context]:
    above = context.parent
    while above is not None:
        yield above
        above = above.parent


class Accounts:
    """Where they are; opened when a command needs them, so that --help starts no database."""

    def __init__(self, place: Place, database_url: str | None) -> None:
        self._place = place
        self._url = database_url

    @contextmanager
    def open(self) -> Iterator[Users]:
        """The accounts. What goes wrong is a sentence and exit code 1."""
        with server_packages():
            from sterna.server.admin.users import Users, UsersError
        try:
            yield Users(self._url or embedded(self._place.folder()))
        except UsersError as error:
            raise click.ClickException(str(error)) from error


def embedded(data_dir: Path) -> str:
    """The URL of the PostgreSQL in the data folder, started when it does not run, with the schema in it."""
    from sterna.server.database.migrations import MigrationError
    from sterna.server.settings import ServerSettings
    from sterna.server.setup import ServeError, install, with_database

    try:
        settings = with_database(ServerSettings(data_dir=data_dir / "server"))
        install(settings)
    except (ServeError, MigrationError) as error:
        raise click.ClickException(str(error)) from error
    return settings.server_url


def _password(email: str) -> str:
    if sys.stdin.isatty():
        told: str = click.prompt(f"Password for {one_line(email)}", hide_input=True, confirmation_prompt=True, err=True)
        return told
    return read_line()


@user.command("add")
@click.argument("email")
@click.option("--tier", type=TIERS, default="free", show_default=True)
@click.pass_obj
def add(found: Accounts, email: str, tier: str) -> None:
    """Create an account for EMAIL.

    The password is prompted for, or read from the first line of standard input.
    """
    password = _password(email)
    with found.open() as users:
        address = users.add(email, password, tier)
    click.echo(clean(f"{address} can sign in now."))


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def list_(found: Accounts, as_json: bool) -> None:
    """List all accounts, by email.

    With --json each line has: id, email, tier, disabled, created_at, last_sign_in_at.
    """
    with found.open() as users:
        listed = users.list_all()
    for one in listed:
        came = one.last_sign_in_at
        if as_json:
            told = {"id": str(one.id), "email": one.email, "tier": one.tier, "disabled": one.is_disabled}
            created = one.created_at.isoformat()
            print_json(told | {"created_at": created, "last_sign_in_at": came.isoformat() if came else None})
            continue
        seen = came.astimezone().strftime("%Y-%m-%d %H:%M") if came else "never signed in"
        click.echo(f"{one_line(one.email)}  {one.tier}  {seen}{'  disabled' if one.is_disabled else ''}")
    if not as_json and not listed:
        click.echo("No accounts yet. Create one: sterna serve user add EMAIL", err=True)


@user.command("disable")
@click.argument("email")
@click.pass_obj
def disable(found: Accounts, email: str) -> None:
    """Disable the account of EMAIL.

    It is signed out everywhere at once and cannot sign in. Nothing is deleted.
    """
    with found.open() as users:
        address = users.disable(email)
    click.echo(clean(f"{address} is disabled and signed out. Nothing was deleted."))


@user.command("enable")
@click.argument("email")
@click.pass_obj
def enable(found: Accounts, email: str) -> None:
    """Enable the account of EMAIL again."""
    with found.open() as users:
        address = users.enable(email)
    click.echo(clean(f"{address} can sign in again."))


@user.command("set-tier")
@click.argument("email")
@click.argument("tier", type=TIERS)
@click.pass_obj
def set_tier(found: Accounts, email: str, tier: str) -> None:
    """Change the tier of EMAIL.

    The tier decides which models the account can use, and its limits.
    """
    with found.open() as users:
        address = users.set_tier(email, tier)
    click.echo(clean(f"{address} is now in the tier {tier}."))


@user.command("set-password")
@click.argument("email")
@click.pass_obj
def set_password(found: Accounts, email: str) -> None:
    """Set a new password for EMAIL.

    The password is prompted for, or read from the first line of standard input. The account is signed out everywhere.
    """
    password = _password(email)
    with found.open() as users:
        address = users.set_password(email, password)
    click.echo(clean(f"{address} has a new password and is signed out everywhere."))


@user.command("recover")
@click.argument("email")
@click.option(
    "--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="Hours until the link expires."
)
@click.option("--public-url", envvar="STERNA_SERVE_PUBLIC_URL", help="Public URL of the server, for the link.")
@click.pass_context
def recover(context: click.Context, email: str, hours: int, public_url: str | None) -> None:
    """Print a password reset link for EMAIL.

    The link works once and is shown only now. Give it to the owner of the account alone: anyone who has it can sign in
    as them.
    """
    with context.obj.open() as users:
        code = users.recover(email, hours)
    server = (public_url or said_above(context, "public_url") or "http://127.0.0.1:8787").rstrip("/")
    click.echo(f"{server}/recover?code={code}")
    click.echo(
        f"Valid once, for {counted(hours, 'hour')}. Setting the password signs the account out everywhere.", err=True
    )


@user.command("invite")
@click.argument("email", required=False)
@click.option("--tier", type=TIERS, default="free", show_default=True)
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="Days until the code expires.")
@click.pass_obj
def invite(found: Accounts, email: str | None, tier: str, days: int) -> None:
    """Print an invitation code for one account.

    With EMAIL the code is valid for that email alone. It is shown only now.
    """
    with found.open() as users:
        code = users.invite(email, tier, days)
    click.echo(code)
    click.echo(f"Valid for one account, for {counted(days, 'day')}.", err=True)

"""``sterna serve stats``, ``cleanup`` and ``health``: the database of a server, for whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sterna.storage import clean

from .context import Place
from .output import counted, print_json
from .serve_user import embedded, server_database
from .server_packages import server_packages

if TYPE_CHECKING:
    from sterna.server.admin.maintenance import Maintenance

Command = TypeVar("Command", bound=Callable[..., Any])

DATABASE = click.option(
    "--database-url",
    envvar="STERNA_SERVE_DATABASE_URL",
    help="The server's PostgreSQL (default: the embedded one in the data folder).",
)
WORDS = {"users": "account", "conversations": "conversation", "messages": "message"}
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def opened(context: click.Context, url: str | None) -> Iterator[Maintenance]:
    """The database, whether or not the server runs. What goes wrong is a sentence and exit code 1."""
    with server_packages():
        from sterna.server.admin.maintenance import Maintenance
        from sterna.server.admin.users import UsersError
    place = context.find_object(Place) or Place(None, None)
    try:
        yield Maintenance(server_database(context, url) or embedded(place.folder()))
    except UsersError as error:
        raise click.ClickException(str(error)) from error


@click.command(short_help="Accounts, conversations and messages, day by day.")
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 3650), help="How many.")
@DATABASE
@AS_JSON
@click.pass_context
def stats(context: click.Context, days: int, database_url: str | None, as_json: bool) -> None:
    """What the server holds, on each of the last days that it ran.

    With --json each line has: date, users, conversations, messages.
    """
    with opened(context, database_url) as upkeep:
        rows = upkeep.stats(days)
    for row in rows:
        told = {
            "date": row["stat_date"].isoformat(),
            "users": row["total_users"] or 0,
            "conversations": row["total_conversations"] or 0,
            "messages": row["total_messages"] or 0,
        }
        if as_json:
            print_json(told)
        else:
            many = ", ".join(counted(told[name], word) for name, word in WORDS.items())
            click.echo(f"{told['date']}  {many}")


@click.command(short_help="Delete old records.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 36500), help="Keep what is newer.")
@DATABASE
@AS_JSON
@click.pass_context
def cleanup(context: click.Context, days: int, database_url: str | None, as_json: bool) -> None:
    """Remove entries of the activity log, figures of use and ended visits that are older, and what has expired.

    Conversations and messages are never removed. With --json the object has: activity_logs, usage_records,
    cache_entries, visits.
    """
    with opened(context, database_url) as upkeep:
        gone = upkeep.cleanup(days)
    if as_json:
        print_json(gone)
    else:
        click.echo(
            f"Removed {counted(gone['activity_logs'], 'entry', 'entries')} of the activity log,"
            f" {counted(gone['usage_records'], 'day', 'days')} of use, {counted(gone['visits'], 'visit')}"
            f" and {counted(gone['cache_entries'], 'cached answer')}."
        )


@click.command(short_help="Database size and totals.")
@DATABASE
@AS_JSON
@click.pass_context
def health(context: click.Context, database_url: str | None, as_json: bool) -> None:
    """Totals, and the size of each table.

    With --json the object has: timestamp, database_size, table_sizes, index_usage, total_users, total_conversations,
    total_messages, active_users_last_7_days.
    """
    with opened(context, database_url) as upkeep:
        told = upkeep.health()
    if as_json:
        print_json(told)
        return
    click.echo(
        f"{told['database_size']}: {counted(told['total_users'], 'account')},"
        f" {counted(told['total_conversations'], 'conversation')}, {counted(told['total_messages'], 'message')};"
        f" {counted(told['active_users_last_7_days'], 'account')} active in the last 7 days."
    )
    for name, size in sorted(told["table_sizes"].items()):
        click.echo(clean(f"{size:>10}  {name}"))

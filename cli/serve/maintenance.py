"""``sterna serve stats``, ``cleanup`` and ``health``: maintenance of a server's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sterna.storage import clean

from ..output import counted, print_json
from .database import AS_JSON, DATABASE, command_context, embedded_url
from .database import database_url as server_database_url
from .packages import server_packages

if TYPE_CHECKING:
    from sterna.server.admin.maintenance import Maintenance

NOUNS = {"users": "account", "conversations": "conversation", "messages": "message"}


@contextmanager
def opened(ctx: click.Context, url: str | None) -> Iterator[Maintenance]:
    """Open the database; the server need not run. Errors become messages and exit code 1."""
    with server_packages():
        from sterna.server.admin.maintenance import Maintenance
        from sterna.server.admin.users import UsersError
    try:
        yield Maintenance(server_database_url(ctx, url) or embedded_url(command_context(ctx).folder()))
    except UsersError as error:
        raise click.ClickException(str(error)) from error


@click.command(short_help="Show daily totals.")
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 3650), help="Number of days.")
@DATABASE
@AS_JSON
@click.pass_context
def stats(ctx: click.Context, days: int, database_url: str | None, as_json: bool) -> None:
    """Show the accounts, conversations and messages on each of the last days that the server ran.

    With --json each line has: date, users, conversations, messages.
    """
    with opened(ctx, database_url) as maintenance:
        rows = maintenance.stats(days)
    for row in rows:
        line = {
            "date": row["stat_date"].isoformat(),
            "users": row["total_users"] or 0,
            "conversations": row["total_conversations"] or 0,
            "messages": row["total_messages"] or 0,
        }
        if as_json:
            print_json(line)
        else:
            counts = ", ".join(counted(line[name], noun) for name, noun in NOUNS.items())
            click.echo(f"{line['date']}  {counts}")


@click.command(short_help="Delete old records.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 36500), help="Keep newer records.")
@DATABASE
@AS_JSON
@click.pass_context
def cleanup(ctx: click.Context, days: int, database_url: str | None, as_json: bool) -> None:
    """Delete old activity logs, usage records and ended visits, and expired cache entries.

    Conversations and messages are never deleted.

    With --json the object has: activity_logs, usage_records, cache_entries, visits.
    """
    with opened(ctx, database_url) as maintenance:
        removed = maintenance.cleanup(days)
    if as_json:
        print_json(removed)
    else:
        click.echo(
            f"Deleted {counted(removed['activity_logs'], 'log entry', 'log entries')},"
            f" {counted(removed['usage_records'], 'usage record')}, {counted(removed['visits'], 'visit')}"
            f" and {counted(removed['cache_entries'], 'cache entry', 'cache entries')}."
        )


@click.command(short_help="Show database size and totals.")
@DATABASE
@AS_JSON
@click.pass_context
def health(ctx: click.Context, database_url: str | None, as_json: bool) -> None:
    """Show totals, and the size of the database and of each table.

    With --json the object has: timestamp, database_size, table_sizes, index_usage, total_users, total_conversations,
    total_messages, active_users_last_7_days.
    """
    with opened(ctx, database_url) as maintenance:
        report = maintenance.health()
    if as_json:
        print_json(report)
        return
    click.echo(
        f"{report['database_size']}: {counted(report['total_users'], 'account')},"
        f" {counted(report['total_conversations'], 'conversation')}, {counted(report['total_messages'], 'message')};"
        f" {counted(report['active_users_last_7_days'], 'account')} active in the last 7 days."
    )
    for name, size in sorted(report["table_sizes"].items()):
        click.echo(clean(f"{size:>10}  {name}"))

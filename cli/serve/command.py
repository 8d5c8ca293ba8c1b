"""``sterna serve``: run a sync server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from sterna.storage import clean

from ..context import CommandContext
from .backup import backup, restore
from .log import log_to_stderr
from .maintenance import cleanup, health, stats
from .model import model
from .packages import server_packages
from .psql import psql
from .settings import server_settings
from .user import user

Command = TypeVar("Command", bound=Callable[..., Any])

PREFIX = "STERNA_SERVE"


def _secret(name: str, help_text: str) -> Callable[[Command], Command]:
    """Return an option with an environment variable: all users of the computer can see arguments."""
    return click.option(
        name, default="", envvar=f"{PREFIX}_{name[2:].upper().replace('-', '_')}", show_envvar=True, help=help_text
    )


def _text(name: str, help_text: str) -> Callable[[Command], Command]:
    """Return an option that is empty unless given."""
    return click.option(name, default="", help=help_text)


def _number(name: str, default: int, bounds: tuple[int, int], help_text: str) -> Callable[[Command], Command]:
    """Return an option for a whole number within bounds."""
    return click.option(name, default=default, show_default=True, type=click.IntRange(*bounds), help=help_text)


@click.group(
    invoke_without_command=True,
    short_help="Run a sync server.",
    context_settings={"auto_envvar_prefix": PREFIX},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@_number("--port", 8787, (0, 65535), "Port to listen on. 0: any free port.")
@_secret("--database-url", "PostgreSQL to use instead of the embedded one (postgresql://…).")
@_secret(
    "--admin-url", "The same database for a role that can install the schema, if the role of --database-url cannot."
)
@_secret("--service-url", "The same database for a role for the server's own work (default: the role of --admin-url).")
@click.option("--migrate-only", is_flag=True, help="Install the schema and exit.")
@click.option(
    "--signup",
    type=click.Choice(["open", "invite", "closed"]),
    help="Who can create an account: anyone, invited people, nobody. Default: open if only this computer can reach the"
    " server, else invite.",
)
@_text("--public-url", "Address of this server for browsers, if it is behind a proxy.")
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    help="Origin whose web pages can call this server, such as http://localhost:3000 (repeatable).",
)
@_number("--trusted-proxies", 0, (0, 10), "Number of proxies in front that append to X-Forwarded-For.")
@click.option("--behind-tls", is_flag=True, help="Allow listening on other addresses: a proxy in front handles TLS.")
@_secret(
    "--jwt-secret",
    "Secret that signs access tokens, at least 32 characters (default: generated and stored in the database).",
)
@_secret("--external-jwt-secret", "Secret of external tokens to accept too, such as a Supabase project's (HS256).")
@_text("--external-jwks-url", "Public keys of external tokens to accept too (RS256, ES256).")
@_text("--external-issuer", "Required issuer of external tokens.")
@_text("--upstream-url", "URL of an OpenAI-compatible API that replies on /api/chat.")
@_secret("--upstream-key", "API key of that provider.")
@_text("--upstream-model", "Default model.")
@click.option("--anonymous-chat", is_flag=True, help="Allow chat without a sign-in, with models of the free tier.")
@_secret("--redis-url", "Redis for rate limits that several servers share.")
@_secret("--smtp-url", "SMTP server for mails with recovery codes: smtp://name:password@host:587, or smtps://.")
@_text("--mail-from", "Sender address of these mails.")
@_text("--meaning", "Model for the search by meaning: package (that of sterna[semantic]), or a folder. Needs pgvector.")
@_secret(
    "--metrics-token",
    "Bearer token for reading /metrics from other computers (default: this computer only).",
)
@click.option(
    "--chat-logging",
    is_flag=False,
    flag_value="true",
    default="",
    envvar="ENABLE_CHAT_LOGGING",
    show_envvar=True,
    help='Log visits of web clients, hashed. Only "true" turns it on.',
)
@click.option(
    "--user-id-salt",
    default="",
    envvar="USER_ID_SALT",
    show_envvar=True,
    help="Salt for hashing the addresses of visitors.",
)
@click.option(
    "--rate-limits/--no-rate-limits", default=True, help="Limit the number of requests per client.", show_default=True
)
@_number("--sync-requests", 3600, (1, 10**9), "Maximum sync requests per account and hour.")
@_number("--sync-megabytes", 0, (0, 10**9), "Maximum megabytes that an account can upload per hour. 0: no limit.")
@_number(
    "--account-megabytes", 10 * 1024, (0, 10**9), "Maximum megabytes that an account can upload in total. 0: no limit."
)
@_number(
    "--attachment-megabytes",
    1024,
    (0, 10**6),
    "Maximum megabytes of the attached files of an account. 0: none are taken.",
)
@_number("--connections", 1024, (16, 10**6), "Maximum open connections; beyond that, idle ones are closed.")
@click.option(
    "--log",
    "log_form",
    type=click.Choice(["json", "text"]),
    help="Log format (default: text on a terminal, else json).",
)
@click.pass_context
def serve(ctx: click.Context, /, **options: Any) -> int:
    """Run a server for accounts and for syncing conversations.

    By default it serves this computer only, with an embedded PostgreSQL in the data folder. Every option can be set by
    an environment variable too, for example --public-url by STERNA_SERVE_PUBLIC_URL. Use that for secrets.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    with server_packages():
        from sterna.server.run import ServeError, migrate_only
        from sterna.server.run import serve as run
    context = ctx.find_object(CommandContext) or CommandContext(None, None)
    settings = server_settings(options, context)
    form = options["log_form"] or ("text" if sys.stderr.isatty() else "json")
    log_to_stderr(form)
    try:
        if options["migrate_only"]:
            migrate_only(settings)
            click.echo("The schema is up to date.")
            return 0
        run(settings, lambda address: _announce(address, settings.signup))
    except ServeError as error:
        raise click.ClickException(str(error)) from error
    return 0


def _announce(address: str, signup: str) -> None:
    """Print the address, as a line that a script can wait for, and on a terminal what to do next."""
    click.echo(address)
    sys.stdout.flush()
    if sys.stdout.isatty():
        hint = {
            "open": "Anyone who can reach it can create an account.",
            "invite": "To invite people: sterna serve user invite",
            "closed": "To create accounts: sterna serve user add EMAIL",
        }[signup]
        click.echo(clean(f"The server is running. Press Ctrl+C to stop it. {hint}"))


for command in (user, model, psql, backup, restore, stats, cleanup, health):
    serve.add_command(command)

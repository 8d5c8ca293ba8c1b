"""``sterna serve``: the other end of the sync, for whoever runs one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from sterna.storage import clean

from .context import Place
from .serve_backup import backup, restore
from .serve_log import log_to_stderr
from .serve_maintenance import cleanup, health, stats
from .serve_model import model
from .serve_psql import psql
from .serve_user import user
from .server_packages import server_packages

Command = TypeVar("Command", bound=Callable[..., Any])

PREFIX = "STERNA_SERVE"
SERVER_FOLDER = "server"


def _secret(name: str, told: str) -> Callable[[Command], Command]:
    """An option that is better given by the environment: arguments are seen by everybody on the machine."""
    return click.option(
        name, default="", envvar=f"{PREFIX}_{name[2:].upper().replace('-', '_')}", show_envvar=True, help=told
    )


@click.group(
    invoke_without_command=True,
    short_help="Run a server that conversations sync to.",
    context_settings={"auto_envvar_prefix": PREFIX},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@_secret("--database-url", "Your own PostgreSQL (postgresql://…) instead of the embedded one.")
@_secret("--admin-url", "The same database as a role that may install the schema, when --database-url's may not.")
@_secret("--service-url", "The same database as a role for the server's own work; by default --admin-url's does it.")
@click.option("--migrate-only", is_flag=True, help="Install the schema and end.")
@click.option(
    "--signup",
    type=click.Choice(["open", "invite", "closed"]),
    help="Who may make an account: anybody, who was invited, nobody. By default open on this machine, else invite.",
)
@click.option("--public-url", default="", help="How browsers reach this server, when a proxy stands in front.")
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    help="An origin whose web pages may call this server, such as http://localhost:3000; may be given several times.",
)
@click.option(
    "--trusted-proxies", default=0, type=click.IntRange(0, 10), help="Proxies in front that append to X-Forwarded-For."
)
@click.option(
    "--behind-tls", is_flag=True, help="Something in front speaks TLS, so listening beyond this machine is meant."
)
@_secret(
    "--jwt-secret",
    "Secret that signs access tokens, at least 32 characters. By default one is generated and kept in the database.",
)
@_secret("--external-jwt-secret", "Accept tokens of another sign-in too, such as a Supabase project's (HS256).")
@click.option("--external-jwks-url", default="", help="The same, checked with public keys (RS256, ES256).")
@click.option("--external-issuer", default="", help="Required issuer of these tokens.")
@click.option("--upstream-url", default="", help="URL of an OpenAI-compatible API that replies on /api/chat.")
@_secret("--upstream-key", "The key for it.")
@click.option("--upstream-model", default="", help="The model when a request names none.")
@click.option(
    "--anonymous-chat", is_flag=True, help="Let callers who did not sign in chat with models of the free tier."
)
@_secret("--redis-url", "Count rate limits in Redis, for several servers.")
@_secret("--smtp-url", "The SMTP server that mails recovery codes: smtp://name:password@host:587, or smtps://.")
@click.option("--mail-from", default="", help="Sender address of these mails.")
@_secret(
    "--metrics-token",
    "Bearer token that allows reading /metrics from other machines. By default only this machine can.",
)
@click.option(
    "--chat-logging",
    is_flag=False,
    flag_value="true",
    default="",
    envvar="ENABLE_CHAT_LOGGING",
    show_envvar=True,
    help='Keep visits of web clients, hashed; "true" and nothing else.',
)
@click.option(
    "--user-id-salt", default="", envvar="USER_ID_SALT", show_envvar=True, help="Salt for hashing visitors' addresses."
)
@click.option(
    "--rate-limits/--no-rate-limits", default=True, help="Limit how many requests a client may make.", show_default=True
)
@click.option(
    "--sync-requests",
    default=3600,
    show_default=True,
    type=click.IntRange(1, 10**9),
    help="Sync requests allowed per account and hour.",
)
@click.option(
    "--sync-megabytes",
    default=0,
    show_default=True,
    type=click.IntRange(0, 10**9),
    help="Megabytes an account may upload per hour. 0: no limit.",
)
@click.option(
    "--account-megabytes",
    default=10 * 1024,
    show_default=True,
    type=click.IntRange(0, 10**9),
    help="Megabytes an account may upload in total. 0: no limit.",
)
@click.option(
    "--connections",
    default=1024,
    show_default=True,
    type=click.IntRange(16, 10**6),
    help="Open connections of clients; beyond that idle ones are closed.",
)
@click.option(
    "--log", "log_form", type=click.Choice(["json", "text"]), help="By default text on a terminal, else json."
)
@click.pass_context
def serve(context: click.Context, /, **options: Any) -> int:
    """Run a server: accounts, and a place that conversations sync to.

    Without more it serves this machine alone, with a PostgreSQL of its own in the data folder; nothing needs to be
    installed. Every option may be said by the environment as well: --public-url by STERNA_SERVE_PUBLIC_URL. Secrets
    are best said there.
    """
    if context.invoked_subcommand is not None:
        return 0
    with server_packages():
        from sterna.server.run import ServeError, migrate_only
        from sterna.server.run import serve as run
    place = context.find_object(Place) or Place(None, None)
    settings = _settings(options, place)
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


def _settings(options: dict[str, Any], place: Place) -> Any:
    from sterna.server.settings import EXAMPLE_SALTS, SALT_BYTES, External, ServerSettings, Upstream, is_loopback

    host, secret = options["host"], options["jwt_secret"]
    if not is_loopback(host) and not options["behind_tls"]:
        raise click.ClickException(
            f"Passwords and conversations would cross the network unencrypted: {host} is not this machine alone. Put a"
            " proxy that speaks TLS in front (docs/server.md) and say --behind-tls, or leave --host away."
        )
    if secret and len(secret) < 32:
        raise click.ClickException("--jwt-secret is too short to be safe: give at least 32 characters.")
    chat_logging, salt = options["chat_logging"] == "true", options["user_id_salt"]
    if chat_logging and len(salt.encode()) < SALT_BYTES:
        raise click.ClickException(
            f"Visits cannot be kept without a secret salt of {SALT_BYTES} bytes at least: set USER_ID_SALT, for example"
            " to what `openssl rand -hex 32` prints, or leave ENABLE_CHAT_LOGGING unset."
        )
    if salt.strip().lower() in EXAMPLE_SALTS:
        raise click.ClickException(
            "USER_ID_SALT is an example from the documentation, which everybody knows: set it to what"
            " `openssl rand -hex 32` prints."
        )
    upstream = Upstream(options["upstream_url"], options["upstream_key"])
    if options["upstream_model"]:
        upstream = Upstream(options["upstream_url"], options["upstream_key"], options["upstream_model"])
    return ServerSettings(
        host=host,
        port=options["port"],
        database_url=options["database_url"],
        admin_url=options["admin_url"],
        service_url=options["service_url"],
        data_dir=Path() if options["database_url"] else place.folder() / SERVER_FOLDER,
        public_url=options["public_url"].rstrip("/"),
        cors_origins=_origins(options["cors_origins"]),
        signup=options["signup"] or ("open" if is_loopback(host) else "invite"),
        jwt_secret=secret,
        external=External(options["external_jwt_secret"], options["external_jwks_url"], options["external_issuer"]),
        upstream=upstream,
        anonymous_chat=options["anonymous_chat"],
        redis_url=options["redis_url"],
        trusted_proxies=options["trusted_proxies"],
        rate_limits=options["rate_limits"],
        sync_requests=options["sync_requests"],
        sync_megabytes=options["sync_megabytes"],
        account_megabytes=options["account_megabytes"],
        metrics_token=options["metrics_token"],
        smtp_url=_smtp(options),
        mail_from=options["mail_from"],
        connections=options["connections"],
        chat_logging=chat_logging,
        user_id_salt=salt,
    )


def _smtp(options: dict[str, Any]) -> str:
    """Return the address of the SMTP server, with what a mail needs beside it."""
    url: str = options["smtp_url"]
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_understood = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_understood = False
    if not is_understood:
        raise click.ClickException(
            "The SMTP address is not understood. It looks like smtp://name:password@mail.example.org:587."
        )
    if not options["mail_from"] or not options["public_url"]:
        raise click.ClickException(
            "Mails need --mail-from, whom they are from, and --public-url, where their link leads."
        )
    return url


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the origins as browsers send them: scheme, host and port, without a path."""
    origins = []
    for one in given:
        parts = urlsplit(one)
        is_origin = parts.scheme in ("http", "https") and parts.netloc and "@" not in parts.netloc
        if one != "*" and not (is_origin and parts.path in ("", "/") and not parts.query and not parts.fragment):
            raise click.ClickException(
                f"{clean(one)} is not an origin. Give scheme, host and port, such as http://localhost:3000."
            )
        origins.append(one.rstrip("/").lower())
    return tuple(origins)


def _announce(address: str, signup: str) -> None:
    """One line that a script can wait for; a person is told what to do with it."""
    click.echo(address)
    sys.stdout.flush()
    if sys.stdout.isatty():
        how = {
            "open": "Anybody who reaches it may make an account.",
            "invite": "Accounts are for who was invited: sterna serve user invite",
            "closed": "Accounts are made by: sterna serve user add EMAIL",
        }[signup]
        click.echo(clean(f"Sterna serves there until ctrl+c. {how}"))


for command in (user, model, psql, backup, restore, stats, cleanup, health):
    serve.add_command(command)

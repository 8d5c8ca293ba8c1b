"""Settings of a server from the options of ``sterna serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from sterna.storage import clean

from .database import SERVER_FOLDER

if TYPE_CHECKING:
    from sterna.server.settings import ServerSettings

    from ..context import CommandContext


def server_settings(options: dict[str, Any], context: CommandContext) -> ServerSettings:
    """Return the settings for the options of ``sterna serve``. Raises ClickException for values that do not fit."""
    from sterna.server.settings import EXAMPLE_SALTS, SALT_BYTES, External, ServerSettings, Upstream, is_loopback

    host, secret = options["host"], options["jwt_secret"]
    if not is_loopback(host) and not options["behind_tls"]:
        raise click.ClickException(
            f"Passwords and conversations would be sent unencrypted: {host} can be reached from other computers. Put a"
            " TLS proxy in front (docs/server.md) and use --behind-tls, or remove --host."
        )
    if secret and len(secret) < 32:
        raise click.ClickException("--jwt-secret is too short: use at least 32 characters.")
    chat_logging, salt = options["chat_logging"] == "true", options["user_id_salt"]
    if chat_logging and len(salt.encode()) < SALT_BYTES:
        raise click.ClickException(
            f"Logging visits requires a secret salt of at least {SALT_BYTES} bytes. Set USER_ID_SALT, for example to"
            " the output of `openssl rand -hex 32`, or unset ENABLE_CHAT_LOGGING."
        )
    if salt.strip().lower() in EXAMPLE_SALTS:
        raise click.ClickException(
            "USER_ID_SALT is the public example of the documentation. Set it to the output of `openssl rand -hex 32`."
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
        data_dir=Path() if options["database_url"] else context.folder() / SERVER_FOLDER,
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
        attachment_megabytes=options["attachment_megabytes"],
        metrics_token=options["metrics_token"],
        smtp_url=_smtp(options),
        mail_from=options["mail_from"],
        connections=options["connections"],
        chat_logging=chat_logging,
        user_id_salt=salt,
        meaning_model=_model(options["meaning"]),
    )


def _model(name: str) -> str:
    """Return the name of the model for the search by meaning, after a look for its files."""
    from sterna.providers.embedder import EmbedderError
    from sterna.providers.static_model import find_model

    if name:
        try:
            find_model(name)
        except EmbedderError as error:
            raise click.ClickException(f"--meaning: {error}") from None
    return name


def _smtp(options: dict[str, Any]) -> str:
    """Return the address of the SMTP server, after checking the options that mails need."""
    url: str = options["smtp_url"]
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise click.ClickException(
            "The SMTP address is invalid. Write it like smtp://name:password@mail.example.org:587."
        )
    if not options["mail_from"] or not options["public_url"]:
        raise click.ClickException("Mails require --mail-from (their sender) and --public-url (for their links).")
    return url


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the origins as browsers send them: scheme, host and port, without a path."""
    origins = []
    for value in values:
        parts = urlsplit(value)
        is_origin = parts.scheme in ("http", "https") and parts.netloc and "@" not in parts.netloc
        if value != "*" and not (is_origin and parts.path in ("", "/") and not parts.query and not parts.fragment):
            raise click.ClickException(
                f"{clean(value)} is not an origin. Enter scheme, host and port, such as http://localhost:3000."
            )
        origins.append(value.rstrip("/").lower())
    return tuple(origins)

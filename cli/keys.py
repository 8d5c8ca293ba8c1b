"""``sterna keys``: keys of endpoints, which no other command ever prints."""

from __future__ import annotations

import re
import sys

import click

from sterna.config import ConfigError, credentials, save_value
from sterna.providers.discovery import SERVICES

from .context import Place
from .streams import read_line

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
WHERE = {"keyring": "the system's keyring", "file": "a file that only you can read"}


@click.group(short_help="Keep or forget the key of an endpoint.")
def keys() -> None:
    """Keys are kept in the system's keyring, or where there is none in a file that only you can read."""


@keys.command("set")
@click.argument("name")
@click.pass_obj
def set_(place: Place, name: str) -> None:
    """Keep the key of endpoint NAME; it is asked for, or read from standard input.

    For a service that Sterna knows (openai, openrouter, anthropic, gemini, groq, mistral) the endpoint is added to
    config.toml when it is not there.
    """
    settings = place.settings()
    known = next((one for one in SERVICES if one.name == name), None)
    configured = name in {one.name for one in settings.endpoints}
    if not configured and known is None:
        table = f"[endpoints.{name if NAME.fullmatch(name) else 'NAME'}]"
        raise click.UsageError(f"There is no endpoint {name}. Add {table} with its url to config.toml.")
    asked = sys.stdin.isatty()
    key = click.prompt(f"Key of {name}", hide_input=True, err=True) if asked else read_line()
    kept = credentials.open_credentials(place.config_dir).put(name, key)
    click.echo(f"The key of {name} is kept in {WHERE[kept]}.")
    if not configured and known is not None:
        save_value(f"endpoints.{name}.url", known.url, place.config_dir)
        if not settings.model:
            save_value("model", f"{name}/{known.model}", place.config_dir)
        click.echo(f"[endpoints.{name}] is now in {settings.path}.")


@keys.command("delete")
@click.argument("name")
@click.pass_obj
def delete(place: Place, name: str) -> None:
    """Forget the key of endpoint NAME."""
    if not credentials.open_credentials(place.config_dir).delete(name):
        raise ConfigError(f"No key of {name} is kept.")
    click.echo(f"The key of {name} is forgotten.")

"""``sterna keys``: API keys of providers, which no command ever prints."""

from __future__ import annotations

import re

import click

from sterna.config import ConfigError, credentials, save_value
from sterna.providers.discovery import SERVICES

from .context import CommandContext
from .streams import is_interactive, read_line

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
KEY_STORES = {"keyring": "the system's keyring", "file": "a file that only you can read"}


@click.group(short_help="Store or remove API keys of providers.")
def keys() -> None:
    """Store or remove API keys. They are in the system keyring, or in a file that only you can read."""


@keys.command("set", short_help="Store the API key of the provider NAME.")
@click.argument("name")
@click.pass_obj
def set_(context: CommandContext, name: str) -> None:
    """Store the API key of the provider NAME (prompts for it, or reads standard input).

    A provider that Sterna knows (openai, openrouter, anthropic, gemini, groq, mistral) is added to config.toml if it is
    not there yet.
    """
    settings = context.settings()
    known = next((service for service in SERVICES if service.name == name), None)
    configured = name in {endpoint.name for endpoint in settings.endpoints}
    if not configured and known is None:
        table = f"[endpoints.{name if NAME.fullmatch(name) else 'NAME'}]"
        raise click.UsageError(f"There is no provider {name}. Add {table} with its url to config.toml.")
    key = click.prompt(f"Key of {name}", hide_input=True, err=True) if is_interactive() else read_line()
    source = credentials.open_credentials(context.config_dir).put(name, key)
    click.echo(f"The key of {name} is stored in {KEY_STORES[source]}.")
    if not configured and known is not None:
        save_value(f"endpoints.{name}.url", known.url, context.config_dir)
        if not settings.model:
            save_value("model", f"{name}/{known.model}", context.config_dir)
        click.echo(f"Added [endpoints.{name}] to {settings.path}.")


@keys.command("delete")
@click.argument("name")
@click.pass_obj
def delete(context: CommandContext, name: str) -> None:
    """Remove the stored API key of the provider NAME."""
    if not credentials.open_credentials(context.config_dir).delete(name):
        raise ConfigError(f"There is no stored key of {name}.")
    click.echo(f"The key of {name} was removed.")

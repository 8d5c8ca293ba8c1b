"""Help of every command: ordinary words, one word for one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from sterna.cli.commands import sterna

OLD = {
    "endpoint": "a provider answers questions",
    "asked for": "prompts for it",
    "is shut": "disabled",
    "whoever": "the administrator",
    "may ask": "can use",
    "makes? the account": "create",
    "say yes": "confirm",
    "how long it is good": "until it expires",
}
ALLOWED = {"endpoint (the provider's name)": "a key of the JSON"}


def _commands(command: click.Command, name: str = "sterna") -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            subcommand = command.get_command(context, child)
            assert subcommand is not None
            yield from _commands(subcommand, f"{name} {child}")


@pytest.mark.parametrize(("name", "command"), list(_commands(sterna)), ids=lambda value: str(value)[:40])
def test_help_is_in_ordinary_words(name: str, command: click.Command) -> None:
    help_text = " ".join(command.get_help(click.Context(command, info_name=name)).split()).lower()
    for allowed in ALLOWED:
        help_text = help_text.replace(allowed.lower(), "")
    assert [word for word in OLD if re.search(rf"\b{word}", help_text)] == []


@pytest.mark.parametrize(("name", "command"), list(_commands(sterna)), ids=lambda value: str(value)[:40])
def test_help_fits_a_terminal_of_80_columns(name: str, command: click.Command) -> None:
    usage, *lines = command.get_help(click.Context(command, info_name=name, terminal_width=80)).splitlines()
    assert usage.startswith("Usage: ")
    assert [line for line in lines if len(line) > 80 or line.endswith("...") or "\\b" in line] == []

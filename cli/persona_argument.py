"""Argument that names a persona, with its shell completion and the values of its variables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from sterna.storage import clean, one_line

from .context import CommandContext
from .streams import is_interactive

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_persona(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the personas whose name begins with ``incomplete``."""
    from click.shell_completion import CompletionItem

    from sterna.config import load_personas

    personas = load_personas(ctx.find_root().params.get("config_dir")).by_name.values()
    return [
        CompletionItem(persona.name, help=one_line(persona.description, 50))
        for persona in personas
        if persona.name.startswith(incomplete)
    ]


def persona_settings(context: CommandContext, name: str | None, values: Sequence[str]) -> dict[str, Any]:
    """Return what a persona sets, with ``values`` (``name=value``) for its variables; ask for those that are missing.

    Without a persona nothing is set. Raises ConfigError with a sentence, and UsageError for a value without a name or
    without a persona.
    """
    if name is None:
        if values:
            raise click.UsageError("--var requires --persona.")
        return {}
    from sterna.config import load_personas

    persona = load_personas(context.config_dir).get(name)
    named = {}
    for pair in values:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.UsageError(f"--var takes name=value, not {pair}.")
        named[key.strip()] = value
    if is_interactive():
        for variable in persona.variables:
            if variable.name not in named:
                named[variable.name] = _ask(variable.label, variable.default, variable.choices)
    return persona.settings(named, datetime.now(UTC))


def _ask(label: str, default: str, choices: Sequence[str]) -> str:
    kind = click.Choice(list(choices)) if choices else None
    value: str = click.prompt(clean(label), default=default or None, type=kind, err=True)
    return value

"""Options that the commands which ask a model have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .persona_argument import complete_persona

Command = TypeVar("Command", bound=Callable[..., Any])

model_option = click.option("--model", "-m", help="Model, as provider/model. See: sterna models")
system_option = click.option("--system", "-s", help="System prompt.")


def persona_options(command: Command) -> Command:
    """Add ``--persona``, and ``--var`` for its variables."""
    variables = click.option(
        "--var", "variables", metavar="NAME=VALUE", multiple=True, help="Variable of the persona (repeatable)."
    )
    persona = click.option(
        "--persona",
        "-p",
        metavar="NAME",
        shell_complete=complete_persona,
        help="Saved system prompt. See: sterna personas",
    )
    return persona(variables(command))

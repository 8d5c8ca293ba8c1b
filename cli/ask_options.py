"""Options of ``sterna ask`` for the request: parameters, and a schema for the reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sterna.config import REQUEST_PARAMETERS, require_setting, toml_value, unsendable

PARAMETERS = "parameters"
"""Setting of a conversation: further parameters of its requests, as an object."""


def parameter_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Return settings of a conversation for parameters as ``name=value``; None for one without a value.

    A value is read as TOML, else it is a text. Those without a setting of their own are together under ``parameters``.
    Raises UsageError with a sentence.
    """
    settings: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for pair in pairs:
        name, separator, text = (part.strip() for part in pair.partition("="))
        if not separator or not name:
            raise click.UsageError(f"--param takes name=value, not {pair}.")
        value = toml_value(text) if text else None
        if name in REQUEST_PARAMETERS:
            setting = require_setting((name,))
            if value is not None and setting.check(value) is None:
                raise click.UsageError(f"{name} has to be {setting.expected}.")
            settings[name] = value
        elif (reason := unsendable({name: value})) is not None:
            raise click.UsageError(f"{'.'.join(reason[0])} {reason[1]}")
        else:
            others[name] = value
    return settings | ({PARAMETERS: others} if others else {})


def merge_parameters(settings: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``settings`` with the parameters that a conversation has already, less those that are None."""
    if PARAMETERS not in settings:
        return dict(settings)
    before = saved.get(PARAMETERS)
    merged = {**(before if isinstance(before, Mapping) else {}), **settings[PARAMETERS]}
    return {**settings, PARAMETERS: {name: value for name, value in merged.items() if value is not None} or None}


def load_schema(path: str) -> dict[str, Any]:
    """Return the JSON schema in a file. Raises ClickException with a sentence."""
    try:
        schema = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read ({error.strerror}). Nothing was sent.") from None
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{path} is not JSON ({error}). Nothing was sent.") from None
    if not isinstance(schema, dict):
        raise click.ClickException(f"{path} is not a JSON schema, which is an object. Nothing was sent.")
    return schema


def require_json(content: str) -> None:
    """Raise ClickException for a reply that is not JSON although a schema was sent."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        raise click.ClickException("The reply is not JSON. This model may not support schemas.") from None

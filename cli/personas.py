"""``sterna personas``: saved system prompts with variables, a model and parameters."""

from __future__ import annotations

from typing import Any

import click

from sterna.config import REQUEST_PARAMETERS, Persona, Personas, load_personas
from sterna.storage import clean, one_line

from .context import CommandContext
from .output import counted, paint, print_json
from .persona_argument import complete_persona


@click.group(short_help="List, show and check personas.", invoke_without_command=True)
@click.pass_context
def personas(ctx: click.Context) -> int | None:
    """List, show and check personas: saved system prompts with variables, a model and parameters.

    Each is a file NAME.md or NAME.toml in the folder personas beside config.toml. See docs/personas.md.
    """
    return ctx.invoke(list_) if ctx.invoked_subcommand is None else None


@personas.command("list", short_help="List all personas.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_obj
def list_(context: CommandContext, as_json: bool = False) -> int:
    """List all personas. A file that cannot be used is named on standard error, and the exit code is 1.

    With --json each line has: name, description, system_prompt, model, temperature, max_tokens, reasoning_effort,
    parameters, tools, variables (each: name, question, default, choices), path.
    """
    found = load_personas(context.config_dir)
    for persona in found.by_name.values():
        if as_json:
            print_json(_object(persona))
        else:
            note = f"  {one_line(persona.description)}" if persona.description else ""
            click.echo(paint(persona.name, bold=True) + note)
    if not found.by_name and not found.problems:
        click.echo(f"sterna: No personas yet. Add them as NAME.md or NAME.toml to {found.folder}", err=True)
    return _report(found)


@personas.command("show", short_help="Show one persona.")
@click.argument("name", shell_complete=complete_persona)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(context: CommandContext, name: str, as_json: bool) -> None:
    """Show the persona NAME: its values, and its system prompt with the variables as they are written."""
    persona = load_personas(context.config_dir).get(name)
    if as_json:
        print_json(_object(persona))
        return
    values = {"description": persona.description, "model": persona.model, **persona.parameters}
    values |= {"tools": ", ".join(persona.tools) or "none"} if persona.tools is not None else {}
    for key, value in values.items():
        if value != "":
            click.echo(f"{paint(key, bold=True)}: {one_line(str(value))}")
    for variable in persona.variables:
        default = f" = {one_line(variable.default)}" if variable.default else ""
        choices = f" ({', '.join(map(one_line, variable.choices))})" if variable.choices else ""
        click.echo(f"{paint('variable', bold=True)}: {variable.name}{default}{choices}")
    click.echo(f"\n{clean(persona.system_prompt)}")


@personas.command("check", short_help="Check every file.")
@click.pass_obj
def check(context: CommandContext) -> int:
    """Check every file in the folder of personas. The exit code is 1 if one cannot be used."""
    found = load_personas(context.config_dir)
    click.echo(f"{counted(len(found.by_name), 'persona')} in {found.folder}")
    return _report(found)


def _report(found: Personas) -> int:
    for problem in found.problems:
        click.echo(clean(f"sterna: {problem}"), err=True)
    return 1 if found.problems else 0


def _object(persona: Persona) -> dict[str, Any]:
    return {
        "name": persona.name,
        "description": persona.description,
        "system_prompt": persona.system_prompt,
        "model": persona.model or None,
        **{key: persona.parameters.get(key) for key in (*REQUEST_PARAMETERS, "parameters")},
        "tools": None if persona.tools is None else list(persona.tools),
        "variables": [
            {
                "name": variable.name,
                "question": variable.question,
                "default": variable.default,
                "choices": list(variable.choices),
            }
            for variable in persona.variables
        ],
        "path": str(persona.path),
    }

"""``sterna config``: the settings in config.toml."""

from __future__ import annotations

import json

import click
from click.shell_completion import CompletionItem

from sterna.config import (
    CONFIG_FILE,
    SETTINGS,
    ConfigError,
    as_toml,
    config_dir,
    create_file,
    current_value,
    parse_value,
    plain_value,
    require_setting,
    save_value,
    split_path,
    written_values,
)
from sterna.storage import clean, one_line

from .context import CommandContext, find_conversation
from .output import counted, paint, print_json
from .setting_problems import setting_problems
from .streams import is_interactive


def complete_setting(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the settings whose path begins with ``incomplete``."""
    return [
        CompletionItem(setting.path, help=setting.help)
        for setting in SETTINGS
        if setting.path.startswith(incomplete) and setting.path == setting.path.lower()
    ]


key_argument = click.argument("key", shell_complete=complete_setting)


@click.group(short_help="Show, change and check settings.", invoke_without_command=True)
@click.pass_context
def config(ctx: click.Context) -> int | None:
    """Show, change and check the settings in config.toml. Without a command, the settings that are set are listed."""
    return ctx.invoke(list_) if ctx.invoked_subcommand is None else None


@config.command("list", short_help="List the settings that are set.")
@click.option("--all", "everything", is_flag=True, help="List every setting, with its default and meaning.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def list_(context: CommandContext, everything: bool = False, as_json: bool = False) -> None:
    """List the settings that are set in config.toml. With --json they are one object, from paths to values."""
    values = {_joined(path): value for path, value in written_values(context.config_dir)}
    if everything:
        names = {setting.path: setting.default for setting in SETTINGS}
        values = names | values
    if as_json:
        print_json({name: plain_value(value) for name, value in values.items()})
        return
    meanings = {setting.path: setting.help for setting in SETTINGS}
    for name, value in values.items():
        note = f"  {paint(meanings[name], dim=True)}" if everything and name in meanings else ""
        click.echo(f"{paint(clean(name), bold=True)} = {clean(as_toml(value))}{note}")
    if not values:
        click.echo("sterna: No settings are set; the defaults apply. See: sterna config list --all", err=True)


@config.command("path", short_help="Print the path of config.toml.")
@click.pass_obj
def path_(context: CommandContext) -> None:
    """Print the path of config.toml, which need not exist."""
    click.echo(config_dir(context.config_dir) / CONFIG_FILE)


@config.command("parameters", short_help="Show the parameters of a request and where they come from.")
@click.option("--model", "-m", help="Model, as provider/model. Default: that of the conversation or the settings.")
@click.option("--conversation", "-c", metavar="ID", help="Conversation with settings of its own, or last.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line: name, value, origin.")
@click.pass_obj
def parameters(context: CommandContext, model: str | None, conversation: str | None, as_json: bool) -> None:
    """Show the parameters that are sent to a model, and where each comes from.

    That is the provider, the model, the settings, the persona or the conversation; later ones replace earlier ones.
    One without a value is never sent.
    """
    from sterna.chat.parameter_origins import parameters_of

    settings, own = context.settings(), {}
    if conversation is not None:
        with context.history() as store:
            own = store.conversations.settings(find_conversation(store, conversation))
    ref = model or str(own.get("model") or "") or settings.model
    if "/" not in ref:
        raise click.UsageError("Name a model with --model, as provider/model. `sterna models` lists them.")
    found = parameters_of(own, settings, ref, context.config_dir)
    for each in found:
        if as_json:
            print_json(each._asdict())
        else:
            shown = "not sent" if each.value is None else json.dumps(each.value, ensure_ascii=False, default=str)
            click.echo(f"{paint(clean(each.name), bold=True)} = {clean(shown)}  {paint(clean(each.origin), dim=True)}")
    if not found and not as_json:
        click.echo(f"sterna: No parameters are sent to {one_line(ref, 80)}: its provider's defaults apply.", err=True)


@config.command("get", short_help="Print the value of a setting.")
@key_argument
@click.option("--json", "as_json", is_flag=True, help="Print the value as JSON.")
@click.pass_obj
def get(context: CommandContext, key: str, as_json: bool) -> None:
    """Print the value of a setting, or its default if it is not set. A value that is a text has no quotes."""
    value = current_value(split_path(key), context.config_dir)
    if as_json:
        print_json(plain_value(value))
    else:
        click.echo(value if isinstance(value, str) else as_toml(value))


@config.command("set", short_help="Change a setting.", context_settings={"ignore_unknown_options": True})
@key_argument
@click.argument("value")
@click.pass_obj
def set_(context: CommandContext, key: str, value: str) -> None:
    """Change a setting. Lists and tables are written as in TOML: '["a", "b"]', '{ top_p = 0.9 }'.

    The rest of config.toml, its comments too, stays as it is.
    """
    path = split_path(key)
    save_value(key, parse_value(require_setting(path), value), context.config_dir)


@config.command("unset", short_help="Return a setting to its default.")
@key_argument
@click.pass_obj
def unset(context: CommandContext, key: str) -> None:
    """Remove a setting from config.toml, so that its default applies."""
    save_value(key, None, context.config_dir)


@config.command("check", short_help="Check config.toml.")
@click.pass_obj
def check(context: CommandContext) -> int:
    """Check config.toml. Problems are printed on standard error, and the exit code is 1."""
    settings, file = context.read_settings(), config_dir(context.config_dir) / CONFIG_FILE
    problems = setting_problems(settings)
    for problem in problems:
        click.echo(clean(f"sterna: {problem}"), err=True)
    if problems:
        click.echo(f"sterna: {counted(len(problems), 'problem')} in {file}", err=True)
        return 1
    click.echo(f"{file} has no problems." if file.exists() else f"{file} does not exist; the defaults apply.")
    return 0


@config.command("edit", short_help="Open config.toml in your editor.")
@click.pass_context
def edit(ctx: click.Context) -> int:
    """Open config.toml in $VISUAL or $EDITOR, and check it afterwards."""
    context: CommandContext = ctx.obj
    if not is_interactive():
        raise ConfigError("The editor needs a terminal. To change one setting, use: sterna config set")
    click.edit(filename=str(create_file(context.config_dir)))
    code: int = ctx.invoke(check)
    return code


def _joined(path: tuple[str, ...]) -> str:
    """Return a path as TOML writes it; the id of an action needs no quotes here."""
    if path[0] == "keys":
        return ".".join(path)
    return ".".join(part if part.replace("-", "").replace("_", "").isalnum() else json.dumps(part) for part in path)

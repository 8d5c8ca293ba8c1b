"""Table of commands, the main command, and the handling of errors."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from sterna.config import ConfigError
from sterna.config.log_file import append_to_installed
from sterna.storage import StoreError, clean
from sterna.sync.errors import SignInError

from .arguments import FOLDER_OPTIONS
from .context import CommandContext
from .error_log import install_log
from .exit_codes import BROKEN_PIPE, FAILED, INTERRUPTED, OK, USAGE
from .streams import InputError, OutputError, ReaderLeftError
from .version import VERSION

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "ask": "ask:ask",
        "chat": "chat:chat",
        "list": "history:list_",
        "show": "history:show",
        "search": "history:search",
        "edit": "branches:edit",
        "fork": "branches:fork",
        "rename": "edit:rename",
        "delete": "edit:delete",
        "undo": "edit:undo",
        "pin": "labels:pin",
        "unpin": "labels:unpin",
        "archive": "labels:archive",
        "unarchive": "labels:unarchive",
        "tag": "labels:tag",
        "tags": "labels:tags",
        "stats": "stats:stats",
        "gather": "gather:gather",
        "meaning": "meaning:meaning",
        "export": "export:export",
        "import": "import_:import_",
        "attachments": "attachments:attachments",
        "models": "models:models",
        "personas": "personas:personas",
        "tools": "tools:tools",
        "keys": "keys:keys",
        "config": "config:config",
        "sync": "sync.command:sync",
        "login": "auth:login",
        "logout": "auth:logout",
        "whoami": "accounts:whoami",
        "accounts": "accounts:accounts",
        "profile": "profile:profile",
        "analytics": "analytics:analytics",
        "account": "account:account",
        "doctor": "doctor.command:doctor",
        "mcp": "mcp.command:mcp",
        "serve": "serve.command:serve",
        "completion": "completion:completion",
    }
)


class LazyGroup(click.Group):
    """Group that loads the module of a command when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f".{module}", __package__), name)
        gc.freeze()
        gc.enable()
        return command


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the conversations (or set STERNA_DATA_DIR).",
)
@click.option(
    "--config-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of config.toml (or set STERNA_CONFIG_DIR).",
)
@click.version_option(VERSION, prog_name="sterna", message="%(prog)s %(version)s")
@click.pass_context
def sterna(ctx: click.Context, data_dir: Path | None, config_dir: Path | None) -> int:
    """Chat with language models in the terminal. Without a command, the chat opens.

    A CONVERSATION is given by its id, by the short name that `sterna list` shows, by the beginning of either, or by
    the word last for the newest.

    Exit codes: 0 success, 1 failure (with a message on standard error), 2 usage error, 130 interrupted.
    """
    ctx.obj = CommandContext(data_dir, config_dir)
    install_log(data_dir)
    if ctx.invoked_subcommand is not None:
        return OK
    from sterna.tui import run as open_chat

    return open_chat(data_dir=data_dir, config_dir=config_dir)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; every failure is a message on standard error."""
    sys.excepthook = _report_internal_error
    install_log(None)
    try:
        result: Any = sterna.main(arguments, prog_name="sterna", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        return _report_usage_error(error)
    except click.ClickException as error:
        return _report(error.format_message())
    except (StoreError, ConfigError, SignInError, OutputError, InputError) as error:
        return _report(str(error))
    except ReaderLeftError:
        return BROKEN_PIPE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else OK


def _report_usage_error(error: click.UsageError) -> int:
    command = error.ctx.command_path if error.ctx else "sterna"
    if isinstance(error, click.NoSuchOption) and error.option_name in FOLDER_OPTIONS:
        _report(f"Put {error.option_name} before the command: sterna {error.option_name} FOLDER COMMAND")
        return USAGE
    _report(f"{error.format_message()}\nSee: {command} --help")
    return USAGE


def _report(sentence: str) -> int:
    click.echo(clean(f"sterna: {sentence}"), err=True)
    return FAILED


def _report_internal_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Report an unexpected error: details go to the log, a sentence to standard error."""
    import traceback

    details = "".join(traceback.format_exception(kind, error, trace))
    log = append_to_installed(f"{datetime.now(UTC).isoformat()} {details}")
    details_hint = f" Details are in {log}." if log else ""
    _report(f"Internal error ({kind.__name__}). Your conversations are safe.{details_hint}")

"""The commands: their names, where each lives, and what becomes of whatever goes wrong in one."""

from __future__ import annotations

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

from . import FOLDER_OPTIONS
from .context import Place
from .error_log import keep_log
from .exit_codes import BROKEN_PIPE, FAILED, INTERRUPTED, OK, USAGE
from .streams import InputError, OutputError, ReaderLeftError
from .version import VERSION

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "ask": "ask:ask",
        "list": "history:list_",
        "show": "history:show",
        "search": "history:search",
        "rename": "edit:rename",
        "delete": "edit:delete",
        "undo": "edit:undo",
        "export": "export:export",
        "models": "models:models",
        "keys": "keys:keys",
        "sync": "sync:sync",
        "login": "auth:login",
        "logout": "auth:logout",
        "whoami": "accounts:whoami",
        "accounts": "accounts:accounts",
        "profile": "profile:profile",
        "analytics": "analytics:analytics",
        "account": "account:account",
        "doctor": "doctor:doctor",
        "serve": "serve:serve",
        "completion": "completion:completion",
    }
)


class Commands(click.Group):
    """Loads a command's file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table above: what is used most comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in COMMANDS:
            return None
        file, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f".{file}", __package__), name)
        return command


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the conversations are.")
@click.option("--config-dir", type=click.Path(path_type=Path, file_okay=False), help="Where config.toml is.")
@click.version_option(VERSION, prog_name="sterna", message="%(prog)s %(version)s")
@click.pass_context
def sterna(context: click.Context, data_dir: Path | None, config_dir: Path | None) -> int:
    """Chat in the terminal, with a history that is yours. Without a command, the chat opens.

    A CONVERSATION is named by its id, by the beginning of it, or of the short name that `sterna list` shows, or by
    the word last. Exit codes: 0 done, 1 failed (the reason is on standard error), 2 not understood, 130 interrupted.
    """
    context.obj = Place(data_dir, config_dir)
    keep_log(data_dir)
    if context.invoked_subcommand is not None:
        return OK
    from sterna.tui import run as open_chat

    return open_chat(data_dir=data_dir, config_dir=config_dir)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; every failure is a sentence on standard error."""
    sys.excepthook = _unexpected
    keep_log(None)
    try:
        result: Any = sterna.main(arguments, prog_name="sterna", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        return _say(error.format_message())
    except (StoreError, ConfigError, SignInError, OutputError, InputError) as error:
        return _say(str(error))
    except ReaderLeftError:
        return BROKEN_PIPE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else OK


def _usage(error: click.UsageError) -> int:
    where = error.ctx.command_path if error.ctx else "sterna"
    if isinstance(error, click.NoSuchOption) and error.option_name in FOLDER_OPTIONS:
        _say(f"Put {error.option_name} before the command: sterna {error.option_name} FOLDER COMMAND")
        return USAGE
    _say(f"{error.format_message()}\nSee: {where} --help")
    return USAGE


def _say(sentence: str) -> int:
    click.echo(clean(f"sterna: {sentence}"), err=True)
    return FAILED


def _unexpected(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Answer an error that no command expects: the details go to the log, a sentence to the person."""
    import traceback

    details = "".join(traceback.format_exception(kind, error, trace))
    log = append_to_installed(f"{datetime.now(UTC).isoformat()} {details}")
    where = f" The details are in {log}." if log else ""
    _say(f"Internal error ({kind.__name__}). Your conversations are safe.{where}")

"""Command line, and entry point of the program: without a command it opens the chat.

Here are the commands in one module per group, standard streams, exit codes and shell completion. It may import every
other room and is imported by none. Nothing is imported at the top before it is known which command runs, and Textual
never is: ``tui`` does that itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .exit_codes import BROKEN_PIPE, FAILED, INTERRUPTED
from .streams import OutputError, ReaderLeftError, standard_streams

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_OPTIONS = ("--data-dir", "--config-dir")
COMPLETION = "_STERNA_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with standard_streams():
            return _run(given)
    except KeyboardInterrupt:  # before a command could answer it itself
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"] and COMPLETION not in os.environ:
        return _print_version()
    folders = only_places(arguments)
    if folders is None or COMPLETION in os.environ:
        from .commands import run

        return run(arguments)
    from .error_log import keep_log

    keep_log(folders.get("--data-dir"))
    from sterna.tui import run as open_chat

    return open_chat(data_dir=folders.get("--data-dir"), config_dir=folders.get("--config-dir"))


def _print_version() -> int:
    """Print the version, without click, which takes longer to load than all the rest."""
    from .version import VERSION

    try:
        sys.stdout.write(f"sterna {VERSION}\n")
        sys.stdout.flush()
    except OutputError as error:
        sys.stderr.write(f"sterna: {error}\n")
        return FAILED
    except ReaderLeftError:
        return BROKEN_PIPE
    return 0


def only_places(arguments: Sequence[str]) -> dict[str, Path] | None:
    """Return the folders named when nothing else is asked for, else None."""
    from pathlib import Path

    found: dict[str, Path] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        value = value if equals else next(rest, "")
        if name not in FOLDER_OPTIONS or not value or value.startswith("-"):
            return None
        found[name] = Path(value)
    return found

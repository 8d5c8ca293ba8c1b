"""Command line, and entry point of the program: without a command it opens the chat.

Here are the commands, one module per group, standard streams, exit codes and shell completion. It may import every
other room and is imported by none. Nothing is imported at the top before it is known which command runs, and Textual
never is: ``tui`` does that itself.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import time
from collections.abc import Sequence

from .arguments import COMPLETION_VARIABLE, only_folders
from .exit_codes import BROKEN_PIPE, FAILED, INTERRUPTED
from .streams import OutputError, ReaderLeftError, standard_streams

DAY_SECONDS = 86_400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    gc.disable()  # what is loaded stays; :mod:`.commands` and ``tui`` enable the collector when they have started
    atexit.register(gc.freeze)  # else Python looks for garbage in all modules at the end, for a sixth of a short run
    _correct_time_zone()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with standard_streams():
            return _run(given)
    except KeyboardInterrupt:  # before a command could handle it
        return INTERRUPTED


def _correct_time_zone() -> None:
    """Take UTC for a ``TZ`` that is a day or more away from it.

    The C library takes UTC for a name that it does not know. It does take such an offset, but Python's dates do not.
    """
    if max(abs(time.timezone), abs(time.altzone)) >= DAY_SECONDS:
        os.environ["TZ"] = "UTC"
        time.tzset()


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"] and COMPLETION_VARIABLE not in os.environ:
        return _print_version()
    folders = only_folders(arguments)
    if folders is None or COMPLETION_VARIABLE in os.environ:
        from .commands import run

        return run(arguments)
    from .error_log import install_log

    install_log(folders.get("--data-dir"))
    from sterna.tui import run as open_chat

    return open_chat(data_dir=folders.get("--data-dir"), config_dir=folders.get("--config-dir"))


def _print_version() -> int:
    """Print the version without click, which takes longer to load than everything else."""
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

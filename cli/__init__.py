"""What a script or a pipe sees, and the door of the program: without a command it opens the chat.

Nothing is imported here before it is known what is wanted, and textual never is: ``tui`` does that itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

PLACES = ("--data-dir", "--config-dir")
COMPLETION = "_STERNA_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; gives the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    places = only_places(given)
    if places is None or COMPLETION in os.environ:
        from .commands import run

        return run(given)
    from .log import keep_log

    keep_log(places.get("--data-dir"))
    from tui import run as open_chat

    return open_chat(data_dir=places.get("--data-dir"), config_dir=places.get("--config-dir"))


def only_places(arguments: Sequence[str]) -> dict[str, Path] | None:
    """The folders named, when nothing else is asked: then click, which takes longer to load, is not needed."""
    found: dict[str, Path] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        value = value if equals else next(rest, "")
        if name not in PLACES or not value or value.startswith("-"):
            return None
        found[name] = Path(value)
    return found

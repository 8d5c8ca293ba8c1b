"""Token at the cursor of the prompt that can be completed: a command, its argument, a file or a snippet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .slash_commands import BY_NAME, Command

Kind = Literal["command", "argument", "file", "snippet"]

_COMMAND = re.compile(r"/([A-Za-z][\w-]*)?")
_ARGUMENT = re.compile(r"/([A-Za-z][\w-]*)\s+(.*)")
_FILE = re.compile(r'(?:^|(?<=[\s(]))@(?:"([^"]*)|([^\s"]*))$')
_SNIPPET = re.compile(r"(?:^|(?<=\s));([\w.-]*)$")


@dataclass(frozen=True, slots=True)
class Token:
    """Part of a line, up to the cursor, that a completion replaces."""

    kind: Kind
    text: str
    """What has been typed of it."""
    row: int
    start: int
    end: int
    command: Command | None = None
    """Command whose argument it is."""


def token_at(line: str, row: int) -> Token | None:
    """Return the token at the end of ``line``, which is the text before the cursor in that row; None without one."""
    end = len(line)
    if row == 0 and (match := _COMMAND.fullmatch(line)):
        return Token("command", match[1] or "", row, 0, end)
    if row == 0 and (match := _ARGUMENT.fullmatch(line)) and (command := BY_NAME.get(match[1].lower())) is not None:
        return Token("argument", match[2], row, match.start(2), end, command) if command.argument else None
    if match := _FILE.search(line):
        return Token("file", match[1] if match[1] is not None else match[2], row, match.start(), end)
    if match := _SNIPPET.search(line):
        return Token("snippet", match[1], row, match.start(), end)
    return None

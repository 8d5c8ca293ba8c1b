"""What Claude Code adds to prompts for the model, and what a person typed."""

from __future__ import annotations

import re

from ..records import Part, Text

_ADDED = re.compile(
    r"<(system-reminder|local-command-caveat|local-command-stdout|local-command-stderr|task-notification"
    r"|bash-stdout|bash-stderr|ide_opened_file|ide_selection|user-prompt-submit-hook|command-contents"
    r"|command-message)\b[^>]*>.*?(?:</\1>|\Z)\s*",
    re.DOTALL,
)
_COMMAND = re.compile(r"<command-name>(.*?)</command-name>\s*(?:<command-args>(.*?)</command-args>)?", re.DOTALL)
_SHELL = re.compile(r"<bash-input>(.*?)</bash-input>", re.DOTALL)


def visible(parts: list[Part]) -> tuple[list[Part], list[str]]:
    """Return the parts that a person sees, and the texts that were added for the model."""
    shown: list[Part] = []
    context: list[str] = []
    for part in parts:
        if not isinstance(part, Text):
            shown.append(part)
            continue
        typed, added = typed_text(part.text)
        context.extend(added)
        if typed or not added:
            shown.append(Text(typed))
    return shown, context


def typed_text(text: str) -> tuple[str, list[str]]:
    """Return what was typed, commands as ``/name arguments``, and the texts around it."""
    if "<" not in text:
        return text, []
    added = [found[0].strip() for found in _ADDED.finditer(text)]
    rest = _ADDED.sub("", text) if added else text
    if command := _COMMAND.search(rest):
        name = "/" + command[1].strip().lstrip("/")
        return f"{name} {(command[2] or '').strip()}".strip(), added
    if shell := _SHELL.search(rest):
        return f"! {shell[1].strip()}", added
    return rest.strip() if added else text, added

"""Commands that are typed into the prompt: ``/help`` opens the help instead of going to a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMANDS: dict[str, str] = {
    "help": "app.help",
    "keys": "app.help",
    "new": "conversation.new",
    "clear": "conversation.new",
    "search": "conversation.search",
    "model": "model.choose",
    "models": "model.choose",
    "system": "conversation.settings",
    "rename": "conversation.rename",
    "private": "conversation.private",
    "delete": "conversation.delete",
    "undo": "conversation.undo",
    "retry": "reply.retry",
    "theme": "app.themes",
    "themes": "app.themes",
    "settings": "app.settings",
    "sync": "app.sync",
    "account": "app.profile",
    "commands": "app.palette",
    "quit": "app.quit",
    "exit": "app.quit",
}
"""Name of each command, and the action it runs. ``/clear`` begins anew, as in other clients, and deletes nothing."""

_COMMAND = re.compile(r"/([A-Za-z][\w-]*)(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Typed:
    """What the text of a prompt is."""

    text: str
    """What goes to the model, where it does: of ``//`` at the beginning one slash is left."""
    action_id: str = ""
    """Action that a known command runs; nothing goes to the model."""
    unsure: str = ""
    """Question for a person, where it looks like a command and is none."""


def read(text: str) -> Typed:
    """Tell whether the text of a prompt is a message or a command."""
    if text.startswith("//"):
        return Typed(text[1:])
    found = _COMMAND.match(text)
    if found is None:
        return Typed(text)
    name, rest = found[1].lower(), text[found.end() :].strip()
    if name not in COMMANDS:
        return Typed(text, unsure=f"“/{name[:40]}” is not a command. Send it as a message?")
    if rest:
        return Typed(text, unsure=f"“/{name}” takes no argument. Send the text as a message?")
    return Typed(text, COMMANDS[name])

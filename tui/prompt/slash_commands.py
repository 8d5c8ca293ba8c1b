"""Slash commands in the prompt: ``/help`` opens the help and is not sent to a model."""

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
"""Actions by the name of their command. ``/clear`` starts a new conversation, as in other clients."""

_COMMAND = re.compile(r"/([A-Za-z][\w-]*)(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """Text of a prompt as a message or a command."""

    text: str
    """Text for the model; of ``//`` at the beginning one slash is left."""
    action_id: str = ""
    """Action of a known command; nothing is sent to the model."""
    question: str = ""
    """Question to ask first, where the text looks like a command and is none."""


def parse(text: str) -> Parsed:
    """Return the text of a prompt as a message or a command."""
    if text.startswith("//"):
        return Parsed(text[1:])
    match = _COMMAND.match(text)
    if match is None:
        return Parsed(text)
    name, rest = match[1].lower(), text[match.end() :].strip()
    if name not in COMMANDS:
        return Parsed(text, question=f"“/{name[:40]}” is not a command. Send it as a message?")
    if rest:
        return Parsed(text, question=f"“/{name}” takes no argument. Send the text as a message?")
    return Parsed(text, COMMANDS[name])

"""Slash commands in the prompt: one table, from which the help, the completion and the README are made.

``/help`` opens the help and is not sent to a model. A path such as ``/etc/hosts`` is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..actions.bindings import BY_ID


@dataclass(frozen=True, slots=True)
class Command:
    """Something that the prompt does instead of sending its text."""

    name: str
    action_id: str = ""
    """Action that it runs without an argument; empty: it needs one."""
    argument: str = ""
    """Word for its argument; empty: it takes none."""
    with_argument: str = ""
    """What it does with the argument, for the help."""
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """Command as it is typed, with its argument."""
        if not self.argument:
            return f"/{self.name}"
        return f"/{self.name} {self.argument}" if not self.action_id else f"/{self.name} [{self.argument}]"

    @property
    def help(self) -> str:
        """Description for the help, the completion and the README."""
        plain = BY_ID[self.action_id].help if self.action_id else ""
        return f"{plain}; {self.with_argument}" if plain and self.with_argument else plain or self.with_argument


COMMANDS: tuple[Command, ...] = (
    Command("help", "app.help"),
    Command("new", "conversation.new", aliases=("clear",)),
    Command("search", "conversation.search", "WORDS", "with words, search for them"),
    Command("ask", "history.ask", "QUESTION", "with a question, look for it"),
    Command("related", "conversation.related"),
    Command("model", "model.choose", "NAME", "with a name, use that model", ("models",)),
    Command("pull", "model.download", "NAME", "with a name, download that model"),
    Command("tools", "tool.choose"),
    Command("attach", "attachment.add", "FILE", "with a path, attach that file"),
    Command("persona", "persona.choose", "NAME", "with a name, use that one", ("personas",)),
    Command("system", "conversation.settings", "TEXT", "with a text, use it as system prompt"),
    Command("title", "conversation.rename", "TEXT", "with a text, use it as title", ("rename",)),
    Command("retry", "reply.retry"),
    Command("compare", "reply.compare", "MESSAGE", "with a message, ask them that"),
    Command("continue", "reply.continue"),
    Command("edit", "message.edit"),
    Command("fork", "conversation.fork"),
    Command("branches", "conversation.branches", aliases=("versions",)),
    Command("copy", "transcript.copy_reply"),
    Command("find", "transcript.find"),
    Command("snippet", "snippet.insert", "NAME", "with a name, insert that one", ("snippets",)),
    Command("editor", "prompt.editor"),
    Command("history", "prompt.history", "WORDS", "with words, search for them"),
    Command("private", "conversation.private"),
    Command("export", "conversation.export", "FILE", "with a path, write it there"),
    Command("import", "app.import"),
    Command("stats", "app.stats"),
    Command("pin", "conversation.pin"),
    Command("archive", "conversation.archive"),
    Command("tag", "conversation.tag", aliases=("tags",)),
    Command("delete", "conversation.delete"),
    Command("undo", "conversation.undo"),
    Command("theme", "app.themes", aliases=("themes",)),
    Command("settings", "app.settings"),
    Command("keys", "app.keys"),
    Command("connect", "app.provider", aliases=("provider",)),
    Command("sync", "app.sync"),
    Command("account", "app.profile"),
    Command("commands", "app.palette"),
    Command("quit", "app.quit", aliases=("exit",)),
)
"""All commands. ``/clear`` starts a new conversation, as in other clients."""

BY_NAME: Mapping[str, Command] = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}

_COMMAND = re.compile(r"/([A-Za-z][\w-]*)(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """Text of a prompt as a message or a command."""

    text: str
    """Text for the model; of ``//`` at the beginning one slash is left."""
    command: Command | None = None
    """Command to run; nothing is sent to the model."""
    argument: str = ""
    question: str = ""
    """Question to ask first, where the text looks like a command and is none."""

    @property
    def action_id(self) -> str:
        """Action of a command without an argument; empty for anything else."""
        return self.command.action_id if self.command is not None and not self.argument else ""


def parse(text: str) -> Parsed:
    """Return the text of a prompt as a message or a command."""
    if text.startswith("//"):
        return Parsed(text[1:])
    match = _COMMAND.match(text)
    if match is None:
        return Parsed(text)
    name, rest = match[1].lower(), text[match.end() :].strip()
    command = BY_NAME.get(name)
    if command is None:
        from difflib import get_close_matches  # needed for a misspelt name only

        near = get_close_matches(name, BY_NAME, 1)
        hint = f" Did you mean /{near[0]}?" if near else ""
        return Parsed(text, question=f"“/{name[:40]}” is not a command.{hint}")
    if rest and not command.argument:
        return Parsed(text, question=f"“/{name}” takes no argument.")
    if not rest and not command.action_id:
        return Parsed(text, question=f"“{command.usage}” needs its argument.")
    return Parsed(text, command, rest)


def rows() -> list[tuple[str, str]]:
    """Return each command with all its names, and what it does."""
    return [
        (" ".join((command.usage, *(f"/{alias}" for alias in command.aliases))), command.help) for command in COMMANDS
    ]


def table() -> str:
    """Return the commands as a Markdown table, for the README."""
    lines = ["| command | |", "|---|---|"]
    for command in COMMANDS:
        names = ", ".join(f"`{name}`" for name in (command.usage, *(f"/{alias}" for alias in command.aliases)))
        lines.append(f"| {names} | {command.help} |")
    return "\n".join(lines)

"""Table of features for README.md. Keys, slash commands and commands come from the program's own tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import click

from sterna.cli.commands import sterna
from sterna.tui.actions.bindings import BY_ID, key_name
from sterna.tui.prompt.slash_commands import COMMANDS

SLASH_COMMANDS = {command.action_id: f"/{command.name}" for command in reversed(COMMANDS) if command.action_id}


@dataclass(frozen=True, slots=True)
class Feature:
    """Row of the table."""

    text: str
    actions: tuple[str, ...] = ()
    """Ids of actions, whose first keys and slash commands are shown."""
    command: str = ""
    """Command line, without ``sterna``."""


FEATURES = (
    Feature("Edit a message and send it again; the old branch stays", ("message.edit",), "edit"),
    Feature("Several versions of a reply, by any model", ("reply.retry", "reply.retry_with", "message.next_version")),
    Feature("Compare two to four models side by side, and keep one reply", ("reply.compare",), "ask --compare"),
    Feature("Branches of a conversation", ("conversation.branches",), "show --branches"),
    Feature("Fork a conversation from any message", ("conversation.fork",), "fork"),
    Feature("Continue a reply that was cut or stopped", ("reply.continue",)),
    Feature("Undo", ("conversation.undo",), "undo"),
    Feature("Search in all conversations, and in one", ("conversation.search", "transcript.find"), "search"),
    Feature("Ask your history, with quotes that open the messages", ("history.ask",), "ask --history"),
    Feature("Search by meaning", ("conversation.search",), "meaning"),
    Feature("Related conversations", ("conversation.related",)),
    Feature("History for other programs (MCP)", (), "mcp"),
    Feature("Pins, archive and tags", ("conversation.pin", "conversation.archive", "conversation.tag"), "tag"),
    Feature("Code blocks: copy, save, open in an editor", ("transcript.code",)),
    Feature("Links", ("transcript.link",)),
    Feature("Two conversations side by side", ("conversation.split",)),
    Feature("The prompt in your editor", ("prompt.editor",)),
    Feature("Earlier prompts", ("prompt.older", "prompt.history")),
    Feature("Personas: saved system prompts", ("persona.choose",), "personas"),
    Feature("Snippets", ("snippet.insert",)),
    Feature("Attachments: text, PDF, images", ("attachment.add", "attachment.paste"), "attachments"),
    Feature("Import from ChatGPT, Claude.ai and 30 other programs, with undo", ("app.import",), "import"),
    Feature("Export: JSON, Markdown, HTML, JSONL, ChatGPT's JSON, SQLite", ("conversation.export",), "export"),
    Feature("Statistics: use by day, model and source, costs, durations", ("app.stats",), "stats"),
    Feature("Conversations that stay on this device", ("conversation.private",), "sync private"),
    Feature("Sync with your own server", ("app.sync",), "sync"),
    Feature("Themes, key presets and keys of your own", ("app.themes", "app.keys")),
    Feature("Tools for the model: MCP servers, files, web pages", ("tool.choose", "tool.answer"), "tools"),
    Feature("Messages wait while a provider cannot be reached", ("reply.retry", "prompt.take_back"), "ask --wait"),
    Feature("Web search, and sources numbered in the reply", ("conversation.settings", "transcript.link")),
    Feature("Download models to Ollama", ("model.download",), "models pull"),
    Feature("Providers of models", ("app.provider", "model.choose"), "models"),
    Feature("Settings", ("app.settings",), "config"),
    Feature("Replies as JSON that follow a schema", (), "ask --schema"),
    Feature("Chat without a full screen", (), "chat"),
)


def features_table() -> str:
    """Return the features as a Markdown table. Raises KeyError for an action or command that does not exist."""
    lines = ["| feature | keys | in the prompt | on the command line |", "|---|---|---|---|"]
    for feature in FEATURES:
        keys = [BY_ID[name].key.split(",")[0] for name in feature.actions]
        slashes = [SLASH_COMMANDS[name] for name in feature.actions if name in SLASH_COMMANDS]
        command = f"sterna {_existing(feature.command)}" if feature.command else ""
        cells = (feature.text, _cell(map(key_name, keys)), _cell(slashes), _cell([command]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`".replace("|", "\\|") for text in texts if text)


def _existing(command: str) -> str:
    """Return a command line. Raises KeyError if the command, its part or its option does not exist."""
    name, _, rest = command.partition(" ")
    context = click.Context(sterna)
    found = sterna.get_command(context, name)
    if found is None:
        raise KeyError(command)
    if rest.startswith("--") and not any(rest in parameter.opts for parameter in found.params):
        raise KeyError(command)
    if rest and not rest.startswith("--") and rest not in getattr(found, "commands", {}):
        raise KeyError(command)
    return command

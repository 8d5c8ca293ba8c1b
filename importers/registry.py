"""Readers by name: the built-in ones, imported when they are needed, and those of other packages."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from .reader import Reader
from .sqlite import unread_databases
from .tree import FileTree
from .unread import unread_forms

BUILT_IN: dict[str, str] = {
    "sterna": "sterna:Sterna",
    "aichat": "aichat:Aichat",
    "aider": "aider:Aider",
    "cline": "cline:Cline",
    "roo": "cline:Roo",
    "crush": "crush:Crush",
    "elia": "elia:Elia",
    "goose": "goose:Goose",
    "gptme": "gptme:Gptme",
    "llama-cpp": "llama_cpp:LlamaCpp",
    "llm": "llm:Llm",
    "lm-studio": "lm_studio:LmStudio",
    "oterm": "oterm:Oterm",
    "parllama": "parllama:Parllama",
    "chatgpt": "chatgpt:ChatGPT",
    "claude-code": "claude_code:ClaudeCode",
    "codex": "codex:Codex",
    "opencode": "opencode:Opencode",
    "gemini-cli": "gemini_cli:GeminiCli",
    "qwen": "qwen:Qwen",
    "pi": "pi:Pi",
    "copilot": "copilot_vscode:CopilotVsCode",
    "copilot-cli": "copilot_cli:CopilotCli",
    "cursor": "cursor:Cursor",
    "claude": "claude_ai:ClaudeAi",
    "open-webui": "open_webui:OpenWebUi",
    "librechat": "librechat:LibreChat",
    "jan": "jan:Jan",
    "cherry-studio": "cherry_studio:CherryStudio",
    "betterchatgpt": "betterchatgpt:BetterChatGpt",
    "chatbot-ui": "chatbot_ui:ChatbotUi",
    "typingmind": "typingmind:TypingMind",
    "ai-studio": "ai_studio:AiStudio",
    "sharegpt": "sharegpt:ShareGpt",
    "openai": "openai_messages:OpenAiMessages",
    "markdown": "markdown:Markdown",
    "gemini": "gemini:Gemini",
}
"""Name → module and class below ``readers``. Where two recognize the same file, the first one takes it."""

ENTRY_POINTS = "sterna.importers"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Readers:
    """Readers in the order in which they are asked."""

    readers: tuple[Reader, ...]
    problems: tuple[str, ...] = ()
    """Sentences about plug-ins that cannot be used."""

    @property
    def names(self) -> list[str]:
        return [reader.name for reader in self.readers]

    def named(self, name: str) -> Reader | None:
        return next((reader for reader in self.readers if reader.name == name), None)


@dataclass(slots=True)
class Found:
    """What the readers recognize in a tree."""

    units: list[tuple[Reader, str]] = field(default_factory=list)
    """Readers and the paths that each of them reads."""
    problems: list[str] = field(default_factory=list)
    """Sentences about plug-ins that failed, and databases that could not be opened."""


@cache
def readers() -> Readers:
    """Return all readers: the specific ones, those of other packages, and the generic ones.

    A plug-in with the name of a built-in reader replaces it. One that is broken is named in ``problems``.
    """
    built_in = [_built_in(place) for place in BUILT_IN.values()]
    plugins, problems = _plugins()
    taken = {reader.name for reader in plugins}
    own = [reader for reader in built_in if reader.name not in taken]
    ordered = [*(r for r in own if not r.is_generic), *plugins, *(r for r in own if r.is_generic)]
    return Readers(tuple(ordered), tuple(problems))


def find(tree: FileTree, available: Iterable[Reader] | None = None) -> Found:
    """Return what the readers can read, each path claimed by one of them.

    The first reader that claims a path gets it. A generic reader gets only what no specific one claims, by itself or
    as a part of a folder.
    """
    found = Found()
    claimed: set[str] = set()
    folders: set[str] = set()
    known: set[str] | None = None
    for reader in sorted(readers().readers if available is None else available, key=lambda each: each.is_generic):
        try:
            paths = list(dict.fromkeys(reader.detect(tree)))
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            found.problems.append(f"The reader {reader.name} failed: {type(error).__name__}: {error}.")
            continue
        for path in paths:
            known = known if known is not None else set(tree.paths)
            if not isinstance(path, str) or (path and path not in known and next(tree.children(path), None) is None):
                found.problems.append(f"The reader {reader.name} names a file that is not there.")
            elif path not in claimed and not (reader.is_generic and any(up in claimed for up in _above(path))):
                if reader.is_generic and path in folders:
                    continue  # a specific reader takes something in this folder
                claimed.add(path)
                folders.update(_above(path))
                found.units.append((reader, path))
    found.problems += [*unread_databases(tree), *unread_forms(tree)]
    return found


def _above(path: str) -> Iterator[str]:
    """Yield the folders that a path is in, up to the tree itself."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _built_in(place: str) -> Reader:
    module, _, name = place.partition(":")
    reader: Reader = getattr(importlib.import_module(f".readers.{module}", __package__), name)()
    return reader


def _plugins() -> tuple[list[Reader], list[str]]:
    from importlib.metadata import entry_points

    found: list[Reader] = []
    problems: list[str] = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        try:
            reader = entry.load()()
            _check(reader)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            problems.append(f"The importer {entry.name} cannot be used: {error or type(error).__name__}.")
        else:
            found.append(reader)
    return found, problems


def _check(reader: object) -> None:
    if not isinstance(reader, Reader):
        raise TypeError("it is no subclass of sterna.importers.Reader")
    name, label = getattr(reader, "name", None), getattr(reader, "label", None)
    if not (isinstance(name, str) and _NAME.fullmatch(name) and isinstance(label, str) and label):
        raise TypeError("its name is not of lower-case letters, digits and hyphens, or its label is missing")

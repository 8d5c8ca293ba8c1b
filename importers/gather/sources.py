"""Sources that can be followed: where each program keeps its history, and which files belong to it.

Only files that a pattern names are looked at; settings, keys and backups beside them are never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .places import Places


@dataclass(frozen=True, slots=True)
class Root:
    """Folder, or one file, of a history."""

    path: Path
    patterns: tuple[str, ...] = ("**",)
    """Files below it that are read: ``*`` stands for a name or a part of one, ``**`` for any folders."""
    companions: tuple[str, ...] = ()
    """Files that readers look into, and that are no history themselves."""


@dataclass(frozen=True, slots=True)
class Source:
    """One program."""

    name: str
    """Name of its reader."""
    roots: Callable[[Places], Sequence[Root]]
    folders: tuple[str, ...] = ()
    """Patterns in a folder that a person adds, or a project; empty where the program has one place for all."""
    is_by_folder: bool = False
    """The files of a folder belong together."""


def _claude_code(places: Places) -> Iterator[Root]:
    base = places.folder("CLAUDE_CONFIG_DIR", default=".claude")
    yield Root(base / "projects", ("**/*.jsonl",), ("**/*.meta.json",))
    desktop = places.application_support / "Claude" / "local-agent-mode-sessions"
    yield Root(desktop, ("**/.claude/projects/**/*.jsonl",), ("**/.claude/projects/**/*.meta.json",))


def _codex(places: Places) -> Iterator[Root]:
    base = places.folder("CODEX_HOME", default=".codex")
    logs = ("**/rollout-*.jsonl", "**/rollout-*.jsonl.zst")
    yield from (Root(base / "sessions", logs), Root(base / "archived_sessions", logs))
    yield Root(base / "session_index.jsonl", (), ("**",))


def _opencode(places: Places) -> Iterator[Root]:
    yield from (Root(path) for path in places.listed("OPENCODE_DB"))
    files = ("opencode.db", "opencode-*.db", "storage/session/**/*.json")
    yield Root(places.data / "opencode", files, ("storage/message/**/*.json", "storage/part/**/*.json"))


def _gemini(places: Places) -> Iterator[Root]:
    base = places.folder("GEMINI_CLI_HOME", default="") / ".gemini"
    chats = ("*/chats/**/*.jsonl", "*/chats/**/*.json", "*/checkpoint-*.json", "*/checkpoints/*.json")
    yield from (Root(base / "tmp", chats), Root(base / "projects.json", (), ("**",)))


def _qwen(places: Places) -> Iterator[Root]:
    base = places.folder("QWEN_RUNTIME_DIR", "QWEN_HOME", default=".qwen")
    yield Root(base / "projects", ("**/*.jsonl",))


def _pi(places: Places) -> Iterator[Root]:
    yield Root(places.folder("PI_CODING_AGENT_DIR", default=".pi/agent") / "sessions", ("**/*.jsonl",))


def _aider(places: Places) -> Iterator[Root]:
    yield from (Root(path) for path in places.listed("AIDER_CHAT_HISTORY_FILE"))


def _goose(places: Places) -> Iterator[Root]:
    base = places.folder("GOOSE_PATH_ROOT", default=places.data / "goose")
    files = ("sessions/sessions.db", "sessions/*.jsonl", "data/sessions/sessions.db")
    yield Root(base, files)


def _crush(places: Places) -> Iterator[Root]:
    """Return the data folders of all projects, which a list names."""
    import json

    base = places.folder("CRUSH_GLOBAL_DATA", default=places.data / "crush")
    try:
        listed = json.loads((base / "projects.json").read_text("utf-8"))
        projects = listed["projects"] if isinstance(listed, dict) else listed
        folders = [entry["data_dir"] for entry in projects if isinstance(entry.get("data_dir"), str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        folders = []
    yield from (Root(places.expand(folder), ("crush.db",)) for folder in folders)


def _editors(places: Places) -> Iterator[Path]:
    """Return the folders of VS Code and of editors made from it."""
    for name in ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf"):
        yield places.application_support / name / "User"
    yield places.home / ".vscode-server" / "data" / "User"


def _cline(places: Places) -> Iterator[Root]:
    for user in _editors(places):
        yield Root(user / "globalStorage" / "saoudrizwan.claude-dev" / "tasks", ("*/*.json",))
    data = places.folder("CLINE_DATA_DIR", default=places.folder("CLINE_DIR", default=".cline") / "data")
    yield Root(places.folder("CLINE_SESSION_DATA_DIR", default=data / "sessions"), ("*/*.json",))


def _roo(places: Places) -> Iterator[Root]:
    for user in _editors(places):
        yield Root(user / "globalStorage" / "rooveterinaryinc.roo-cline" / "tasks", ("*/*.json",))


def _copilot(places: Places) -> Iterator[Root]:
    chats = ("*/chatSessions/*.json", "*/chatSessions/*.jsonl")
    for user in _editors(places):
        yield Root(user / "workspaceStorage", chats, ("*/workspace.json",))
        yield Root(user / "globalStorage" / "emptyWindowChatSessions", ("*.json", "*.jsonl"))


def _copilot_cli(places: Places) -> Iterator[Root]:
    base = places.folder("COPILOT_HOME", default=".copilot")
    yield Root(base / "session-state", ("*/events.jsonl", "*.jsonl"), ("*/workspace.yaml",))
    yield Root(base / "history-session-state", ("*.json",))


def _cursor(places: Places) -> Iterator[Root]:
    yield Root(places.application_support / "Cursor" / "User" / "globalStorage", ("state.vscdb",))
    configured = places.folder("XDG_CONFIG_HOME", default=".config") / "cursor"
    base = places.folder("CURSOR_CONFIG_DIR", default=configured if configured.is_dir() else ".cursor")
    yield Root(base / "chats", ("*/*/store.db",))
    transcripts = ("*/agent-transcripts/**/*.jsonl", "*/agent-transcripts/**/*.txt")
    yield Root(places.home / ".cursor" / "projects", transcripts)


def _llm(places: Places) -> Iterator[Root]:
    base = places.folder("LLM_USER_PATH", default=places.application_support / "io.datasette.llm")
    yield Root(base, ("logs.db",))


def _aichat(places: Places) -> Iterator[Root]:
    base = places.folder("AICHAT_CONFIG_DIR", default=places.application_support / "aichat")
    sessions = places.folder("AICHAT_SESSIONS_DIR", default=base / "sessions")
    messages = places.folder("AICHAT_MESSAGES_FILE", default=base / "messages.md")
    yield from (Root(sessions, ("*.yaml", "_/*.yaml")), Root(messages))


def _gptme(places: Places) -> Iterator[Root]:
    base = places.folder("GPTME_LOGS_HOME", default=places.data / "gptme" / "logs")
    yield Root(base, ("*/conversation.jsonl", "*/branches/*.jsonl"), ("*/config.toml",))


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("claude-code", lambda places: tuple(_claude_code(places))),
        Source("codex", lambda places: tuple(_codex(places))),
        Source("opencode", lambda places: tuple(_opencode(places))),
        Source("gemini-cli", lambda places: tuple(_gemini(places))),
        Source("qwen", lambda places: tuple(_qwen(places))),
        Source("pi", lambda places: tuple(_pi(places))),
        Source("aider", lambda places: tuple(_aider(places)), (".aider.chat.history.md",)),
        Source("goose", lambda places: tuple(_goose(places))),
        Source("crush", lambda places: tuple(_crush(places)), (".crush/crush.db",)),
        Source("cline", lambda places: tuple(_cline(places)), is_by_folder=True),
        Source("roo", lambda places: tuple(_roo(places)), is_by_folder=True),
        Source("copilot", lambda places: tuple(_copilot(places))),
        Source("copilot-cli", lambda places: tuple(_copilot_cli(places))),
        Source("cursor", lambda places: tuple(_cursor(places))),
        Source("llm", lambda places: tuple(_llm(places))),
        Source("aichat", lambda places: tuple(_aichat(places))),
        Source("gptme", lambda places: tuple(_gptme(places)), is_by_folder=True),
    )
}
"""Sources by name, in the order in which they are shown."""

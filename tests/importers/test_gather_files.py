"""Where the histories of other programs are looked for, and which of the files there are read."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from sterna.importers.gather.files import find_files, followed, is_continued
from sterna.importers.gather.places import Places
from sterna.importers.gather.sources import SOURCES
from sterna.importers.gather.work import available, find, gather, roots_of
from sterna.storage import SourceChoice
from tests.importers.agents import SAMPLES

HOME = Path("/home/ana")
MAC = "Library/Application Support"


@pytest.mark.parametrize(
    ("source", "environment", "platform", "expected"),
    [
        ("claude-code", {}, "linux", "/home/ana/.claude/projects"),
        ("claude-code", {"CLAUDE_CONFIG_DIR": "~/c"}, "linux", "/home/ana/c/projects"),
        ("claude-code", {}, "darwin", f"/home/ana/{MAC}/Claude/local-agent-mode-sessions"),
        ("codex", {"CODEX_HOME": "/x"}, "linux", "/x/archived_sessions"),
        ("opencode", {"XDG_DATA_HOME": "/data"}, "darwin", "/data/opencode"),
        ("opencode", {"OPENCODE_DB": "/x/o.db"}, "linux", "/x/o.db"),
        ("gemini-cli", {"GEMINI_CLI_HOME": "/g"}, "linux", "/g/.gemini/tmp"),
        ("qwen", {"QWEN_HOME": "/q"}, "linux", "/q/projects"),
        ("pi", {}, "darwin", "/home/ana/.pi/agent/sessions"),
        ("aider", {"AIDER_CHAT_HISTORY_FILE": "/a/h.md"}, "linux", "/a/h.md"),
        ("goose", {}, "darwin", "/home/ana/.local/share/goose"),
        ("cline", {"CLINE_DIR": "/c"}, "linux", "/c/data/sessions"),
        ("cline", {}, "linux", "/home/ana/.config/Code/User/globalStorage/saoudrizwan.claude-dev/tasks"),
        ("roo", {}, "darwin", f"/home/ana/{MAC}/Code/User/globalStorage/rooveterinaryinc.roo-cline/tasks"),
        ("copilot", {}, "darwin", f"/home/ana/{MAC}/Code/User/workspaceStorage"),
        ("copilot-cli", {"COPILOT_HOME": "/c"}, "linux", "/c/session-state"),
        ("cursor", {}, "darwin", f"/home/ana/{MAC}/Cursor/User/globalStorage"),
        ("cursor", {"CURSOR_CONFIG_DIR": "/c"}, "linux", "/c/chats"),
        ("llm", {"LLM_USER_PATH": "/l"}, "linux", "/l"),
        ("llm", {}, "darwin", f"/home/ana/{MAC}/io.datasette.llm"),
        ("aichat", {}, "linux", "/home/ana/.config/aichat/sessions"),
        ("aichat", {"AICHAT_MESSAGES_FILE": "/m.md"}, "linux", "/m.md"),
        ("gptme", {"GPTME_LOGS_HOME": "/logs"}, "linux", "/logs"),
    ],
)
def test_places_of_a_source(source: str, environment: dict[str, str], platform: str, expected: str) -> None:
    roots = roots_of(SOURCES[source], Places(HOME, environment, platform), SourceChoice())
    assert expected in {str(root.path) for root in roots}


def test_every_source_has_a_reader() -> None:
    assert available() == list(SOURCES)


def test_only_files_of_the_history_are_found(tmp_path: Path) -> None:
    base = tmp_path / ".claude" / "projects"
    for name in ("app/s.jsonl", "app/s/subagents/agent-1.jsonl", "app/notes.txt", "secret/s.jsonl", "app/.env"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("x")
    (tmp_path / ".claude" / ".credentials.json").write_text("secret")
    (base / "app" / "loop").symlink_to(base)
    (base / "app" / "outside.jsonl").symlink_to(tmp_path / ".claude" / ".credentials.json")
    places = Places(tmp_path, {}, "linux")

    def found(*excludes: str) -> list[str]:
        files = find("claude-code", places, SourceChoice(excludes)).files.values()
        return sorted(str(file.path.relative_to(base)) for file in files)

    assert found() == ["app/s.jsonl", "app/s/subagents/agent-1.jsonl", "secret/s.jsonl"]
    assert found("~/.claude/projects/secret") == found("secret") == ["app/s.jsonl", "app/s/subagents/agent-1.jsonl"]
    assert found("agent-*.jsonl", str(base / "s*")) == ["app/s.jsonl"]
    assert found("*") == []


def test_histories_beside_the_code_are_found_in_projects_and_in_folders_that_are_named(tmp_path: Path) -> None:
    for project in ("one", "two", "three"):
        (tmp_path / project).mkdir()
        (tmp_path / project / ".aider.chat.history.md").write_text("# aider chat started at 2026-01-01 10:00:00\n")
    places = Places(tmp_path, {}, "linux")
    found = find("aider", places, SourceChoice(folders=("~/one",)), (str(tmp_path / "two"), "no path", ""))
    assert {file.path.parent.name for file in found.files.values()} == {"one", "two"}
    assert {name.rpartition("/")[2] for name in found.files} == {".aider.chat.history.md"}
    assert len(found.files) == 2


def test_a_file_is_continued_only_where_its_beginning_stands_there_still(tmp_path: Path) -> None:
    log = tmp_path / "s.jsonl"
    log.write_text("first\n")
    [file] = find_files(roots_of(SOURCES["pi"], Places(tmp_path, {"PI_CODING_AGENT_DIR": str(tmp_path)}), SourceChoice(
        folders=(str(tmp_path),)))).files.values()  # fmt: skip
    before = followed(file, "mark")

    def now(content: str, *, anew: bool = False) -> bool:
        path = tmp_path / "new" if anew else log
        path.write_text(content)
        path.replace(log)  # a new file cannot get the place of one that still stands
        state = os.stat(log)
        file.inode, file.size, file.modified_ns = state.st_ino, state.st_size, state.st_mtime_ns
        return is_continued(file, before)

    assert now("first\nsecond\n")
    assert not now("other\nsecond\n")
    assert not now("fir")
    assert now("first\n")
    assert not now("first\nsecond\n", anew=True)


def test_a_database_that_is_in_use_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".local/share/opencode").mkdir(parents=True)
    shutil.copy(SAMPLES / "opencode" / "opencode.db", tmp_path / ".local/share/opencode")
    places = Places(tmp_path, {}, "linux")

    def states() -> list[str]:
        found = find("opencode", places, SourceChoice())
        batches = list(gather("opencode", found, {}, SourceChoice()))
        return [Path(path).name for batch in batches for path in batch.files]

    def busy(*_: object) -> int:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    assert states() == ["opencode.db"]
    monkeypatch.setattr("sterna.importers.readers.opencode._newest", busy)
    assert states() == []

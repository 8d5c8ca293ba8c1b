"""``sterna gather``: off until somebody agrees, what it takes and leaves out, and its timer."""

from __future__ import annotations

import json
import plistlib
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sterna.importers.gather import timer as timers
from sterna.importers.gather.places import Places
from tests.cli.conftest import Run


@pytest.fixture
def machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder in which two programs have a history."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    person = home / "person"
    monkeypatch.setenv("HOME", str(person))
    for project in ("app", "secret"):
        write(person, project, line("u1", None, f"about {project}", project))
    rollout = person / ".codex" / "sessions" / "rollout-1.jsonl"
    rollout.parent.mkdir(parents=True)
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "in codex"}]}
    meta = {"type": "session_meta", "payload": {"id": "c1", "cwd": "/src/app"}}
    rollout.write_text("".join(json.dumps(one) + "\n" for one in (meta, {"type": "response_item", "payload": said})))
    (person / ".codex" / "auth.json").write_text('{"OPENAI_API_KEY": "sk-never"}')
    return person


def log(person: Path, project: str) -> Path:
    return person / ".claude" / "projects" / f"-home-ana-{project}" / f"{project}.jsonl"


def line(uuid: str, parent: str | None, said: str, project: str = "app", kind: str = "user") -> dict[str, Any]:
    return {
        "type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": project, "cwd": f"/home/ana/{project}",
        "timestamp": "2026-02-01T12:00:00Z", "message": {"role": kind, "content": said, "id": uuid},
    }  # fmt: skip


def write(person: Path, project: str, *lines: dict[str, Any]) -> None:
    log(person, project).parent.mkdir(parents=True, exist_ok=True)
    with log(person, project).open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)


def titles(run: Run) -> set[str]:
    return {row["title"] for row in run("list", "--json").lines()}


def texts(run: Run, name: str = "last") -> list[str]:
    return [message["content"] for message in run("export", name, "--format", "json").json()["messages"]]


def test_nothing_is_taken_before_somebody_agrees(run: Run, machine: Path) -> None:
    assert "Nothing is followed" in run("gather").out
    assert run("gather", "once").code == 1
    assert [row["on"] for row in run("gather", "--json").lines()] == [
        row["on"] for row in run("gather", "status", "--json").lines()
    ]
    for wrong in (("--exclude", ""), ("--folder", ""), ("--folder", str(machine / "gone"))):
        assert run("gather", "on", "claude-code", "--yes", *wrong).code == 2
    assert run("gather", "--json", "once").code == 2
    assert "Nothing is followed" in run("gather").out
    refused = run("gather", "on")
    assert refused.code == 1
    assert "Claude Code (claude-code): 2 files" in refused.out
    assert "~/.claude/projects/-home-ana-app  1 file" in refused.out
    assert "Confirm with --yes" in refused.err
    assert titles(run) == set()

    done = run("gather", "on", "claude-code", "--yes", "--exclude", "/home/ana/secret")
    assert done.out.splitlines()[-1] == "claude-code: 1 new, 0 continued, 1 message"
    [row] = run("list", "--json", "from:claude-code", "in:/home/ana/app").lines()
    assert (row["title"], row["origin"]) == ("about app", "claude-code · app")
    assert run("list").out.endswith("about app  claude-code · app\n")
    [state] = [row for row in run("gather", "status", "--json").lines() if row["on"]]
    assert (state["source"], state["excludes"], state["conversations"]) == ("claude-code", ["/home/ana/secret"], 1)
    assert run("gather", "on", "chatgpt", "--yes").code == 2
    (machine / "src").mkdir()
    (machine / "src" / ".aider.chat.history.md").write_text(
        "# aider chat started at 2026-01-01 10:00:00\n\n#### hi\n\nho\n"
    )
    write(machine, "more", line("m1", None, "about more", "more") | {"cwd": str(machine / "src")})
    assert "sterna gather on aider" in run("gather", "on", "--yes").out
    run("gather", "off", "codex")

    write(machine, "app", line("a1", "u1", "reply", kind="assistant"))
    assert run("gather", "once", "--json").lines()[0]["messages"] == 1
    assert run("gather", "once").out == "Nothing new.\n"
    assert run("gather", "off").out == "1 source less. What was gathered stays.\n"
    assert titles(run) == {"about app", "about more", "in codex"}
    assert run("gather", "once").code == 1


def test_a_history_grows_is_rewound_rewritten_and_vanishes(run: Run, machine: Path) -> None:
    run("gather", "on", "claude-code", "--yes", "--exclude", "*-secret")
    write(machine, "app", line("a1", "u1", "first", kind="assistant"), line("u2", "a1", "two"))
    run("gather", "once")
    write(machine, "app", line("a2", "u2", "second", kind="assistant"), line("u3", "a1", "instead of two"))
    assert run("gather", "once", "--json").lines()[0]["messages"] == 2
    assert texts(run) == ["about app", "first", "instead of two"]

    # the file is written anew, without its beginning and with a changed reply
    log(machine, "app").unlink()
    write(machine, "app", line("a1", "u1", "first, corrected", kind="assistant"), line("u3", "a1", "instead of two"))
    run("gather", "once")
    assert texts(run) == ["about app", "first, corrected", "instead of two"]
    shutil.rmtree(machine / ".claude")
    assert run("gather", "once").out == "Nothing new.\n"
    assert texts(run) == ["about app", "first, corrected", "instead of two"]

    # deleted here, it stays deleted, however much it grows
    run("delete", "last", "--yes")
    write(machine, "app", line("a1", "u1", "first", kind="assistant"))
    run("gather", "once")
    write(machine, "app", line("u2", "a1", "more"))
    run("gather", "once")
    assert titles(run) == set()


def test_only_an_undo_that_names_it_takes_back_what_was_gathered(run: Run, machine: Path) -> None:
    run("gather", "on", "claude-code", "--yes")
    assert "There is no import to take back." in run("import", "--undo").err
    assert run("import", "--runs").out.endswith("2 new, 0 updated  gathered from claude-code\n")
    run("import", "--undo", "1")
    assert titles(run) == set()


def test_a_source_can_stay_on_this_machine(run: Run, machine: Path) -> None:
    run("gather", "on", "codex", "--yes", "--stay-here")
    run("gather", "on", "claude-code", "--yes")
    assert titles(run) == {"about app", "about secret", "in codex"}
    [path] = (machine.parent / "data").rglob("*.db")
    with closing(sqlite3.connect(path)) as database:
        private = "select title from chat_sessions where id {} in (select conv_id from sync_private)"
        assert database.execute(private.format("")).fetchall() == [("in codex",)]
        sent = "select distinct title from sync_outbox join chat_sessions as s on s.id = conv_id order by title"
        assert database.execute(sent).fetchall() == [("about app",), ("about secret",)]
        assert "sk-never" not in "\n".join(database.iterdump())


def test_the_timer_is_written_and_removed(run: Run, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(timers, "run_quietly", lambda command: ran.append(tuple(command)) or False)
    done = run("gather", "on", "codex", "--yes", "--install")
    folder = machine / ".config" / "systemd" / "user"
    files = [folder / "sterna-gather.service", folder / "sterna-gather.timer"]
    assert all(f"Written: {path}" in done.out for path in files)
    assert "systemctl --user enable --now sterna-gather.timer" in done.err
    assert '"-m" "sterna" "gather" "once"' in files[0].read_text()
    if verify := shutil.which("systemd-analyze"):
        checked = subprocess.run([verify, "--user", "verify", *files], capture_output=True, check=False)
        assert b"sterna-gather" not in checked.stderr
    assert "The timer is removed." in run("gather", "off", "--install").out
    assert not any(path.exists() for path in files)
    assert ("systemctl", "--user", "disable", "--now", "sterna-gather.timer") in ran
    assert "There is no timer." in run("gather", "off", "--install").out


def test_the_agent_of_macos_is_a_valid_property_list() -> None:
    places = Places(Path("/Users/ana"), {}, "darwin")
    [(path, text)] = timers.timer(places, ["/opt/a & b/python", "-m", "sterna"]).files.items()
    assert path == Path("/Users/ana/Library/LaunchAgents/sterna.gather.plist")
    assert plistlib.loads(text.encode())["ProgramArguments"] == ["/opt/a & b/python", "-m", "sterna"]

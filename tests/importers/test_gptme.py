"""Logs of gptme and their branches."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reading import SAMPLES, content, conversations, lines, read, said, sources

from sterna.importers import Skipped, Text, ToolCall, naive_moment


def line(role: str, content: Any, second: int, **more: Any) -> str:
    return json.dumps({"role": role, "content": content, "timestamp": f"2026-02-01T12:00:{second:02}+00:00", **more})


def log(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_the_sample_has_its_name_model_times_cost_and_branches() -> None:
    (chat,) = conversations(SAMPLES / "gptme", "gptme")
    assert (chat.id, chat.title) == ("2026-02-01-quiet-walrus", "List files")
    assert (chat.model, chat.system_prompt) == ("anthropic/claude-sonnet-4-5", "You are gptme")
    assert chat.resume == "gptme --name 2026-02-01-quiet-walrus"
    ask, run, reply, undone = chat.messages
    assert chat.shown == reply.id
    assert (ask.parent, undone.parent, said(undone)) == ("", "", "list fils")
    assert run.reasoning == "ls"
    assert run.parts == [
        Text("```shell\nls\n```"),
        ToolCall("shell", None, "Ran command: `ls`\n\n`a.md`", id="x"),
    ]
    assert (run.model, run.input_tokens, run.output_tokens, run.cost) == (chat.model, 20, 8, 0.0002)
    assert ask.created_at == naive_moment("2026-02-01T12:00:05.000001")
    assert reply.created_at == datetime(2026, 2, 1, 12, 0, 9, tzinfo=UTC)


def test_branches_share_what_was_said_before_they_parted(tmp_path: Path) -> None:
    start = [line("system", "Be brief", 0), line("user", "one", 1), line("assistant", "1", 2)]
    folder = tmp_path / "logs" / "2026-02-01-a"
    log(folder / "conversation.jsonl", *start, line("user", "two", 5))
    log(folder / "branches" / "edit-0.jsonl", *start, line("user", "too", 3), line("assistant", "Also?", 4))
    log(folder / "views" / "compacted.jsonl", line("user", "summary", 9))
    (chat,) = conversations(tmp_path, "gptme")
    assert lines(chat) == [
        ("user", "one"),
        ("assistant", "1"),
        ("user", "two"),
        ("user", "too"),
        ("assistant", "Also?"),
    ]
    one, reply, two, too, last = chat.messages
    assert [each.parent for each in (reply, two, too, last)] == [one.id, reply.id, reply.id, too.id]
    assert chat.shown == two.id
    before = [each.id for each in chat.messages]
    log(folder / "conversation.jsonl", *start, line("user", "two", 5), line("assistant", "2", 6))
    assert set(before) < {each.id for each in conversations(tmp_path, "gptme")[0].messages}


def test_tools_called_by_id_get_their_results(tmp_path: Path) -> None:
    said_first = 'Look:\n@shell(call-1): {"command": "ls"}\n@save(call-2): {"path": "a"}\n@broken(3): {"'
    path = log(
        tmp_path / "conversation.jsonl",
        line("user", "go", 1),
        line("assistant", said_first, 2),
        line("system", "a.md", 3, call_id="call-1"),
        line("system", "Saved.", 4, call_id="call-2"),
        line("system", "late", 5, call_id="call-9"),
        line("user", "and?", 6),
        line("system", "Working folder: /home/ana", 7),
        line("system", "workspace", 8, hide=True),
    )
    (chat,) = conversations(path, "gptme")
    assert chat.messages[1].parts == [
        Text("Look:"),
        ToolCall("shell", {"command": "ls"}, "a.md", id="call-1"),
        ToolCall("save", {"path": "a"}, "Saved.", id="call-2"),
        Text('@broken(3): {"'),
        ToolCall("tool", None, "late", id="call-9"),
    ]
    assert [(each.role, each.hidden) for each in chat.messages[3:]] == [("system", False), ("system", True)]


def test_each_block_of_code_gets_its_own_result(tmp_path: Path) -> None:
    path = log(
        tmp_path / "conversation.jsonl",
        line("user", "go", 1, pinned=True),
        line("assistant", "```shell\nls\n```\nand\n```py\nno tool\n```\n```ipython\n1\n```", 2),
        line("system", "a.md", 3),
        line("system", "1", 4, files=["plot.png"]),
        line("system", "more", 5),
    )
    (chat,) = conversations(path, "gptme")
    parts = chat.messages[1].parts
    assert parts[1:3] == [ToolCall("shell", None, "a.md"), ToolCall("ipython", None, "1")]
    assert getattr(parts[3], "name", "") == "plot.png"
    assert parts[4] == ToolCall("ipython", None, "more")


def test_files_pins_and_the_folder_of_work_are_kept_and_secrets_are_not(tmp_path: Path) -> None:
    files = {"files": ["/home/ana/tern.txt", "gone.png"], "file_hashes": {"/home/ana/tern.txt": "ab12"}}
    folder = tmp_path / "x"
    log(folder / "conversation.jsonl", line("user", "see", 1, **files, pinned=True))
    (folder / "config.toml").write_text('[chat]\nworkspace = "/home/ana/src"\n[env]\nOPENAI_API_KEY = "sk-secret"\n')
    (folder / "files").mkdir()
    (folder / "files" / "ab12.txt").write_bytes(b"white")
    (chat,) = conversations(tmp_path, "gptme")
    assert chat.project == "/home/ana/src"
    assert chat.messages[0].metadata == {"pinned": True}
    assert content(chat.messages[0].parts[1]) == b"white"
    assert getattr(chat.messages[0].parts[2], "open", 1) is None
    assert "secret" not in repr(chat)


def test_a_broken_line_is_skipped_and_the_rest_is_read(tmp_path: Path) -> None:
    path = log(tmp_path / "conversation.jsonl", line("user", "a", 1), '{"role": "user', "[1]", line("user", "b", 2))
    skipped, other, chat = read(path, "gptme")
    assert skipped == Skipped("Line 2 is not valid JSON.", where="conversation.jsonl:2")
    assert other == Skipped("Line 3 is no message.", where="conversation.jsonl:3")
    assert not isinstance(chat, Skipped)
    assert lines(chat) == [("user", "a"), ("user", "b")]


def test_lines_without_marks_of_gptme_are_not_its(tmp_path: Path) -> None:
    log(tmp_path / "messages.jsonl", line("user", "a", 1))
    assert ("gptme", "messages.jsonl") not in sources(tmp_path)

"""Histories of aider, goose, crush, Cline and Roo Code."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from reading import SAMPLES, content, conversations, lines, read, said, since, sources

from sterna.importers import Conversation, Skipped, Text, ToolCall, Unsupported, naive_moment


def copied(sample: str, folder: Path) -> Path:
    return Path(shutil.copytree(SAMPLES / sample, folder / sample))


def changed(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement, args in statements:
            connection.execute(statement, args)


# aider


def test_each_run_of_aider_is_a_conversation() -> None:
    first, second = conversations(SAMPLES / "aider", "aider")
    assert first.created_at == naive_moment("2026-02-01 12:00:00")
    assert (first.model, first.metadata) == ("gpt-5-mini", {"version": "0.86.2"})
    assert first.project == str(SAMPLES / "aider")
    add, added, ask, reply = first.messages
    assert (said(add), added.parts) == ("/add a.py", [ToolCall("aider", None, "Added a.py to the chat")])
    assert said(ask) == "rename foo to bar\nin every file"
    assert said(reply).startswith("I renamed it.\n\na.py\n```python\n")
    assert reply.parts[1] == ToolCall("aider", None, "Applied edit to a.py")
    assert (reply.input_tokens, reply.output_tokens, reply.cost) == (2100, 90, 0.0012)
    assert (reply.model, ask.model) == ("gpt-5-mini", None)
    assert lines(second) == [("user", "thanks"), ("assistant", "You are welcome.")]


RUN = "# aider chat started at 2026-02-01 12:00:00\n\n"


def test_headings_and_quotes_in_a_reply_of_aider_are_its_text(tmp_path: Path) -> None:
    reply = "#### Steps\n\n> a quote\n\n# Title\n#### more"
    (tmp_path / "log.md").write_text(f"{RUN}> Aider v1  \n\n#### Explain  \n\n{reply}\n\n> Commit 1a2b  \n")
    (chat,) = conversations(tmp_path, "aider")
    assert lines(chat) == [("user", "Explain"), ("assistant", reply)]
    assert chat.messages[1].parts[1] == ToolCall("aider", None, "Commit 1a2b")


def test_a_log_of_aider_without_spaces_at_the_ends_of_lines_is_read(tmp_path: Path) -> None:
    (tmp_path / "log.md").write_bytes(
        f"\ufeff{RUN}#### Hi\n\n<think>hm</think>Hello\n> Done\n".replace("\n", "\r\n").encode()
    )
    (chat,) = conversations(tmp_path, "aider")
    assert lines(chat) == [("user", "Hi"), ("assistant", "Hello")]
    assert chat.messages[1].reasoning == "hm"


def test_ids_of_runs_stay_when_the_log_grows_and_runs_without_a_question_are_none(tmp_path: Path) -> None:
    path = tmp_path / ".aider.chat.history.md"
    path.write_text(f"{RUN}> Model: m  \n{RUN}#### a  \n\nA\n")
    (before,) = conversations(tmp_path, "aider")
    path.write_text(f"{path.read_text()}\nand more\n{RUN}#### a  \n\nB\n")
    after, twin = conversations(tmp_path, "aider")
    assert after.id == before.id
    assert lines(after)[1] == ("assistant", "A\n\nand more")
    assert twin.id != after.id


def test_only_the_last_run_of_aider_and_later_ones_are_read_again(tmp_path: Path) -> None:
    path = copied("aider", tmp_path) / ".aider.chat.history.md"
    first, mark = since(tmp_path, "aider")
    path.write_text(path.read_text() + f"\nmore\n{RUN}#### new  \n\nyes\n")
    again, last = since(tmp_path, "aider", mark)
    assert [each.id for each in again][:1] == [first[1].id]
    assert [lines(each)[-1][1] for each in again] == ["You are welcome.\n\nmore", "yes"]
    assert [lines(each)[-1][1] for each in since(tmp_path, "aider", last)[0]] == ["yes"]


def test_a_run_of_aider_that_begins_with_a_command_has_its_question_as_title() -> None:
    first, second = conversations(SAMPLES / "aider", "aider")
    assert (first.title, second.title) == ("rename foo to bar", "")


# goose


def test_a_session_of_goose_hides_what_only_the_model_sees() -> None:
    (chat,) = conversations(SAMPLES / "goose", "goose")
    assert (chat.id, chat.title) == ("20260102_1 2026-01-02 10:00:00", "Count files")
    assert (chat.project, chat.model) == ("/home/ana/p", "gpt-5-mini")
    assert chat.metadata == {"provider_name": "openai", "goose_mode": "auto"}
    assert chat.resume == "goose session --resume --session-id 20260102_1"
    assert chat.created_at == datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert chat.updated_at == datetime(2026, 1, 2, 10, 0, 9, tzinfo=UTC)
    ask, call, reply, summary = chat.messages
    assert (call.reasoning, call.parts) == (
        "use shell",
        [ToolCall("developer__shell", {"command": "ls | wc -l"}, "7", id="tr1")],
    )
    assert (said(reply), reply.model, ask.id) == ("Seven.", "gpt-5-mini", "msg_a")
    assert [each.hidden for each in chat.messages] == [False, False, False, True]
    assert said(summary) == "(summary for the model only)"


def test_rows_of_goose_may_be_written_again_and_ids_stay(tmp_path: Path) -> None:
    path = copied("goose", tmp_path) / "sessions" / "sessions.db"
    changed(path, ("update messages set message_id = null where message_id = 'msg_a'", ()))
    before = conversations(path, "goose")[0]
    changed(path, ("update messages set id = id + 100", ()))
    after = conversations(path, "goose")[0]
    assert [each.id for each in after.messages] == [each.id for each in before.messages]


def test_failures_notices_pictures_and_sub_agents_of_goose_are_kept(tmp_path: Path) -> None:
    blocks = [
        {"type": "toolRequest", "id": "b", "toolCall": {"status": "error", "error": "bad call"}},
        {"type": "systemNotification", "notificationType": "inlineMessage", "msg": "Compacted."},
        {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"},
        {"type": "actionRequired", "data": {}},
        {"type": "hologram"},
        {"type": "error", "message": "Out of credit"},
    ]
    result = {"status": "success", "value": {"content": [{"type": "text", "text": "denied"}], "isError": True}}
    insert = "insert into messages (session_id, role, content_json, created_timestamp) values ('20260102_1', ?, ?, ?)"
    path = copied("goose", tmp_path) / "sessions" / "sessions.db"
    changed(
        path,
        ("delete from messages", ()),
        (insert, ("assistant", json.dumps(blocks), 1767348000123)),
        (insert, ("user", json.dumps([{"type": "toolResponse", "id": "b", "toolResult": result}]), 0)),
        (insert, ("user", "{broken", 1767348001)),
        ("update sessions set session_type = 'sub_agent', archived_at = '2026-01-03', accumulated_cost = 0.5", ()),
    )
    (chat,) = conversations(path, "goose")
    reply, broken = chat.messages
    assert reply.parts[0] == ToolCall("tool", None, "denied", is_error=True, id="b")
    assert reply.parts[1] == Text("Compacted.")
    assert content(reply.parts[2]) == b"\x89PNG\r\n\x1a\n"
    assert reply.parts[3:] == [Unsupported("hologram", {"type": "hologram"})]
    assert reply.error == "Out of credit"
    assert reply.created_at == datetime(2026, 1, 2, 10, 0, 0, 123_000, UTC)
    assert said(broken) == "{broken"
    assert chat.is_archived
    assert chat.metadata["session_type"] == "sub_agent"
    assert chat.metadata["accumulated_cost"] == 0.5


def test_files_of_goose_before_its_database_are_read(tmp_path: Path) -> None:
    header = {"working_dir": "/home/ana/p", "description": "Old", "message_count": 1}
    message = {"role": "user", "created": 1750000000, "content": [{"type": "text", "text": "Hi"}]}
    (tmp_path / "20250615_1.jsonl").write_text(f"{json.dumps(header)}\n{json.dumps(message)}\n{{broken")
    broken, chat = read(tmp_path, "goose")
    assert broken == Skipped("Line 3 is not valid JSON.", where="20250615_1.jsonl:3")
    assert isinstance(chat, Conversation)
    assert (chat.id, chat.title, chat.project, lines(chat)) == ("20250615_1", "Old", "/home/ana/p", [("user", "Hi")])
    path = copied("goose", tmp_path) / "sessions" / "sessions.db"
    changed(path, ("update sessions set id = '20250615_1'", ()))
    assert [item.title for item in conversations(tmp_path, "goose")] == ["Count files"], "it is in the database, too"


# crush


def test_a_session_of_crush_has_seconds_tools_and_its_project() -> None:
    (chat,) = conversations(SAMPLES / "crush", "crush")
    assert (chat.title, chat.project) == ("List the docs folder", "/home/ana/project")
    assert chat.created_at == datetime(2025, 12, 6, 5, 46, 40, tzinfo=UTC)
    assert chat.metadata == {"prompt_tokens": 900, "completion_tokens": 60, "cost": 0.0123}
    assert chat.resume == f"crush --session {chat.id}"
    ask, call, reply = chat.messages
    assert (call.reasoning, call.parts) == ("need ls", [ToolCall("ls", {"path": "docs"}, "a.md\nb.md", id="t1")])
    assert (call.elapsed_ms, call.model, ask.model) == (5000, "demo-model", None)
    assert said(reply) == "Two files: a.md and b.md."


def test_sub_agents_files_errors_and_compressed_parts_of_crush_are_kept(tmp_path: Path) -> None:
    path = copied("crush", tmp_path) / "project" / ".crush" / "crush.db"
    parts = [
        {"type": "text", "data": {"text": "See"}},
        {"type": "binary", "data": {"Path": "/home/ana/a.png", "MIMEType": "image/png", "Data": "iVBORw0KGgo="}},
        {"type": "image_url", "data": {"url": "https://example.org/b.png"}},
        {"type": "shell_command", "data": {"command": "ls", "output": "a.png"}},
        {"type": "hologram", "data": {}},
        {"type": "finish", "data": {"reason": "error", "message": "No credit", "details": "402"}},
    ]
    compressed = zstandard.compress(json.dumps(parts).encode())
    session = (
        "insert into sessions (id, parent_session_id, title, created_at, updated_at) values ('sub', ?, 'Sub', 1, 1)"
    )
    insert = "insert into messages (id, session_id, role, parts, created_at, updated_at) values (?, 'sub', ?, ?, 1, 1)"
    late = [{"type": "tool_result", "data": {"tool_call_id": "gone", "name": "ls", "content": "x", "is_error": True}}]
    changed(
        path,
        (session, ("11111111-aaaa-4aaa-8aaa-111111111111",)),
        (insert, ("a", "assistant", compressed)),
        (insert, ("b", "tool", json.dumps(late))),
        (insert, ("c", "assistant", json.dumps([{"type": "finish", "data": {"reason": "canceled"}}]))),
        (insert, ("d", "assistant", "{broken")),
    )
    sub = next(chat for chat in conversations(path, "crush") if chat.id == "sub")
    assert (sub.parent_id, sub.resume) == ("11111111-aaaa-4aaa-8aaa-111111111111", "")
    reply, orphan, canceled, broken = sub.messages
    assert reply.parts[0] == Text("See")
    assert content(reply.parts[1]) == b"\x89PNG\r\n\x1a\n"
    assert reply.parts[3:] == [ToolCall("shell", "ls", "a.png"), Unsupported("hologram", parts[4])]
    assert reply.error == "No credit: 402"
    assert orphan.parts == [ToolCall("ls", None, "x", is_error=True, id="gone")]
    assert canceled.stopped
    assert broken.parts == [Unsupported("damaged", {"type": "damaged", "data": {"text": "{broken"}})]


@pytest.mark.parametrize(
    ("source", "file", "columns", "later", "early"),
    [
        ("crush", "project/.crush/crush.db", "id, title, created_at, updated_at", "9, 1765000030", "1"),
        ("goose", "sessions/sessions.db", "id, name, working_dir, updated_at", "'', '2026-01-02T10:00:09Z'", "1"),
    ],
)
def test_sessions_that_did_not_change_are_not_read_again(
    tmp_path: Path, source: str, file: str, columns: str, later: str, early: str
) -> None:
    path = copied(source, tmp_path) / file
    first, mark = since(tmp_path, source)
    assert len(first) == 1
    changed(path, (f"insert into sessions ({columns}) values ('new', 'New', {later})", ()))
    changed(path, ("create index of_session on messages (session_id)", ()))
    again, _ = since(tmp_path, source, mark)
    assert {each.title for each in again} == {first[0].title, "New"}, "what changed in the same second is read"
    assert again[0].messages == first[0].messages
    old = "1" if source == "crush" else "'2025-01-01'"
    changed(
        path,
        (f"update sessions set updated_at = {old} where title <> 'New'".replace("title", columns.split(", ")[1]), ()),
    )
    assert [each.title for each in since(tmp_path, source, mark)[0]] == ["New"]


# Cline and Roo Code


def entry(ts: Any, kind: str, text: str = "", *, ask: bool = False, **more: Any) -> dict[str, Any]:
    word = "ask" if ask else "say"
    return {"ts": ts, "type": word, word: kind, "text": text, **more}


def task(folder: Path, *entries: Any, name: str = "1769947200000", **files: Any) -> Path:
    path = folder / "tasks" / name
    path.mkdir(parents=True)
    for file, value in ({"ui_messages": list(entries)} if entries else {}).items():
        (path / f"{file}.json").write_text(json.dumps(value))
    for file, value in files.items():
        (path / f"{file}.json").write_text(json.dumps(value))
    return folder


def test_a_task_of_cline_is_what_its_panel_shows() -> None:
    (chat,) = conversations(SAMPLES / "cline", "cline")
    assert (chat.id, chat.created_at) == ("1769947200000", datetime(2026, 2, 1, 12, tzinfo=UTC))
    ask, reply, thanks = chat.messages
    assert (said(ask), said(thanks)) == ("Add a test", "Thanks")
    assert reply.parts == [Text("I will add it."), ToolCall("command", "pytest", "1 passed"), Text("Done.")]
    assert (reply.reasoning, reply.input_tokens, reply.output_tokens, reply.cost) == ("look at src", 120, 30, 0.001)


def test_tools_questions_failures_and_repeated_times_of_a_task_are_kept(tmp_path: Path) -> None:
    request = json.dumps({"tokensIn": 1, "tokensOut": 2, "cacheReads": 3, "cancelReason": "user_cancelled"})
    used = {"tool": "readFile", "path": "a.py"}
    task(
        tmp_path,
        entry(1, "text", "Go", images=["data:image/png;base64,iVBORw0KGgo="], files=["/home/ana/b.py"]),
        entry(2, "api_req_started", request),
        entry(2, "text", "half", partial=True),
        entry(2, "tool", json.dumps(used), ask=True),
        entry(2, "tool", json.dumps(used)),
        entry(3, "followup", json.dumps({"question": "Which?", "options": ["a", "b"]}), ask=True),
        entry(3, "checkpoint_created"),
        entry(3, "hologram", "x"),
        entry(3, "error", "Broken"),
        entry(2, "user_feedback", "a"),
        entry(9, "completion_result", "Done"),
        entry(9, "completion_result", "Done", ask=True),
        None,
        7,
        task_metadata={"model_usage": [{"ts": 1, "model_id": "m1"}, {"ts": 5, "model_id": "m2"}]},
    )
    state = tmp_path / "state"
    state.mkdir()
    history = [{"id": "1769947200000", "cwdOnTaskInitialization": "/home/ana/p", "isFavorited": True, "totalCost": 0.2}]
    (state / "taskHistory.json").write_text(json.dumps(history))
    (chat,) = conversations(tmp_path, "cline")
    assert (chat.project, chat.is_pinned, chat.metadata) == ("/home/ana/p", True, {"totalCost": 0.2})
    ask, reply, feedback, done = chat.messages
    assert content(ask.parts[1]) == b"\x89PNG\r\n\x1a\n"
    assert getattr(ask.parts[2], "name", "") == "b.py"
    assert reply.parts[:2] == [ToolCall("readFile", used), Text("Which?\n- a\n- b")]
    assert isinstance(reply.parts[2], Unsupported)
    assert (reply.error, reply.stopped, reply.metadata) == ("Broken", True, {"cacheReads": 3})
    assert [each.id for each in chat.messages] == ["1", "2", "2.2", "9"]
    assert (reply.model, done.model, said(feedback)) == ("m1", "m2", "a")
    assert done.parts == [Text("Done"), Unsupported("message", 7)]


def test_a_task_without_a_panel_is_read_as_the_model_saw_it(tmp_path: Path) -> None:
    copied("cline", tmp_path)
    screen = tmp_path / "cline" / "tasks" / "1769947200000" / "ui_messages.json"
    screen.write_text(screen.read_text()[:-20])
    skipped, chat = read(tmp_path, "cline")
    assert isinstance(skipped, Skipped)
    assert isinstance(chat, Conversation)
    assert [(each.role, each.hidden) for each in chat.messages] == [
        ("user", True),
        ("user", False),
        ("assistant", False),
    ]
    assert said(chat.messages[1]) == "Add a test"
    assert chat.messages[2].parts[1] == ToolCall("execute_command", {"command": "pytest"}, "1 passed", id="tu1")


def test_a_task_of_roo_has_its_folder_mode_and_the_task_that_began_it(tmp_path: Path) -> None:
    about = {"id": "u-1", "ts": 1760000000000, "workspace": "/home/ana/p", "mode": "code", "parentTaskId": "u-0"}
    task(tmp_path, entry(1760000000000, "text", "Go"), name="u-1", history_item=about)
    (chat,) = conversations(tmp_path, "roo")
    assert (chat.id, chat.project, chat.parent_id) == ("u-1", "/home/ana/p", "u-0")
    assert (chat.metadata, lines(chat)) == ({"mode": "code"}, [("user", "Go")])


def test_a_session_of_the_command_line_of_cline_is_read() -> None:
    (chat,) = conversations(SAMPLES / "cline_sdk", "cline")
    assert (chat.id, chat.title, chat.project, chat.system_prompt) == ("s1", "Greeting", "/home/ana/p", "You are Cline")
    assert lines(chat) == [("user", "hi"), ("assistant", "Hello.")]


@pytest.mark.parametrize("value", [[{"ts": 1}], {"ts": 1}, "x", [[]]])
def test_other_files_of_these_names_are_left_alone(tmp_path: Path, value: Any) -> None:
    task(tmp_path, ui_messages=value)
    assert sources(tmp_path) == []

"""Chats of Cursor and GitHub Copilot: a table of keys, a store of hashes, transcripts, a log of changes, events."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sterna.importers.readers.copilot_cli import CopilotCli
from sterna.importers.readers.copilot_vscode import CopilotVsCode
from sterna.importers.readers.cursor import Cursor
from tests.importers.agents import SAMPLES, read_all, said, shown, write_lines


def test_cursor_reads_chats_by_their_keys_and_transcripts() -> None:
    found, skipped = read_all(Cursor(), SAMPLES / "cursor")
    assert not skipped
    chat = found["7d4e0000-0000-4000-8000-00000000c0de"]
    assert (chat.title, chat.project, chat.model) == ("Rename helper", "/home/ana/p", "demo-model")
    assert said(chat) == [
        "u: Rename foo to bar",
        'a: <grep {"pattern": "foo"} → {"matches":3}>',
        "a: Renamed in 3 places.",
    ]
    assert shown(chat)[1].reasoning == "search usages"
    assert [message.role for message in found["c1"].messages] == ["user", "assistant"]
    assert found["c1"].messages[0].metadata == {"context": ["<user_info>\nOS: linux\n</user_info>"]}
    assert found["c1"].resume == "cursor-agent --resume c1"


def test_cursor_prefers_the_store_of_a_session_to_its_transcript(tmp_path: Path) -> None:
    store = tmp_path / "chats" / "md5" / "agent-1" / "store.db"
    store.parent.mkdir(parents=True)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You are"},
        {"role": "user", "content": "<user_info>x</user_info>"},
        {"role": "user", "content": [{"type": "text", "text": "<user_query>\nlist\n</user_query>"}]},
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "t", "toolName": "LS", "args": {}}]},
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "t", "toolName": "LS", "result": "a.py"}]},
        {"role": "user", "content": [{"type": "text", "text": "<user_query>\nlist\n</user_query>"}]},
    ]
    blobs = [json.dumps(message).encode() for message in messages]
    root = b"".join(b"\x0a\x20" + hashlib.sha256(blob).digest() for blob in blobs) + b"\x10\x05\x1a\x02hi"
    meta = json.dumps({"agentId": "agent-1", "latestRootBlobId": "root", "name": "Listing", "createdAt": 1769947200000})
    with closing(sqlite3.connect(store)) as database:
        database.execute("create table meta(key text, value text)")
        database.execute("create table blobs(id text primary key, data blob)")
        database.execute("insert into meta values ('0', ?)", [meta.encode().hex()])
        rows = [(hashlib.sha256(blob).hexdigest(), blob) for blob in blobs]
        database.executemany("insert or ignore into blobs values (?, ?)", [*rows, ("root", root)])
        database.commit()
    transcripts = tmp_path / "projects" / "p" / "agent-transcripts"
    line = {"role": "user", "message": {"content": [{"type": "text", "text": "list"}]}}
    write_lines(transcripts / "agent-1" / "agent-1.jsonl", [line])
    (transcripts / "agent-2.txt").write_text(
        "user:\n<user_query>\nhello\n</user_query>\n\nassistant:\n[Thinking]so\n\nLooking.\n[Tool call] LS\n  path: .\n"
        "[Tool result] LS\n\nassistant:\nDone: `user:` stays.\n"
    )
    found, _ = read_all(Cursor(), tmp_path)
    assert set(found) == {"agent-1", "agent-2"}
    assert found["agent-1"].title == "Listing"
    visible = [message for message in found["agent-1"].messages if not message.hidden]
    assert [message.role for message in visible] == ["user", "assistant", "user"]
    assert visible[1].parts[0].result == "a.py"  # type: ignore[union-attr]
    plain = found["agent-2"].messages
    assert plain[1].reasoning == "so"
    assert [type(part).__name__ for part in plain[1].parts] == ["Text", "ToolCall"]
    assert len(plain) == 3


def test_copilot_replays_the_changes_of_its_log(tmp_path: Path) -> None:
    found, skipped = read_all(CopilotVsCode(), SAMPLES / "copilot_vscode")
    [chat] = found.values()
    assert not skipped
    assert chat.title == "Explain a.py"
    assert said(chat) == ["u: Explain a.py", "a: It adds numbers. <copilot_readFile null → Read a.py>"]
    assert (chat.model, shown(chat)[1].reasoning) == ("gpt-5-mini", "short")

    folder = tmp_path / "workspaceStorage" / "w"
    request = {
        "requestId": "r1",
        "message": {"text": "one"},
        "response": [
            *({"value": "See "}, {"kind": "inlineReference", "inlineReference": {"path": "/p/a.py"}}),
            *({"kind": "undoStop"}, {"kind": "mystery"}),
        ],
        "result": {"errorDetails": {"message": "Quota"}, "metadata": {"promptTokens": 7, "resolvedModel": "m"}},
    }
    write_lines(
        folder / "chatSessions" / "s.jsonl",
        [
            {"kind": 0, "v": {"version": 3, "sessionId": "s", "requests": [request], "customTitle": "x"}},
            {"kind": 2, "k": ["requests"], "i": 1, "v": [request | {"requestId": "r2"}, {"requestId": "r3"}]},
            {"kind": 2, "k": ["requests"], "i": 2},
            {"kind": 1, "k": ["requests", 1, "shouldBeRemovedOnSend"], "v": True},
            {"kind": 3, "k": ["customTitle"]},
            {"kind": 1, "k": ["requests", 9, "response"], "v": []},
        ],
    )
    (folder / "workspace.json").write_text('{"folder": "file:///home/ana/my%20app"}')
    document = {"version": 3, "sessionId": "d", "responderUsername": "GitHub Copilot", "requests": [request]}
    (folder / "chatSessions" / "d.json").write_text(json.dumps(document, indent=1))
    found, skipped = read_all(CopilotVsCode(), tmp_path)
    assert [item.where for item in skipped] == ["workspaceStorage/w/chatSessions/s.jsonl:6"]
    assert said(found["s"]) == ["u: one", "a: See `a.py` [mystery]"] == said(found["d"])
    assert len(found["s"].messages) == 4
    assert (found["s"].title, found["s"].project) == ("", "/home/ana/my app")
    reply = found["d"].messages[1]
    assert (reply.error, reply.input_tokens, reply.model) == ("Quota", 7, "m")


def test_copilot_cli_reads_events_and_documents_of_its_first_versions(tmp_path: Path) -> None:
    found, skipped = read_all(CopilotCli(), SAMPLES / "copilot_cli")
    assert not skipped
    assert said(found["c0de"]) == ["u: fix it", 'a: <view {"path": "a"} → x>', "a: Fixed."]
    assert (found["c0de"].project, found["c0de"].resume) == ("/home/ana/p", "copilot --resume c0de")

    events: list[tuple[str, dict[str, Any]]] = [
        ("session.start", {"sessionId": "s", "selectedModel": "m"}),
        ("user.message", {"content": "go", "attachments": [{"type": "file", "displayName": "a.py"}]}),
        ("assistant.message", {"content": "", "toolRequests": [{"toolCallId": "t", "name": "task", "arguments": {}}]}),
        ("assistant.message", {"content": "inner", "parentToolCallId": "t"}),
        ("tool.execution_complete", {"toolCallId": "t", "success": False, "error": {"message": "no"}}),
        ("abort", {}),
    ]
    lines = [
        {"type": kind, "data": data, "id": str(n), "parentId": str(n - 1)} for n, (kind, data) in enumerate(events)
    ]
    write_lines(tmp_path / "session-state" / "s" / "events.jsonl", lines)
    (tmp_path / "session-state" / "s" / "workspace.yaml").write_text("id: s\nname: A task\n")
    early = {"sessionId": "e", "startTime": "2025-10-01T10:00:00Z", "chatMessages": [{"role": "user", "content": "hi"}]}
    (tmp_path / "session_e.json").write_text(json.dumps(early))
    found, _ = read_all(CopilotCli(), tmp_path)
    assert said(found["s"]) == ["u: go (a.py)", "a: <task {} → no>"]
    assert (found["s"].title, found["s"].model, shown(found["s"])[1].stopped) == ("A task", "m", True)
    assert (said(found["s/t"]), found["s/t"].parent_id) == (["a: inner"], "s")
    assert [message.role for message in found["e"].messages] == ["user"]

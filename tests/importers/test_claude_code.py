"""Sessions of Claude Code: trees, copies, snapshots of one reply, sub-agents and what it adds to prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sterna.importers.readers.claude_code import ClaudeCode
from sterna.importers.records import Attachment, Text
from tests.importers.agents import SAMPLES, read_all, said, shown, write_lines

READER = ClaudeCode()
SESSION = "5e551011-0000-4000-8000-000000000001"


def line(uuid: str, parent: str | None, content: Any, kind: str = "user", **fields: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": kind, "content": content}
    if kind == "assistant":
        message |= {"id": fields.pop("reply", f"msg_{uuid}"), "model": "claude-x"}
        message["usage"] = fields.pop("usage", {})
    where = {"sessionId": fields.pop("session", "s1"), "cwd": "/home/ana/app", "timestamp": fields.pop("at", None)}
    return {"type": kind, "uuid": uuid, "parentUuid": parent, "message": message, **where, **fields}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_a_session_with_its_sub_agent() -> None:
    found, skipped = read_all(READER, SAMPLES / "claude_code")
    assert not skipped
    assert list(found) == [SESSION, f"{SESSION}/abc123"]
    conversation = found[SESSION]
    assert conversation.title == "My reading"
    assert conversation.resume == f"claude --resume {SESSION}"
    assert (conversation.project, conversation.model) == ("/home/ana/p", "claude-sonnet-4-5")
    assert said(conversation) == [
        "u: Read a.md",
        'a: Reading it. <Read {"file_path": "/home/ana/p/a.md"} → hello>',
        "a: It says hello.",
        "u: also b.md please",
    ]
    reply = shown(conversation)[1]
    assert (reply.input_tokens, reply.output_tokens) == (103, 30)
    assert [message.id for message in conversation.messages if message.hidden] == ["u0"]
    assert found[f"{SESSION}/abc123"].parent_id == SESSION


def test_a_rewind_leaves_a_branch_and_the_newest_one_is_shown(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "p" / "s1.jsonl",
        [
            line("u1", None, "one"),
            line("a1", "u1", [text("first")], "assistant"),
            line("u2", "a1", "wrong"),
            line("a2", "u2", [text("lost")], "assistant"),
            line("u3", "a1", "right"),
            line("a3", "u3", [text("kept")], "assistant"),
            {"type": "system", "subtype": "turn_duration", "uuid": "s", "parentUuid": "a3", "sessionId": "s1"},
            line("u4", "gone", "after a line that is missing"),
        ],
    )
    conversation = read_all(READER, tmp_path)[0]["s1"]
    assert said(conversation) == ["u: one", "a: first", "u: right", "a: kept", "u: after a line that is missing"]
    assert len(conversation.messages) == 7


def test_lines_of_one_reply_are_snapshots_or_more_of_it(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
    thought = {"type": "thinking", "thinking": "so"}
    picture_block = {"type": "image", "source": {"type": "base64", "data": "aGk=", "media_type": "image/png"}}
    lines = [
        line("u1", None, [text("go"), picture_block]),
        line("a1", "u1", [thought], "assistant", reply="m", usage={"output_tokens": 1}),
        line("a2", "a1", [text("I loo")], "assistant", reply="m", usage={"output_tokens": 2}),
        line("a3", "a2", [thought, text("I look"), call], "assistant", reply="m", usage={"output_tokens": 9}),
        line("r1", "a3", [{"type": "tool_result", "tool_use_id": "t1", "content": [text("a.py")], "is_error": True}]),
        line("r2", "r1", [{"type": "tool_result", "tool_use_id": "unknown", "content": "late"}]),
        line("u2", "r2", "<system-reminder>be quick</system-reminder>thanks"),
        line("u3", "u2", "<command-name>/model</command-name><command-args>opus</command-args>"),
        line("a4", "u3", [text("API Error: 529")], "assistant", isApiErrorMessage=True),
    ]  # fmt: skip
    write_lines(tmp_path / "s1.jsonl", lines)
    found, _ = read_all(READER, tmp_path / "s1.jsonl")
    conversation = found["s1"]
    assert said(conversation) == [
        "u: go (image.png)",
        'a: I look <Bash {"command": "ls"} → a.py>',
        "a: <tool null → late>",
        "u: thanks",
        "u: /model opus",
        "a: ",
    ]
    reply = conversation.messages[1]
    assert (reply.reasoning, reply.output_tokens, reply.parts[1].is_error) == ("so", 9, True)  # type: ignore[union-attr]
    picture = conversation.messages[0].parts[1]
    assert isinstance(picture, Attachment)
    assert picture.open is not None
    assert picture.open().read() == b"hi"
    assert conversation.messages[3].metadata == {"context": ["<system-reminder>be quick</system-reminder>"]}
    assert conversation.messages[-1].error == "API Error: 529"


def test_a_copy_made_by_a_resume_is_a_branch_of_its_origin(tmp_path: Path) -> None:
    both = [line("u1", None, "one", at="2026-02-01T10:00:00Z"), line("a1", "u1", [text("1")], "assistant")]
    write_lines(tmp_path / "old.jsonl", [*both, line("u2", "a1", "two", at="2026-02-01T10:01:00Z")])
    copied = [record | {"sessionId": "s2", "forkedFrom": {"sessionId": "s1", "messageUuid": "a1"}} for record in both]
    later = line("u3", "a1", "three", session="s2", at="2026-02-02T10:00:00Z")
    write_lines(tmp_path / "copy.jsonl", [*copied, later])
    found, _ = read_all(READER, tmp_path)
    assert list(found) == ["s1"]
    assert said(found["s1"]) == ["u: one", "a: 1", "u: three"]
    assert len(found["s1"].messages) == 4
    assert found["s1"].resume == "claude --resume s2"
    (tmp_path / "old.jsonl").unlink()
    assert list(read_all(READER, tmp_path)[0]) == ["s1"]


def test_compaction_goes_on_and_its_summary_is_hidden(tmp_path: Path) -> None:
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": "c", "parentUuid": None, "sessionId": "s1"}
    write_lines(
        tmp_path / "s1.jsonl",
        [
            {"type": "summary", "summary": "About numbers", "leafUuid": "a1"},
            line("u1", None, "one"),
            line("a1", "u1", [text("1")], "assistant"),
            boundary | {"logicalParentUuid": "a1"},
            line("c2", "c", "The story so far", isCompactSummary=True),
            line("side", None, "find it", isSidechain=True, agentId="ag"),
            line("u2", "c2", "go on"),
        ],
    )
    found, _ = read_all(READER, tmp_path)
    assert said(found["s1"]) == ["u: one", "a: 1", "u: go on"]
    assert found["s1"].title == "About numbers"
    assert said(found["s1/ag"]) == ["u: find it"]


def test_what_nobody_wrote_is_not_shown(tmp_path: Path) -> None:
    queued = {"type": "queued_command", "prompt": "<task-notification>done</task-notification>"}
    write_lines(tmp_path / "s1" / "subagents" / "agent-acompact-1.jsonl", [line("u1", None, "copy", isSidechain=True)])
    write_lines(
        tmp_path / "s1.jsonl",
        [
            line("u1", None, "one"),
            line("a1", "u1", [{"type": "thinking", "thinking": "", "signature": "x"}], "assistant"),
            {"type": "attachment", "attachment": queued, "uuid": "q", "parentUuid": "a1", "sessionId": "s1"},
            line("a2", "q", [text("1")], "assistant"),
        ],
    )
    found, _ = read_all(READER, tmp_path)
    assert said(found.pop("s1")) == ["u: one", "a: 1"]
    assert found == {}


def test_a_broken_line_is_named_and_a_line_being_written_is_left_out(tmp_path: Path) -> None:
    log = write_lines(
        tmp_path / "s1.jsonl", [line("u1", None, "one"), "{broken", line("u2", "u1", "two"), '{"type":'], end=""
    )
    found, skipped = read_all(READER, log)
    assert [item.where for item in skipped] == ["s1.jsonl:2"]
    assert said(found["s1"]) == ["u: one", "u: two"]


def test_prompts_of_sessions_that_were_deleted(tmp_path: Path) -> None:
    prompt = {"display": "hello", "timestamp": 1769947201000, "project": "/home/ana/p", "sessionId": "gone"}
    write_lines(tmp_path / "history.jsonl", [prompt, prompt | {"display": "again", "sessionId": "s1"}])
    write_lines(tmp_path / "projects" / "p" / "s1.jsonl", [line("u1", None, "again")])
    found, _ = read_all(READER, tmp_path)
    assert [message.parts for message in found["prompts/gone"].messages] == [[Text("hello")]]
    assert set(found) == {"prompts/gone", "s1"}


def test_a_first_line_that_is_longer_than_the_head_of_a_file(tmp_path: Path) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk=" * 50_000}}
    first = {"parentUuid": None, "sessionId": "s1", **line("u1", None, [text("what is this"), picture])}
    write_lines(
        tmp_path / "s1.jsonl", [first | {"uuid": first.pop("uuid")}, line("a1", "u1", [text("x")], "assistant")]
    )
    assert said(read_all(READER, tmp_path)[0]["s1"]) == ["u: what is this (image.png)", "a: x"]

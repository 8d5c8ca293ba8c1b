"""Rollouts of Codex: context, rollbacks, aborted turns, forks, sub-agents and compressed logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zstandard

from sterna.importers.readers.codex import Codex
from tests.importers.agents import SAMPLES, read_all, said, shown, write_lines

READER = Codex()
SHELL = 'a: <local_shell {"command": ["ls"]} → a.py>'
SESSION = "019c0000-0000-7000-8000-000000000001"


def meta(session: str, **fields: Any) -> dict[str, Any]:
    return {"timestamp": "2026-02-01T12:00:00Z", "type": "session_meta", "payload": {"id": session, **fields}}


def turn(name: str) -> dict[str, Any]:
    return {"type": "turn_context", "payload": {"turn_id": name, "model": "gpt-x"}}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "event_msg", "payload": {"type": kind, **fields}}


def item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"timestamp": "2026-02-01T12:00:01Z", "type": "response_item", "payload": {"type": kind, **fields}}


def message(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return item("message", role=role, content=[{"type": kind, "text": text}])


def test_a_session() -> None:
    found, skipped = read_all(READER, SAMPLES / "codex")
    assert not skipped
    conversation = found[SESSION]
    assert list(found) == [SESSION]
    assert conversation.title == "Count files"
    assert conversation.resume == f"codex resume {SESSION}"
    assert said(conversation) == ["u: How many files?", 'a: <exec_command {"cmd": "ls | wc -l"} → 7\n>', "a: Seven."]
    reply = shown(conversation)[1]
    assert (reply.reasoning, reply.model, reply.input_tokens) == ("**Counting files**", "gpt-5.2-codex", 900)
    assert len([one for one in conversation.messages if one.hidden]) == 2


def test_a_rollback_goes_on_before_the_turns_and_keeps_them(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "rollout-1.jsonl",
        [
            meta("s1"),
            *(message("user", "one"), message("assistant", "1")),
            *(message("user", "two"), event("turn_aborted"), message("user", "two"), message("assistant", "2")),
            event("thread_rolled_back", num_turns=1),
            message("user", "three"),
            item("function_call_output", call_id="lost", output={"content": "late", "success": False}),
            item("local_shell_call", call_id="sh", action={"command": ["ls"]}),
            item("function_call_output", call_id="sh", output='{"output": "a.py", "metadata": {"exit_code": 1}}'),
            item("strange", data=1),
        ],
    )
    conversation = read_all(READER, tmp_path)[0]["s1"]
    assert said(conversation) == ["u: one", "a: 1", "u: three", "a: <tool null → late>", SHELL, "a: [strange]"]
    assert len(conversation.messages) == 8


def test_events_speak_where_items_do_not(tmp_path: Path) -> None:
    lines = [meta("s1"), event("user_message", message="hi"), event("agent_message", message="ho")]
    write_lines(tmp_path / "a.jsonl", [*lines, event("thread_name_updated", thread_name="Greeting")])
    conversation = read_all(READER, tmp_path)[0]["s1"]
    assert (said(conversation), conversation.title) == (["u: hi", "a: ho"], "Greeting")


def test_an_early_log_without_envelopes(tmp_path: Path) -> None:
    first = {"id": "s1", "timestamp": "2025-05-01T10:00:00Z", "instructions": None}
    said_early = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "early"}]}
    write_lines(tmp_path / "rollout-s1.jsonl", [first, {"record_type": "state"}, said_early])
    assert said(read_all(READER, tmp_path)[0]["s1"]) == ["u: early"]


def test_a_fork_is_complete_and_a_sub_agent_hides_what_it_copied(tmp_path: Path) -> None:
    parent = [turn("t1"), message("user", "one"), message("assistant", "1")]
    write_lines(tmp_path / "sessions" / "rollout-s1.jsonl", [meta("s1"), *parent])
    own = [turn("t2"), message("user", "two")]
    write_lines(tmp_path / "sessions" / "rollout-s2.jsonl", [meta("s2", forked_from_id="s1"), *parent, *own])
    write_lines(tmp_path / "archived_sessions" / "rollout-s3.jsonl", [meta("s3", parent_thread_id="s1"), *parent, *own])
    found, _ = read_all(READER, tmp_path)
    assert said(found["s2"]) == ["u: one", "a: 1", "u: two"]
    assert said(found["s3"]) == ["u: two"]
    assert (found["s2"].parent_id, found["s3"].parent_id) == ("s1", "s1")
    assert [one.is_archived for one in found.values()] == [True, False, False]


def test_a_compressed_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write_lines(tmp_path / "rollout-s1.jsonl", [meta("s1"), message("user", "cold")])
    packed = tmp_path / "packed" / "rollout-s1.jsonl.zst"
    packed.parent.mkdir()
    packed.write_bytes(zstandard.ZstdCompressor().compress(log.read_bytes()))
    assert said(read_all(READER, packed)[0]["s1"]) == ["u: cold"]
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    [skipped] = read_all(READER, packed)[1]
    assert "install the package zstandard" in skipped.reason

"""Sessions of opencode, Gemini CLI, Qwen Code and pi."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sterna.importers.files import open_tree
from sterna.importers.reader import Reader
from sterna.importers.readers.cursor import Cursor
from sterna.importers.readers.gemini_cli import GeminiCli
from sterna.importers.readers.opencode import Opencode
from sterna.importers.readers.pi import Pi
from sterna.importers.readers.qwen import Qwen
from sterna.importers.records import Mark
from tests.importers.agents import SAMPLES, read_all, said, shown, write_lines

EDIT = '{"filePath": "README.md", "oldString": "teh", "newString": "the"}'


@pytest.mark.parametrize(
    ("reader", "sample", "expected"),
    [
        (
            Opencode(),
            "opencode",
            {
                "ses_5a0000000001AbCdEfGhIjKlMn": [
                    "Fix the typo · /home/ana/p · opencode --session ses_5a0000000001AbCdEfGhIjKlMn",
                    "u: Fix the typo in README",
                    f"a: <edit {EDIT} → ok> Fixed: teh → the.",
                ],
                "ses_5a0000000002Sub": [
                    "explore (@general subagent) · /home/ana/p · opencode --session ses_5a0000000002Sub"
                ],
                "ses_legacy1": [
                    "Old session · /home/ana/p · opencode --session ses_legacy1",
                    "u: an old question",
                ],
            },
        ),
        (
            GeminiCli(),
            "gemini_cli",
            {
                "9e91b1c0-0000-4000-8000-000000000001": [
                    "Greeting · /home/ana/p · gemini --resume 9e91b1c0-0000-4000-8000-000000000001",
                    "u: hello",
                    'a: Hi there <ls {"path": "."} → a>',
                    "u: right turn",
                ]
            },
        ),
        (
            Qwen(),
            "qwen",
            {"q1": ["Greeting · /home/ana/p · qwen --resume q1", "u: hi", "a: hello", "u: live branch"]},
        ),
        (
            Pi(),
            "pi",
            {
                "0f0e0d0c-0000-4000-8000-000000000001": [
                    "Sums · /home/ana/p · pi --session 0f0e0d0c-0000-4000-8000-000000000001",
                    "u: two plus two",
                    "a: Four (second try).",
                ]
            },
        ),
    ],
    ids=["opencode", "gemini-cli", "qwen", "pi"],
)
def test_a_sample(reader: Reader, sample: str, expected: dict[str, list[str]]) -> None:
    found, skipped = read_all(reader, SAMPLES / sample)
    assert not skipped
    assert {key: [f"{one.title} · {one.project} · {one.resume}", *said(one)] for key, one in found.items()} == expected
    branches = {"gemini_cli": 4, "qwen": 4, "pi": 3}
    assert sample not in branches or [len(one.messages) for one in found.values()] == [branches[sample]]


def test_opencode_shows_what_stands_before_the_place_of_a_revert(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "opencode", tmp_path / "opencode")
    with closing(sqlite3.connect(tmp_path / "opencode" / "opencode.db")) as database:
        database.execute("update session set revert = ? where parent_id is null", ['{"messageID": "msg_a1"}'])
        database.execute("insert into session(id, project_id, slug, directory, title, version, time_created,"
                         " time_updated) values ('ses_legacy1', 'prj1', '', '', 'Migrated', '1', 1, 1)")  # fmt: skip
        database.commit()
    found, _ = read_all(Opencode(), tmp_path)
    assert said(found["ses_5a0000000001AbCdEfGhIjKlMn"]) == ["u: Fix the typo in README"]
    assert found["ses_legacy1"].title == "Migrated"


def test_databases_yield_what_changed_since(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "opencode", tmp_path / "opencode")
    shutil.copytree(SAMPLES / "cursor", tmp_path / "cursor")
    changes = {
        "opencode/opencode.db": "update part set time_updated = 1765000010000 where id = 'prt_5'",
        "cursor/User/globalStorage/state.vscdb": "insert or replace into cursorDiskKV select * from cursorDiskKV"
        " where key like 'bubbleId:%:b3'",
    }
    for name, change in changes.items():
        reader: Reader = Opencode() if name.startswith("opencode") else Cursor()

        def read(mark: str, reader: Reader = reader, name: str = name) -> tuple[int, str]:
            with open_tree(tmp_path) as tree:
                *found, last = reader.read_since(tree, name, mark)
            assert isinstance(last, Mark)
            return len(found), last.text

        before, mark = read("")
        assert before == (2 if name.startswith("opencode") else 1)
        _, mark = read(mark)
        with closing(sqlite3.connect(tmp_path / name)) as database:
            database.execute(change)
            database.commit()
        changed, later = read(mark)
        assert changed == 1
        assert int(later) > int(mark)


def test_gemini_replaces_all_messages_and_reads_documents_checkpoints_and_lost_prompts(tmp_path: Path) -> None:
    header = {"sessionId": "g1", "projectHash": "x", "startTime": "2026-02-01T12:00:00Z"}
    one = {"id": "1", "type": "user", "content": "first", "timestamp": "2026-02-01T12:00:00Z"}
    two = {"id": "2", "type": "error", "content": "quota", "timestamp": "2026-02-01T12:00:01Z"}
    chats = tmp_path / "tmp" / "p" / "chats"
    expanded = {"id": "3", "type": "user", "content": "look @a.py CONTENT", "displayContent": "look @a.py"}
    write_lines(
        chats / "session-a.jsonl", [header, one, {"$set": {"messages": [expanded, two]}}, {"$rewindTo": "?"}, one]
    )
    (chats / "session-b.json").write_text(json.dumps(header | {"sessionId": "g2", "messages": [one]}, indent=1))
    write_lines(chats / "g1" / "sub.jsonl", [header | {"kind": "subagent"}, one])
    checkpoint = [
        {"role": "user", "parts": [{"text": "list"}]},
        {"role": "model", "parts": [{"text": "hm", "thought": True}, {"functionCall": {"name": "ls", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "ls", "response": {"error": "denied"}}}]},
    ]
    (tmp_path / "tmp" / "p" / "checkpoint-before.json").write_text(json.dumps(checkpoint))
    prompt = {
        "sessionId": "gone",
        "messageId": 0,
        "type": "user",
        "message": "old",
        "timestamp": "2025-07-01T12:00:01Z",
    }
    (tmp_path / "tmp" / "p" / "logs.json").write_text(json.dumps([prompt, prompt | {"sessionId": "g1"}]))
    found, _ = read_all(GeminiCli(), tmp_path)
    assert set(found) == {"g1", "g2", "g1/sub", "", "prompts/gone"}
    assert said(found["g1"]) == ["u: first"]
    assert [message.error for message in found["g1"].messages] == ["", "quota", ""]
    assert found["g1"].messages[0].metadata == {"context": ["look @a.py CONTENT"]}
    assert found["g1/sub"].parent_id == "g1"
    saved = found[""]
    assert (saved.title, saved.messages[1].reasoning) == ("before", "hm")
    assert saved.messages[1].parts[0].result == "denied"  # type: ignore[union-attr]


def test_qwen_hides_what_was_not_typed_and_pi_keeps_ids_of_a_file_that_it_rewrites(tmp_path: Path) -> None:
    base = {"sessionId": "q", "parentUuid": None, "type": "user", "message": {"role": "user", "parts": [{"text": "x"}]}}
    call = {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "ls", "args": {}}}]}
    result = {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "ls", "response": {"output": "a"}}}]}
    log = write_lines(
        tmp_path / "subagents" / "q" / "agent-1.jsonl",
        [
            base | {"uuid": "1", "provenance": "background"},
            base | {"uuid": "2", "parentUuid": "1", "provenance": "real_user"},
            base | {"uuid": "3", "parentUuid": "2", "type": "assistant", "message": call},
            base | {"uuid": "4", "parentUuid": "3", "type": "tool_result", "message": result},
        ],
    )
    found, _ = read_all(Qwen(), log.parent.parent.parent)
    assert said(found["q/agent-1"]) == ["u: x", "a: <ls {} → a>"]

    header = {"type": "session", "version": 1, "id": "p1", "timestamp": "2026-02-01T12:00:00Z", "cwd": "/p"}
    old = [
        {"type": "message", "message": {"role": "user", "content": "one", "timestamp": 1769947201000}},
        {"type": "message", "message": {"role": "assistant", "content": "two", "timestamp": 1769947202000}},
    ]
    log = write_lines(tmp_path / "pi.jsonl", [header, *old])
    before = [message.id for message in shown(read_all(Pi(), log)[0]["p1"])]
    new = [old[0] | {"id": "a", "parentId": None}, old[1] | {"id": "b", "parentId": "a"}]
    write_lines(log, [header | {"version": 3}, *new])
    assert [message.id for message in shown(read_all(Pi(), log)[0]["p1"])] == before
    assert len(before) == 2

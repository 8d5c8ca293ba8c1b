"""Logs of ``llm``, the samples of which were written by ``llm`` 0.27 and 0.36."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from reading import SAMPLES, content, conversations, lines, said, since

from sterna.importers import Attachment, Conversation, Text, ToolCall

BIRD = [
    ("user", "Name a sea bird"),
    ("assistant", "Parrot says: Name a sea bird"),
    ("user", "And one more"),
    ("assistant", "Parrot says: And one more"),
]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


def changed(sample: str, target: Path, *statements: str) -> Path:
    copyfile(SAMPLES / "llm" / sample, target)
    with closing(sqlite3.connect(target)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return target


@pytest.mark.parametrize("sample", ["logs_0.27_responses.db", "logs_0.36_threads.db"])
def test_both_generations_of_tables_are_the_same_conversations(sample: str) -> None:
    bird, tools = conversations(SAMPLES / "llm" / sample, "llm")
    assert (bird.title, bird.model, bird.system_prompt) == ("Name a sea bird", "parrot-1", "Answer in one line")
    assert bird.resume == f"llm chat --cid {bird.id}"
    assert lines(bird) == BIRD
    assert content(bird.messages[0].parts[1]) == PNG
    assert [(each.model, each.input_tokens, each.output_tokens) for each in bird.messages] == [
        (None, 0, 0),
        ("parrot-1", 11, 4),
    ] * 2
    assert all(each.created_at and each.created_at.date() == datetime(2026, 11, 29).date() for each in bird.messages)
    assert lines(tools) == [("user", "sum of two and three"), ("assistant", ""), ("assistant", "Parrot says: done")]
    assert tools.messages[1].parts == [ToolCall("add", {"a": 2, "b": 3}, "5", id="call_1")]


@pytest.fixture(scope="module")
def both() -> dict[str, Conversation]:
    """Return what 0.36 wrote into a file of 0.27."""
    found = conversations(SAMPLES / "llm" / "logs_0.36_both.db", "llm")
    return {each.title: each for each in found}


def test_a_conversation_that_went_on_after_the_change_of_tables_is_one(both: dict[str, Conversation]) -> None:
    (old, *_) = conversations(SAMPLES / "llm" / "logs_0.27_responses.db", "llm")
    bird = both["Name a sea bird"]
    assert bird.id == old.id
    assert [each.id for each in bird.messages[:4]] == [each.id for each in old.messages]
    assert lines(bird) == [*BIRD, ("user", "A third bird"), ("assistant", "Parrot says: A third bird")]
    assert bird.messages[4].parent == bird.messages[3].id
    assert bird.shown == bird.messages[5].id
    assert bird.updated_at == bird.messages[5].created_at


def test_fragments_options_schemas_and_reasoning_are_kept(both: dict[str, Conversation]) -> None:
    novel = both["Long text of a novel. second fr…"]
    assert novel.system_prompt == "Sys frag\n\nBe kind"
    question, reply, second, thought = novel.messages
    assert said(question) == "Long text of a novel.\n\nsecond fragment\nCompare"
    assert reply.metadata["options"] == {"temperature": 0.5}
    assert reply.metadata["resolved_model"] == "parrot-1-2026"
    assert reply.metadata["token_details"] == {"cached": 3}
    assert (second.parent, thought.parent) == (reply.id, second.id)
    assert (thought.reasoning, said(thought)) == ("hm, birds", "Thought.")
    assert thought.metadata["schema"]["properties"] == {"name": {"type": "string"}}


def test_a_fork_names_its_origin_and_has_the_messages_before_it(both: dict[str, Conversation]) -> None:
    novel, fork = both["Long text of a novel. second fr…"], both["Forked"]
    assert fork.parent_id == novel.id
    assert [each.id for each in fork.messages[:2]] == [each.id for each in novel.messages[:2]]
    assert fork.messages[1].model == "parrot-1"
    assert fork.messages[2].parts == [
        Text("Another way"),
        Attachment("https://example.org/tern.png", "image/png"),
        Attachment("dot.png", "image/png"),  # what lies at its path by now is not read
    ]
    assert fork.created_at is not None
    assert novel.created_at is not None
    assert fork.created_at > novel.created_at


def test_an_exception_of_a_tool_is_its_result(both: dict[str, Conversation]) -> None:
    assert both["sum please"].messages[1].parts == [
        ToolCall("fail", {"a": 2}, "Error: no sums today", is_error=True, id="call_9")
    ]


def test_replies_that_the_tip_does_not_lead_to_are_other_branches(tmp_path: Path) -> None:
    path = changed(
        "logs_0.36_threads.db",
        tmp_path / "logs.db",
        "insert into messages values ('b2:other', 'b2:90fb0fa82d7939adf5cf53273d523f2b', 'assistant', null)",
        "insert into parts values (50, 'b2:other', 0, 'text', null, 'Gannet', null)",
        "insert into parts values (51, 'b2:other', 1, 'hologram', null, null, '{\"depth\": 3}')",
        "insert into turns (id, thread_id, tip_message_hash, parent_message_hash, model) select 'z', id, 'b2:other',"
        " 'b2:90fb0fa82d7939adf5cf53273d523f2b', 'parrot-2' from threads limit 1",
    )
    bird = conversations(path, "llm")[0]
    other = next(each for each in bird.messages if each.id == "b2:other")
    assert other.parent == bird.messages[0].id
    assert (other.model, other.created_at) == ("parrot-2", None)
    assert [getattr(part, "kind", "") for part in other.parts] == ["", "hologram"]
    assert bird.shown == "b2:029e10c4a626abcaf1f86f607912b63c"


def test_circles_and_parents_that_are_missing_end_nothing(tmp_path: Path) -> None:
    path = changed(
        "logs_0.36_threads.db",
        tmp_path / "logs.db",
        "update messages set parent_hash = 'b2:029e10c4a626abcaf1f86f607912b63c' where parent_hash is null",
        "update threads set tip_message_hash = 'b2:gone' where name like 'sum%'",
    )
    bird, tools = conversations(path, "llm")
    assert len(bird.messages) + len(tools.messages) >= 5


def test_a_long_thread_is_read(tmp_path: Path) -> None:
    path = changed("logs_0.36_threads.db", tmp_path / "logs.db", "delete from turns", "delete from threads")
    with closing(sqlite3.connect(path)) as connection, connection:
        chain = [(f"b2:{n}", f"b2:{n - 1}" if n else None, ("user", "assistant")[n % 2]) for n in range(20_000)]
        connection.executemany("insert into messages values (?, ?, ?, null)", chain)
        connection.execute("insert into threads values ('t', 'Long', 'b2:19999', null, '2026-01-01 00:00:00+00:00')")
    (long,) = conversations(path, "llm")
    assert len(long.messages) == 20_000
    assert long.messages[-1].parent == "b2:19998"
    assert long.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_responses_without_a_conversation_and_with_a_new_system_prompt(tmp_path: Path) -> None:
    path = changed(
        "logs_0.27_responses.db",
        tmp_path / "logs.db",
        "update responses set conversation_id = null where prompt = 'And one more'",
        "update responses set system = 'Be terse' where prompt = ''",
        "insert into fragments values (1, 'h', 'A page.', null, 'page.txt')",
        "insert into prompt_fragments select id, 1, 0 from responses where prompt = 'And one more'",
        "update tool_results set tool_call_id = 'another'",
    )
    bird, tools, single = conversations(path, "llm")
    assert lines(bird) == BIRD[:2]
    assert lines(single) == [("user", "A page.\nAnd one more"), BIRD[3]]
    assert (single.title, single.resume) == ("", "")
    assert lines(tools)[2:] == [("system", "Be terse"), ("assistant", "Parrot says: done")]
    assert tools.messages[1].parts == [ToolCall("add", {"a": 2, "b": 3}, None, id="call_1")]
    assert tools.messages[3].parts[0] == ToolCall("add", None, "5", id="another")


def test_the_single_table_of_the_first_versions_is_read(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [
        (1, "gpt-3.5-turbo", "2023-04-01 10:00:00", "Hi", "Be kind", "Hello", None),
        (2, "gpt-4", "2023-04-01 10:01:00", "More", None, "Yes", 1),
        (3, "gpt-4", None, "Else", None, "No", 99),
    ]
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
        connection.execute(
            "create table log (id integer primary key, model, timestamp, prompt, system, response, chat_id integer)"
        )
        connection.executemany("insert into log values (?, ?, ?, ?, ?, ?, ?)", rows)
    chat, single = conversations(tmp_path, "llm")
    assert lines(chat) == [("user", "Hi"), ("assistant", "Hello"), ("user", "More"), ("assistant", "Yes")]
    assert (chat.id, chat.system_prompt, chat.model) == ("log 1 2023-04-01 10:00:00", "Be kind", "gpt-4")
    assert chat.updated_at == datetime(2023, 4, 1, 10, 1, tzinfo=UTC)
    assert (lines(single), single.created_at) == ([("user", "Else"), ("assistant", "No")], None)


def test_a_command_to_resume_is_safe_to_paste(tmp_path: Path) -> None:
    renamed = "update threads set id = '$(reboot); ls' where name like 'sum%'"
    _, tools = conversations(changed("logs_0.36_threads.db", tmp_path / "logs.db", renamed), "llm")
    assert tools.resume == "llm chat --cid '$(reboot); ls'"


def test_conversations_without_new_rows_are_not_read_again(tmp_path: Path) -> None:
    path = copyfile(SAMPLES / "llm" / "logs_0.36_both.db", tmp_path / "logs.db")
    first, mark = since(path, "llm")
    assert len(first) == 5
    assert since(path, "llm", mark)[0] == []
    changes = (
        "insert into turns (id, thread_id, tip_message_hash) select 'x', id, tip_message_hash from threads"
        " where name = 'sum please'",
        "insert into threads select 'f', 'New fork', tip_message_hash, id, null from threads where name = 'sum please'",
        "insert into responses (id, prompt, response, conversation_id) select 'r', 'Old', 'way', id from conversations"
        " where name = 'sum of two and three'",
        "insert into responses (id, prompt, response) values ('s', 'Single', 'one')",
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in changes:
            connection.execute(statement)
    again, _ = since(path, "llm", mark)
    assert [each.title for each in again] == ["sum of two and three", "", "sum please", "New fork"]
    assert lines(again[0])[-2:] == [("user", "Old"), ("assistant", "way")]

"""Histories of elia, oterm and parllama."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

from reading import SAMPLES, content, conversations, lines, read, sources

from sterna.importers import Attachment, Conversation, Skipped, Text, ToolCall


def changed(sample: str, target: Path, *statements: tuple[str, tuple[Any, ...]]) -> Path:
    """Return a copy of a sample database in which statements were executed."""
    copyfile(SAMPLES / sample, target)
    with closing(sqlite3.connect(target)) as connection, connection:
        for statement, args in statements:
            connection.execute(statement, args)
    return target


def test_chats_of_elia_keep_their_times_model_and_system_prompt() -> None:
    chat, archived = conversations(SAMPLES / "elia", "elia")
    assert (chat.id, chat.title) == ("1 2024-09-02 08:00:00.120000", "Tern facts")
    assert chat.created_at == datetime(2024, 9, 2, 8, 0, 0, 120_000, UTC)
    assert chat.updated_at == datetime(2024, 9, 2, 8, 0, 5, 500_000, UTC)
    assert (chat.model, chat.system_prompt, chat.is_archived) == ("gpt-4o", "Be brief.", False)
    assert lines(chat) == [
        ("user", "How far do arctic terns fly?"),
        ("assistant", "Tens of thousands of km a year."),
    ]
    assert [(message.id, message.model) for message in chat.messages] == [("2", None), ("3", "gpt-4o")]
    assert (archived.title, archived.model, archived.is_archived) == ("", "claude-3-5-sonnet", True)


def test_a_message_of_several_parts_that_elia_kept_empty_stays_a_message(tmp_path: Path) -> None:
    path = changed(
        "elia/elia.sqlite",
        tmp_path / "any.name",
        ("update message set content = '', timestamp = null where id = 2", ()),
    )
    chat = conversations(path, "elia")[0]
    assert lines(chat) == [("user", ""), ("assistant", "Tens of thousands of km a year.")]
    assert chat.messages[0].created_at is None


def test_chats_of_oterm_have_no_times_but_pictures_and_parameters() -> None:
    (chat,) = conversations(SAMPLES / "oterm", "oterm")
    assert (chat.title, chat.model, chat.system_prompt) == ("Plovers", "llama3.2:3b", "You like birds")
    assert chat.metadata == {"provider": "ollama", "parameters": {"temperature": 0.2}}
    assert {chat.created_at, chat.updated_at, *(message.created_at for message in chat.messages)} == {None}
    assert [message.id for message in chat.messages] == ["1", "2", "5", "6"]
    assert chat.messages[2].parts[0] == Text("And this one?")
    assert content(chat.messages[2].parts[1]) == b"\x89PNG\r\n\x1a\n"
    assert [message.model for message in chat.messages] == [None, "llama3.2:3b"] * 2


def test_a_reply_that_oterm_wrote_again_keeps_the_ids(tmp_path: Path) -> None:
    again = ("insert or replace into message values (6, 1, 'assistant', 'It is a sanderling.', '[]')", ())
    before, after = (
        conversations(path, "oterm")[0]
        for path in (SAMPLES / "oterm", changed("oterm/store.db", tmp_path / "store.db", again))
    )
    assert (after.id, after.messages[3].id) == (before.id, before.messages[3].id)
    assert lines(after)[3] == ("assistant", "It is a sanderling.")


def test_equal_numbers_in_the_databases_of_two_machines_are_two_chats(tmp_path: Path) -> None:
    for sample, source, statement in (
        ("oterm/store.db", "oterm", "update message set text = 'Another question' where id = 1"),
        ("elia/elia.sqlite", "elia", "update chat set started_at = '2024-10-01 08:00:00'"),
    ):
        other = changed(sample, tmp_path / source, (statement, ()))
        assert conversations(SAMPLES / source, source)[0].id != conversations(other, source)[0].id


def test_older_tables_of_oterm_are_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.executescript(
            "create table chat (id integer primary key, name text, model text, system text, format text,"
            " parameters text, keep_alive integer, tools text);"
            "create table message (id integer primary key, chat_id integer, author text, text text);"
            "insert into chat values (3, null, 'm', null, 'json', '{}', 5, '[{\"name\": \"date\"}]');"
            "insert into message values (1, 3, 'user', 'Hi'), (2, 3, 'assistant', '<think>Hm</think>Hello');"
        )
    (chat,) = conversations(tmp_path, "oterm")
    assert lines(chat) == [("user", "Hi"), ("assistant", "Hello")]
    assert chat.messages[1].reasoning == "Hm"
    assert chat.metadata == {"format": "json", "keep_alive": 5, "tools": ["date"]}


def test_messages_around_a_damaged_page_are_read(tmp_path: Path) -> None:
    more = [
        ("insert into message values (?, 1, 'user', ?, null, '{}', null, '')", (n, "x" * 400)) for n in range(9, 99)
    ]
    path = changed("elia/elia.sqlite", tmp_path / "elia.sqlite", *more)
    damaged = bytearray(path.read_bytes())
    damaged[-20 * 1024 : -19 * 1024] = b"\xff" * 1024
    path.write_bytes(damaged)
    chat, other, skipped = read(path, "elia")
    assert isinstance(chat, Conversation)
    assert 80 < len(chat.messages) < 92
    assert (chat.messages[0].id, chat.messages[-1].id) == ("2", "98")
    assert isinstance(other, Conversation)
    assert skipped == Skipped("Some rows of the table message lie in a damaged part of the database.")


def test_a_chat_of_parllama_keeps_its_reasoning_model_and_time() -> None:
    (chat,) = conversations(SAMPLES / "parllama", "parllama")
    assert (chat.id, chat.title, chat.model, chat.system_prompt) == ("0f0e0d0c", "Lamps", "llama3.2:3b", "Short")
    assert chat.updated_at == datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert chat.created_at is None
    assert lines(chat) == [("user", "Hot or cold light?"), ("assistant", "Warm.")]
    assert (chat.messages[1].id, chat.messages[1].reasoning) == ("m3", "cosy")
    assert chat.metadata == {"provider": "Ollama", "temperature": 0.5}


def test_older_files_of_parllama_tool_calls_and_pictures_are_read(tmp_path: Path) -> None:
    messages = [
        {"message_id": "a", "role": "user", "content": "Weather?", "images": ["/home/ana/sky.png", "iVBORw0KGgo="]},
        {"message_id": "b", "role": "assistant", "content": "", "tool_calls": [{"id": "t", "name": "sky", "args": {}}]},
        {"message_id": "c", "role": "tool", "content": "blue", "tool_call_id": "t"},
        {"message_id": "d", "role": "assistant", "content": "Fine."},
    ]
    old = {"session_id": "s", "session_name": "Sky", "llm_model_name": "llama3", "messages": messages}
    (tmp_path / "s.json").write_text("\ufeff" + json.dumps(old, indent=1).replace("\n", "\r\n"), "utf-8")
    (tmp_path / "chat_history.json").write_text('["Weather?"]')
    (chat,) = conversations(tmp_path, "parllama")
    assert (chat.id, chat.title, chat.model) == ("s", "Sky", "llama3")
    picture, embedded = chat.messages[0].parts[1:]
    assert picture == Attachment("sky.png")
    assert content(embedded).startswith(b"\x89PNG")
    assert chat.messages[1].parts == [ToolCall("sky", {}, "blue", id="t")]
    assert [message.id for message in chat.messages] == ["a", "b", "d"]


def test_a_file_that_ends_too_early_is_named(tmp_path: Path) -> None:
    text = (SAMPLES / "parllama" / "chats" / "0f0e0d0c.json").read_text()
    (tmp_path / "cut.json").write_text(text[:-20])
    assert read(tmp_path, "parllama") == [Skipped("The file is not valid JSON.", where="cut.json")]
    (tmp_path / "cut.json").write_text(json.dumps({"messages": [], "name": "package"}))
    assert sources(tmp_path) == []

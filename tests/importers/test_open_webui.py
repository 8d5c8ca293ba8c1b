"""Chats of Open WebUI: its export, its database, and what stands as HTML in its text."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from memory_tree import MemoryTree, conversations
from reading import SAMPLES, content, lines, read

from sterna.importers import Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from sterna.importers.readers.open_webui import OpenWebUi

READER = OpenWebUi()


def chat(*messages: dict[str, Any], files: dict[str, Any] | None = None, **row: Any) -> Conversation:
    stored = {each["id"]: each for each in messages}
    whole = {"id": "c", "title": "T", "chat": {"history": {"messages": stored, **row.pop("history", {})}}, **row}
    (found,) = conversations(READER, {"x.json": [whole], **(files or {})})
    return found


def reply(**fields: Any) -> Message:
    asked = {"id": "u", "parentId": None, "role": "user", "content": "Hi"}
    return chat(asked, {"id": "a", "parentId": "u", "role": "assistant", **fields}).messages[1]


def details(kind: str, inside: str, **attributes: str) -> str:
    written = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
    return f'<details type="{kind}" done="true"{written}>\n<summary>Done</summary>\n{inside}\n</details>\n'


@pytest.mark.parametrize("name", ["chat-export-1760000100000.json", "webui.db"])
def test_the_export_and_the_database_are_read_alike(name: str) -> None:
    colours, *empty = read(SAMPLES / "openwebui" / name, "open-webui")
    assert isinstance(colours, Conversation)
    assert [(each.id, each.parent) for each in colours.messages] == [
        ("m1", ""),
        ("m2", "m1"),
        ("m3", "m1"),
        ("m4x", "m3"),
        ("m4", "m4x"),
    ]
    assert [said for _, said in lines(colours)] == ["Pick a colour", "Blue.", "Green.", "Why?", "It is calm."]
    assert (colours.shown, colours.model, colours.system_prompt) == ("m4", "qwen3:8b", "Short answers")
    assert colours.updated_at == datetime(2025, 10, 9, 8, 53, 32, tzinfo=UTC)
    green = colours.messages[2]
    assert (green.reasoning, green.input_tokens, green.output_tokens, green.model) == (
        "warm or cold?",
        9,
        12,
        "qwen3:8b",
    )
    assert all(isinstance(item, Skipped) for item in empty)


def test_tools_and_reasoning_in_text_are_taken_out_of_it() -> None:
    called = json.dumps(json.dumps({"q": "tern"}))
    found = reply(
        content="Look: "
        + details("tool_calls", "", id="c1", name="search", arguments=called, result=json.dumps('A "bird"'))
        + details("code_interpreter", "```python\n1 < 2\n```", output=json.dumps({"stdout": "True", "stderr": None}))
        + details("reasoning", "&gt; sea\n&gt; &amp; sky")
        + "<details><summary>Mine</summary>x</details>"
    )
    assert found.parts == [
        Text("Look: "),
        ToolCall("search", {"q": "tern"}, 'A "bird"', id="c1"),
        ToolCall("code_interpreter", "1 < 2", "True"),
        Text("<details><summary>Mine</summary>x</details>"),
    ]
    assert found.reasoning == "sea\n& sky"


def test_output_takes_the_place_of_the_same_in_the_text() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "sea"}]},
        {"type": "function_call", "call_id": "c1", "name": "search", "arguments": '{"q": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "found"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Done."}]},
        {"type": "hologram"},
    ]
    found = reply(content=details("reasoning", "&gt; sea") + "Done.", output=output)
    assert found.reasoning == "sea"
    assert found.parts == [
        ToolCall("search", {"q": 1}, "found", id="c1"),
        Text("Done."),
        Unsupported("hologram", {"type": "hologram"}),
    ]


def test_errors_sources_tokens_and_files() -> None:
    assert reply(content="", error={"content": "No model."}).error == "No model."
    assert reply(content="", error=True).error == "The reply failed."
    found = reply(
        content="x",
        timestamp=1760000000000,
        sources=[{"source": {"name": "Terns"}, "metadata": [{"source": "https://t.example", "name": "Terns"}]}],
        info={"prompt_eval_count": 5, "eval_count": 7, "total_duration": 2_000_000_000},
    )
    assert found.sources == [("Terns", "https://t.example")]
    assert (found.input_tokens, found.output_tokens, found.elapsed_ms) == (5, 7, 2000)
    assert found.created_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    files = [
        {"type": "image", "url": "data:image/png;base64,iVBORw0KGgo="},
        {"type": "file", "id": "f1", "name": "a.pdf", "file": {"meta": {"content_type": "application/pdf"}}},
        {"type": "file", "url": "https://files.example/b"},
    ]
    asked = {"id": "u", "role": "user", "content": None, "files": files}
    image, pdf, link = chat(asked, files={"data/uploads/f1_a.pdf": b"%PDF"}).messages[0].parts
    assert content(image).startswith(b"\x89PNG")
    assert isinstance(pdf, Attachment)
    assert (pdf.name, pdf.media_type, content(pdf)) == ("a.pdf", "application/pdf", b"%PDF")
    assert link == Attachment("https://files.example/b")


def test_labels_and_a_missing_shown_message() -> None:
    asked = {"id": "u", "parentId": "gone", "role": "user", "content": "Hi"}
    found = chat(asked, archived=True, pinned=1, meta={"tags": ["sea", None, "sky"]}, folder_id="f", updated_at=0)
    assert (found.is_archived, found.is_pinned, found.tags, found.project) == (True, True, ("sea", "sky"), "f")
    assert (found.shown, found.updated_at, found.messages[0].parent) == (None, None, "")


def test_shared_copies_are_left_out_and_folders_have_names(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    stored = json.dumps({"history": {"messages": {"u": {"id": "u", "role": "user", "content": "Hi"}}}})
    with closing(sqlite3.connect(tmp_path / "webui.db")) as database, database:
        database.execute("create table chat (id, user_id, title, chat, created_at, updated_at, folder_id)")
        database.execute("create table folder (id, name)")
        database.execute("insert into folder values ('f', 'Sea')")
        database.execute("insert into chat values ('1', 'ana', 'T', ?, 1, 2, 'f')", [stored])
        database.execute("insert into chat values ('2', 'shared-1', 'T', ?, 1, 2, null)", [stored])
    (found,) = read(tmp_path, "open-webui")
    assert isinstance(found, Conversation)
    assert (found.id, found.project) == ("1", "Sea")


def test_other_json_is_left_alone() -> None:
    assert READER.detect(MemoryTree({"a.json": [{"id": "1", "parentId": None, "history": []}], "b.json": []})) == []


def test_a_damaged_chat_is_called_damaged() -> None:
    tree = MemoryTree({"x.json": [{"id": "c", "title": "T", "chat": '{"history": {"me'}]})
    (skipped,) = READER.read(tree, "x.json")
    assert skipped == Skipped("Its content is damaged: it is no valid JSON.", "c", "x.json, item 1")

"""Exports and folders of LibreChat, Jan, Cherry Studio, BetterChatGPT, Chatbot UI and TypingMind."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from memory_tree import MemoryTree, conversations, read_all
from reading import SAMPLES, content, lines, said, sources
from reading import conversations as imported

from sterna.importers import Attachment, Conversation, Reader, Skipped, Text, ToolCall, Unsupported
from sterna.importers.readers.betterchatgpt import BetterChatGpt
from sterna.importers.readers.chatbot_ui import ChatbotUi
from sterna.importers.readers.cherry_studio import CherryStudio
from sterna.importers.readers.jan import Jan
from sterna.importers.readers.librechat import LibreChat
from sterna.importers.readers.typingmind import TypingMind

ROOT = "00000000-0000-0000-0000-000000000000"


def one(reader: Reader, value: Any, files: dict[str, Any] | None = None) -> Conversation:
    (found,) = conversations(reader, {"export.json": value, **(files or {})})
    return found


@pytest.mark.parametrize(
    ("folder", "source", "identity", "model", "prompt", "talk"),
    [
        (
            "librechat",
            "librechat",
            ("11b2e000-0000-4000-8000-000000000001", "Knots"),
            "gpt-4o",
            "You are a sailor",
            ["Bowline?", "The rabbit comes out of the hole.", "Make a loop."],
        ),
        ("jan", "jan", ("jan_1760000000", "Moss"), "qwen3-4b", "Be kind", ["Is moss a plant?", "Yes."]),
        ("cherry_studio", "cherry-studio", ("tp1", "Tea"), "gpt-5-mini", "Be kind", ["Green or black?", "Green."]),
        ("betterchatgpt", "betterchatgpt", ("b1", "Winds"), "gpt-4o", "Short", ["Name a wind", "Mistral"]),
        (
            "chatbot_ui",
            "chatbot-ui",
            ("h1", "Sails"),
            "gpt-3.5-turbo",
            "You are helpful",
            ["What is a jib?", "A front sail."],
        ),
        ("typingmind", "typingmind", ("tm1", "Soup"), "gpt-5-mini", "", ["Name a soup", "Minestrone"]),
    ],
)
def test_samples(folder: str, source: str, identity: tuple[str, str], model: str, prompt: str, talk: list[str]) -> None:
    (found,) = imported(SAMPLES / folder, source)
    assert (found.id, found.title) == identity
    assert (found.model, found.system_prompt) == (model, prompt)
    assert [text for _, text in lines(found)] == talk
    assert [message.role for message in found.messages][:2] == ["user", "assistant"]


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"conversationId": "c", "title": "T", "messages": list(messages), **more}


def message(key: str, parent: str, **more: Any) -> dict[str, Any]:
    return {"messageId": key, "parentMessageId": parent, "isCreatedByUser": False, **more}


def test_trees_and_lists_of_librechat_are_the_same() -> None:
    (sample,) = imported(SAMPLES / "librechat", "librechat")
    assert [(each.id, each.parent) for each in sample.messages] == [("k1", ""), ("k2", "k1"), ("k3", "k1")]
    tool = ToolCall("lookup", {"q": "bowline"}, "loop knot", id="t1")
    assert sample.messages[1].parts[0] == tool
    assert (sample.messages[1].reasoning, sample.messages[1].output_tokens) == ("rabbit, hole, tree", 9)
    asked = message("a", ROOT, isCreatedByUser=True, text="Hi")
    empty, other = message("b", "a", text=""), message("c", "b", text="Ho")
    flat = one(LibreChat(), chat(asked, empty, other))
    tree = {**asked, "children": [{**empty, "children": [{**other, "children": []}]}]}
    nested = one(LibreChat(), chat(recursive=True, messagesTree=[tree]))
    assert flat.messages == nested.messages
    assert [(each.id, each.parent) for each in flat.messages] == [("a", ""), ("c", "a")]


def test_content_of_librechat() -> None:
    blocks = [
        {"type": "text", "text": "Terns \ue200\ue202turn0search1\ue201fly \\ue202turn0search2."},
        {"type": "image_file", "image_file": {"filename": "a.png", "filepath": "/images/a.png"}},
        {"type": "error", "error": "It broke."},
        {"type": "hologram"},
    ]
    files = [{"filename": "b.pdf", "type": "application/pdf"}]
    replied = message("a", ROOT, content=blocks, files=files, unfinished=True, createdAt="2026-02-01T10:00:00Z")
    (found,) = one(LibreChat(), chat(replied, options={"model": "m"})).messages
    assert found.parts == [
        Attachment("b.pdf", "application/pdf"),
        Text("Terns fly ."),
        Attachment("a.png"),
        Unsupported("hologram", {"type": "hologram"}),
    ]
    assert (found.error, found.stopped, found.created_at) == ("It broke.", True, datetime(2026, 2, 1, 10, tzinfo=UTC))
    (failed,) = one(LibreChat(), chat(message("a", ROOT, error=True, text="No credit."))).messages
    assert (failed.error, failed.parts) == ("No credit.", [])


def jan(*values: Any, **thread: Any) -> dict[str, Any]:
    written = "\n".join(json.dumps(value) if isinstance(value, dict) else str(value) for value in values)
    described = {"id": "t", "object": "thread", "title": "T", "assistants": [], **thread}
    return {"threads/t/thread.json": described, "threads/t/messages.jsonl": written}


def test_threads_of_jan_in_either_order_and_with_broken_lines() -> None:
    question = {"id": "1", "role": "user", "content": [{"type": "text", "text": {"value": "Hi"}}], "created_at": 1}
    call = {"tool": {"id": "x", "function": {"name": "look", "arguments": "{}"}}, "response": {"content": "a dot"}}
    answer = {
        "id": "2",
        "role": "assistant",
        "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}],
        "status": "stopped",
        "created_at": 1760000000000,
        "metadata": {"tool_calls": [call]},
    }
    newest_first = jan(answer, question, isFavorite=True)
    for files in (newest_first, jan(question, answer, isFavorite=True)):
        (found,) = conversations(Jan(), files)
        assert [each.id for each in found.messages] == ["1", "2"]
        assert found.is_pinned
        tool, picture = found.messages[1].parts
        assert tool == ToolCall("look", {}, "a dot", id="x")
        assert content(picture).startswith(b"\x89PNG")
        assert found.messages[1].stopped
    broken, rest = read_all(Jan(), MemoryTree(jan("{", question)))
    assert isinstance(broken, Skipped)
    assert isinstance(rest, Conversation)
    assert [said(each) for each in rest.messages] == ["Hi"]


def cherry(*messages: dict[str, Any], blocks: list[Any] | None = None, **tables: Any) -> dict[str, Any]:
    topic = {"id": "t", "name": "T", "pinned": True}
    stored = {"assistants": [{"id": "a", "name": "Sailor", "prompt": "Be kind", "topics": [topic]}]}
    providers = json.dumps({"providers": [{"apiKey": "secret-key"}]})
    local = json.dumps({"assistants": json.dumps(stored), "llm": providers})
    tables = {"topics": [{"id": "t", "messages": list(messages)}], "message_blocks": blocks or [], **tables}
    return {"version": 5, "localStorage": {"persist:cherry-studio": local}, "indexedDB": tables}


def test_answers_of_cherry_studio_stand_side_by_side_and_the_useful_one_leads_on() -> None:
    asked = {"id": "q1", "role": "user", "content": "Hi"}
    answers = [{"id": name, "role": "assistant", "askId": "q1", "content": name} for name in ("a", "b", "c")]
    asked_again = {"id": "q2", "role": "user", "content": "And?"}
    for chosen, leads in (({"useful": True}, "b"), ({"foldSelected": True}, "b"), ({}, "c")):
        answers[1] = {**answers[1], "useful": False, "foldSelected": False, **chosen}
        found = one(CherryStudio(), cherry(asked, *answers, asked_again))
        assert [(each.id, each.parent) for each in found.messages] == [
            ("q1", ""),
            ("a", "q1"),
            ("b", "q1"),
            ("c", "q1"),
            ("q2", leads),
        ]
        assert (found.project, found.is_pinned) == ("Sailor", True)
        assert "secret" not in repr(found)


def test_blocks_of_cherry_studio() -> None:
    blocks = [
        {"id": "1", "type": "tool", "toolName": "look", "arguments": {"q": 1}, "content": "a dot"},
        {"id": "2", "type": "code", "language": "py", "content": "x = 1"},
        {"id": "3", "type": "file", "file": {"id": "f1"}},
        {"id": "4", "type": "citation", "response": {"results": [{"title": "Terns", "url": "https://t.example"}]}},
        {"id": "5", "type": "error", "error": {"message": "It broke."}},
        {"id": "6", "type": "translation", "content": "Hallo"},
        {"id": "7", "type": "hologram"},
        {"id": "8", "type": "unknown"},
    ]
    replied = {
        "id": "a",
        "role": "assistant",
        "blocks": [*"12345678", "gone"],
        "metrics": {"time_completion_millsec": 9},
    }
    value = cherry(replied, blocks=blocks, files=[{"id": "f1", "origin_name": "a.pdf"}])
    (found,) = one(CherryStudio(), value, {"Data/Files/f1.pdf": b"%PDF"}).messages
    tool, code, file, translated, unknown = found.parts
    assert tool == ToolCall("look", {"q": 1}, "a dot")
    assert (code, translated) == (Text("```py\nx = 1\n```"), Text("> Hallo"))
    assert isinstance(file, Attachment)
    assert (file.name, content(file)) == ("a.pdf", b"%PDF")
    assert unknown == Unsupported("hologram", blocks[6])
    assert (found.error, found.sources, found.elapsed_ms) == ("It broke.", [("Terns", "https://t.example")], 9)


SAID = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]


@pytest.mark.parametrize(
    ("reader", "value", "project"),
    [
        (BetterChatGpt(), [{"id": "1", "titleSet": True, "messages": SAID}], ""),
        (
            BetterChatGpt(),
            {
                "version": 1,
                "chats": [{"titleSet": True, "folder": "f", "messages": SAID}],
                "folders": {"f": {"name": "Sea"}},
            },
            "Sea",
        ),
        (ChatbotUi(), [{"id": 1, "name": "T", "prompt": "", "messages": SAID}], ""),
        (
            ChatbotUi(),
            {"history": [{"name": "T", "folderId": "f", "messages": SAID}], "folders": [{"id": "f", "name": "Sea"}]},
            "Sea",
        ),
        (
            ChatbotUi(),
            {"apiKey": "secret-key", "conversationHistory": json.dumps([{"name": "T", "messages": SAID}])},
            "",
        ),
        (
            TypingMind(),
            {
                "data": {
                    "chats": [{"chatID": "1", "chatTitle": "T", "folderID": "f", "messages": SAID}],
                    "folders": [{"id": "f", "title": "Sea"}],
                }
            },
            "Sea",
        ),
    ],
)
def test_other_forms_and_folders(reader: Reader, value: Any, project: str) -> None:
    found = one(reader, value)
    assert [said(each) for each in found.messages] == ["Hi", "Ho"]
    assert found.project == project
    assert "secret" not in repr(found)


def test_the_database_of_cherry_studio_is_read(tmp_path: Path) -> None:
    parts = [
        {"type": "step-start"},
        {"type": "reasoning", "text": "Hm."},
        {"type": "tool-web", "toolCallId": "t", "input": {"q": "tea"}, "output": {"found": 1}, "state": "output"},
        {"type": "text", "text": "Green."},
        {"type": "source-url", "url": "https://example.org/tea", "title": "Tea"},
        {"type": "file", "url": "file:///x/f1.png", "mediaType": "image/png", "filename": "leaf.png"},
        {"type": "data-hologram", "data": {}},
    ]
    stats = {"promptTokens": 3, "completionTokens": 4, "cost": 0.5, "timeCompletionMs": 900}
    asked = {"parts": [{"type": "text", "text": "Green or black?"}]}
    messages: list[tuple[Any, ...]] = [
        ("q", "t", None, "user", asked, "success", None, None),
        ("e", "t", "q", "assistant", {"parts": []}, "success", "p::m", None),
        ("a", "t", "e", "assistant", {"parts": parts}, "success", "openai::gpt-5", stats),
        ("b", "t", "q", "assistant", {"parts": [{"type": "data-error", "data": {"message": "No."}}]}, "error", "m", {}),
    ]
    (tmp_path / "Data" / "Files").mkdir(parents=True)
    (tmp_path / "Data" / "Files" / "f1.png").write_bytes(b"leaf")
    with closing(sqlite3.connect(tmp_path / "Data" / "cherrystudio.sqlite")) as db, db:
        db.execute("create table assistant (id, name, prompt, model_id)")
        db.execute("create table topic (id, name, assistant_id, active_node_id, created_at, updated_at, deleted_at)")
        db.execute("create table message (id, topic_id, parent_id, role, data, status, model_id, stats)")
        db.execute("insert into assistant values ('s', 'Helper', 'Be kind', 'openai::gpt-5-mini')")
        db.execute("insert into topic values ('t', 'Tea', 's', 'a', 1790000000000, 1790000009000, null)")
        db.execute("insert into topic values ('gone', 'Gone', 's', 'a', 1790000000000, 1790000009000, 1790000009000)")
        for row in messages:
            values = [json.dumps(value) if isinstance(value, dict) else value for value in row]
            db.execute("insert into message values (?, ?, ?, ?, ?, ?, ?, ?)", values)
    (found,) = imported(tmp_path, "cherry-studio")
    assert (found.id, found.title, found.model, found.shown) == ("t", "Tea", "gpt-5-mini", "a")
    assert (found.system_prompt, found.project) == ("Be kind", "Helper")
    assert [(each.id, each.parent, each.model, each.error) for each in found.messages] == [
        ("q", "", None, ""),
        ("a", "q", "gpt-5", ""),
        ("b", "q", "m", "No."),
    ]
    reply = found.messages[1]
    call, said, file, unknown = reply.parts
    assert (call, said) == (ToolCall("web", {"q": "tea"}, '{"found": 1}', id="t"), Text("Green."))
    assert (reply.reasoning, reply.sources, reply.cost) == ("Hm.", [("Tea", "https://example.org/tea")], 0.5)
    assert (content(file), isinstance(unknown, Unsupported)) == (b"leaf", True)


def test_a_backup_of_typingmind_in_several_files_is_one() -> None:
    chats = [{"chatID": str(number), "chatTitle": "T", "folderID": "f", "messages": SAID} for number in range(3)]
    files = {
        "b/data.json": {
            "data": {
                "folders": [{"id": "f", "title": "Sea"}],
                "chats": {"chunks": ["chats/0.json", "./chats/1.json", "chats/2.json"]},
            }
        },
        "b/chats/0.json": chats[:2],
        "b/chats/1.json": chats[2:],
    }
    tree = MemoryTree(files)
    assert TypingMind().detect(tree) == ["b/data.json"]
    *found, missing = read_all(TypingMind(), tree)
    assert [(each.id, each.project) for each in found if isinstance(each, Conversation)] == [
        ("0", "Sea"),
        ("1", "Sea"),
        ("2", "Sea"),
    ]
    assert isinstance(missing, Skipped)
    assert (missing.where, "is missing" in missing.reason) == ("b/chats/2.json", True)


def test_each_file_has_one_reader() -> None:
    for folder in ("librechat", "jan", "cherry_studio", "betterchatgpt", "chatbot_ui", "typingmind"):
        assert len(sources(SAMPLES / folder)) == 1


def test_a_cut_off_backup_of_cherry_studio_says_what_is_lost() -> None:
    value = cherry(
        {"id": "q", "role": "user", "blocks": ["1", "2"]}, blocks=[{"id": "1", "type": "main_text", "content": "Hi"}]
    )
    whole = json.dumps(value)
    cut = whole[: whole.index("}", whole.index('"Hi"')) + 1]
    lost, *rest = read_all(CherryStudio(), MemoryTree({"data.json": cut}))
    assert isinstance(lost, Skipped)
    assert "message_blocks" in lost.reason
    assert [said(each) for item in rest if isinstance(item, Conversation) for each in item.messages] == ["Hi"]

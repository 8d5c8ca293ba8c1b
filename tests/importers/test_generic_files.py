"""Files that many programs write: OpenAI messages, ShareGPT and Markdown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reading import SAMPLES, content, conversations, lines, read, said, sources

from sterna.importers import Skipped, ToolCall, Unsupported

ASK = {"role": "user", "content": "2+2?"}
REPLY = {"role": "assistant", "content": "4"}
SUM = [("user", "2+2?"), ("assistant", "4")]


def saved(folder: Path, name: str, *values: Any) -> Path:
    """Write JSON, a line for each value."""
    path = folder / name
    path.write_text("\n".join(json.dumps(value) for value in values), "utf-8")
    return path


def written(folder: Path, text: str, name: str = "chat.md") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_the_sample_for_fine_tuning_has_its_picture_and_its_tool() -> None:
    (chat,) = conversations(SAMPLES / "openai", "openai")
    assert (chat.id, chat.system_prompt) == ("", "Be brief")
    assert lines(chat) == [("user", "What is this?"), ("assistant", ""), ("assistant", "A dot.")]
    assert content(chat.messages[0].parts[1]) == b"\x89PNG\r\n\x1a\n"
    assert chat.messages[1].parts == [ToolCall("look", {}, "a dot", id="c1")]


@pytest.mark.parametrize(
    "values",
    [
        [{"messages": [ASK, REPLY]}],
        [[{"messages": [ASK, REPLY]}]],
        [[ASK, REPLY]],
        [ASK, REPLY],
        [[[ASK, REPLY]]],
        [{"prompt": "2+2?", "completion": "4"}],
        [{"prompt": [ASK], "completion": [REPLY]}],
        [{"prompt": "2+2?", "choices": [{"text": "4"}]}],
        [{"body": {"messages": [ASK, REPLY]}, "custom_id": "1", "url": "/v1/chat/completions"}],
        [{"model": "m", "messages": [ASK], "choices": [{"message": REPLY}, {"message": {**REPLY, "content": "5"}}]}],
    ],
)
def test_each_shape_of_openai_messages_is_one_conversation(tmp_path: Path, values: list[Any]) -> None:
    (chat,) = conversations(saved(tmp_path, "any.data", *values), "openai")
    assert lines(chat) == SUM


def test_a_result_of_a_batch_has_model_tokens_and_time(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
    body = {"model": "gpt-5", "usage": usage, "created": 1760000000, "choices": [{"message": REPLY}]}
    (chat,) = conversations(saved(tmp_path, "out.jsonl", {"custom_id": "r1", "response": {"body": body}}), "openai")
    (reply,) = chat.messages
    assert (reply.model, reply.input_tokens, reply.output_tokens, reply.total_tokens) == ("gpt-5", 7, 1, 8)
    assert (chat.metadata, chat.model) == ({"id": "r1"}, "gpt-5")
    assert reply.created_at == chat.created_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)


def test_contents_of_every_kind_are_kept(tmp_path: Path) -> None:
    parts = [
        {"type": "text", "text": "Hear"},
        {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        {"type": "image_url", "image_url": "https://example.org/a.png"},
        {"type": "hologram", "depth": 3},
        7,
    ]
    call = {"function_call": {"name": "look", "arguments": "{broken"}, "content": None}
    messages = [
        {"role": "developer", "content": "Rules"},
        {"role": "user", "content": parts, "name": "ana"},
        {"role": "assistant", **call},
        {"role": "function", "name": "look", "content": "seen"},
        {"role": "tool", "tool_call_id": "unknown", "content": [{"type": "text", "text": "late"}]},
        {"role": "assistant", "content": "", "refusal": "I cannot.", "weight": 0},
        {"role": "assistant", "content": "<think>hm</think>Done", "reasoning_content": "more"},
        {"role": "narrator", "content": "Night falls."},
    ]
    (chat,) = conversations(saved(tmp_path, "a.json", {"messages": messages, "title": "All"}), "openai")
    assert (chat.title, chat.system_prompt) == ("All", "Rules")
    user, looked, late, refusal, done, narrator = chat.messages
    assert user.metadata == {"name": "ana"}
    assert content(user.parts[1]) == b"ID3"
    assert (getattr(user.parts[1], "media_type", ""), getattr(user.parts[2], "name", "")) == ("audio/mp3", "a.pdf")
    assert user.parts[4:] == [Unsupported("hologram", parts[4]), Unsupported("content", 7)]
    assert looked.parts == [ToolCall("look", "{broken", "seen")]
    assert late.parts == [ToolCall("tool", None, "late", id="unknown")]
    assert (said(refusal), refusal.metadata) == ("I cannot.", {"weight": 0})
    assert (said(done), done.reasoning) == ("Done", "hm\n\nmore")
    assert (narrator.role, narrator.metadata) == ("assistant", {"role": "narrator"})


def test_one_bad_line_stops_no_other(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.jsonl", {"messages": [ASK, REPLY]}, {"messages": 3}, {"messages": [ASK]})
    path.write_text("\ufeff" + path.read_text().replace("\n", "\r\n{broken\r\n", 1), "utf-8")
    first, broken, other, last = read(path, "openai")
    assert broken == Skipped("Line 2 is not valid JSON.", where="a.jsonl:2")
    assert other == Skipped("It is no conversation.", where="a.jsonl:3")
    assert not isinstance(first, Skipped)
    assert not isinstance(last, Skipped)


def test_long_ids_are_native_and_numbers_of_a_data_set_are_not(tmp_path: Path) -> None:
    long = "0f0e0d0c-0000-4000-8000-000000000001"
    values = [{"id": long, "messages": [ASK]}, {"id": 1, "messages": [REPLY]}]
    first, second = conversations(saved(tmp_path, "a.jsonl", *values), "openai")
    assert (first.id, second.id, second.metadata) == (long, "", {"id": "1"})


@pytest.mark.parametrize(
    "value",
    [
        {"name": "x", "messages": {"role": "m"}},
        {"messages": ["a"]},
        {"messages": [{"role": "admin", "content": ""}]},
        {"role": "user", "email": "a"},
        [{"prompt": "a"}],
        {"conversations": [{"from": "a@example.org", "value": 1}]},
        {"choices": ["a", "b"]},
    ],
)
def test_other_json_is_no_conversation(tmp_path: Path, value: Any) -> None:
    assert sources(saved(tmp_path, "a.json", value)) == []


def test_conversations_of_sharegpt_are_read() -> None:
    (chat,) = conversations(SAMPLES / "sharegpt", "sharegpt")
    assert (chat.system_prompt, lines(chat)) == ("Be brief", SUM)
    assert (chat.id, chat.metadata) == ("", {"id": "sg_0"})


def test_other_shapes_of_sharegpt_are_read(tmp_path: Path) -> None:
    call = json.dumps({"name": "look", "arguments": {"at": "sky"}})
    tools = [("user", "Look"), ("function_call", call), ("observation", "blue"), ("chatgpt", "Blue.")]
    page = '<div class="markdown"><p>Use <code>ls</code>:</p><pre><code>ls -l\n</code></pre><ul><li>a &amp; b</li></ul>'
    values = [
        {"id": "x", "system": "S", "conversations": [{"from": who, "value": what} for who, what in tools]},
        {"items": [{"from": "human", "value": "How?"}, {"from": "bing", "value": page}]},
        {"conversation": [{"human": "2+2?", "assistant": "4"}]},
    ]
    looked, html, pairs = conversations(saved(tmp_path, "a.jsonl", *values), "sharegpt")
    assert looked.system_prompt == "S"
    assert looked.messages[1].parts == [ToolCall("look", {"at": "sky"}, "blue")]
    assert said(looked.messages[2]) == "Blue."
    assert said(html.messages[1]) == "Use `ls`:\n\n```\nls -l\n\n```\n\n- a & b"
    assert lines(pairs) == SUM


CHATS = {
    "symbols": "# Kites\n\n## 🧑‍💻 User\n\n2+2?\n\n---\n\n## 🤖 Assistant\n\n4\n",
    "headings": "# Kites\n\n## User\n\n2+2?\n\n## Assistant\n\n4\n",
    "title that is a name": "# Claude\n\n## User\n\n2+2?\n\n## Assistant\n\n4\n",
    "names of others": "## You:\n2+2?\n\n## ChatGPT:\n4",
    "two levels": "##### You said:\n2+2?\n\n###### ChatGPT said:\n4",
    "emoji and bold": "### \N{BUST IN SILHOUETTE} **User**\n\n2+2?\n\n### \N{ROBOT FACE} **Assistant**\n\n4",
    "exporter": (
        "# Kites\n\n**User:** Ana\n**Created:** 2025-09-08 10:36\n**Link:** [x](https://example.org/c/1)\n\n"
        "## Prompt:\n2+2?\n\n## Response:\n4\n\n---\nPowered by [Exporter](https://example.org)\n"
    ),
    "bold": "**You:** 2+2?\n\n**Claude:** 4\n",
    "bold alone": "**User**\n\n2+2?\n\n**Assistant**\n\n4\n",
    "plain": "User: 2+2?\n\nAssistant: 4\n",
    "rules": "## User\n\n2+2?\n\n---\n\n## Assistant\n\n4\n\n---\n",
    "windows": "\ufeff## User\r\n\r\n2+2?\r\n\r\n## gpt-4o\r\n\r\n4\r\n",
}


@pytest.mark.parametrize("name", CHATS)
def test_markdown_of_common_exporters_is_a_conversation(tmp_path: Path, name: str) -> None:
    (chat,) = conversations(written(tmp_path, CHATS[name]), "markdown")
    assert lines(chat) == SUM
    assert chat.title in {"", "Kites", "Claude"}


def test_code_and_running_text_of_a_reply_begin_no_message() -> None:
    (chat,) = conversations(SAMPLES / "markdown", "markdown")
    assert chat.title == "Kites"
    assert lines(chat) == [
        ("user", "How do kites fly?"),
        ("assistant", "Wind and a tail.\n\n```text\n## User\nthis line is inside a fence\n```"),
    ]


def test_a_block_of_code_that_never_ends_does_not_swallow_the_rest(tmp_path: Path) -> None:
    text = "## User\n\na\n\n## Assistant\n\n```py\nx = 1\n\n## User\n\nb\n"
    (chat,) = conversations(written(tmp_path, text), "markdown")
    assert [each.role for each in chat.messages] == ["user", "assistant", "user"]


def test_other_headings_and_names_in_a_reply_are_its_text(tmp_path: Path) -> None:
    reply = "# Act 1\n\n## User\n\nHello\nUser: Hi\n\n**Narrator:** Night"
    text = f"**You:** Write a play\n\n**Assistant:** {reply}\n\n**You:** More\n"
    (chat,) = conversations(written(tmp_path, text), "markdown")
    assert [each.role for each in chat.messages] == ["user", "assistant", "user"]
    assert said(chat.messages[1]) == reply


def test_front_matter_times_models_and_tools_are_kept(tmp_path: Path) -> None:
    text = (
        "---\ntitle: 'Birds: terns'\ndate: 2026-02-01T12:00:00Z\ntags: [birds, '#sea']\nmodel: gpt-5\nid: abc\n---\n\n"
        "## System\n\nBe brief\n\n## User (2026-02-01T12:00:01Z)\n\nTerns?\n\n## Tool\n\n7 terns\n\n"
        "## Reply \N{MIDDLE DOT} 2026-02-01 12:00:05 \N{MIDDLE DOT} gpt-5-mini\n\n<think>hm</think>Seven.\n"
    )
    (chat,) = conversations(written(tmp_path, text), "markdown")
    assert (chat.id, chat.title, chat.model, chat.tags) == ("abc", "Birds: terns", "gpt-5", ("birds", "sea"))
    assert chat.created_at == datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert chat.system_prompt == "Be brief"
    asked, tool, reply = chat.messages
    assert asked.created_at == datetime(2026, 2, 1, 12, 0, 1, tzinfo=UTC)
    assert tool.parts == [ToolCall("tool", None, "7 terns")]
    assert (reply.model, reply.reasoning, said(reply)) == ("gpt-5-mini", "hm", "Seven.")
    assert reply.created_at == datetime(2026, 2, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("said_first", ["4", "2024", "1.2.3", "10:30", "2026-13-45 is no day"])
def test_a_number_is_no_time(tmp_path: Path, said_first: str) -> None:
    (chat,) = conversations(written(tmp_path, f"## User\n\n{said_first}\n\n## Assistant\n\nYes\n"), "markdown")
    assert lines(chat)[0] == ("user", said_first)


def test_a_date_that_can_be_read_in_two_ways_is_kept_as_it_is(tmp_path: Path) -> None:
    text = "## Prompt:\n9/8/2025, 10:36:03 AM\n\nHi\n\n## Response:\n2025-09-08 10:36:04\n\nHello\n"
    (chat,) = conversations(written(tmp_path, text), "markdown")
    asked, reply = chat.messages
    assert (said(asked), asked.created_at, asked.metadata) == ("Hi", None, {"time": "9/8/2025, 10:36:03 AM"})
    assert (said(reply), reply.created_at) == ("Hello", datetime(2025, 9, 8, 10, 36, 4, tzinfo=UTC))


def test_files_beside_a_text_are_attached(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a tern.png").write_bytes(b"\x89PNG")
    (tmp_path / "files" / "b.txt").write_bytes(b"note")
    text = (
        "## You\n\n![x](../files/a%20tern.png) ![](https://example.org/c.png) ![](../../etc/passwd)\n"
        "- Attached: [b](<../files/b.txt>)\n\n## Reply\n\n![](data:image/png;base64,iVBORw==)\n"
    )
    (tmp_path / "chats").mkdir()
    written(tmp_path / "chats", text)
    (chat,) = conversations(tmp_path, "markdown")
    asked, reply = chat.messages
    assert [getattr(part, "name", "") for part in asked.parts] == ["", "a tern.png", "b.txt"]
    assert [content(part) for part in asked.parts[1:]] == [b"\x89PNG", b"note"]
    assert content(reply.parts[1]) == b"\x89PNG"


DOCUMENTS = {
    "README": "# Chatter\n\nA tool for chats.\n\n## User\n\nInstall it.\n\n## Assistant\n\nIt helps.\n",
    "guide": "# Guide\n\n## Installation\n\ntext\n\n## User\n\nmore\n",
    "FAQ": "# FAQ\n\n**Question:** Why?\n\n**Answer:** So.\n",
    "letter": "You: the reader\nAssistant: the helper\n",
    "model card": "# Card\n\n## Model\n\nx\n\n## Prompt\n\ny\n",
    "monologue": "## User\n\nIs anybody there?\n",
    "log": "12:00 User: hi\n12:01 Assistant: hello\n",
    "reply first": "## Assistant\n\nHi\n\n## User\n\nHo\n",
    "empty": "",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_other_documents_are_no_conversation(tmp_path: Path, name: str) -> None:
    assert sources(written(tmp_path, DOCUMENTS[name])) == []
    assert sources(written(tmp_path, CHATS["headings"], "script.py")) == [], "a comment is no heading"


def test_the_documents_of_this_project_are_no_conversations() -> None:
    for folder in ("docs", "packaging"):
        assert [found for found in sources(Path(__file__).parents[2] / folder) if found[0] == "markdown"] == []

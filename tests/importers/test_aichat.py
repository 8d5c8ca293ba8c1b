"""Sessions and logs of aichat."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from reading import SAMPLES, content, conversations, lines, read, said, sources

from sterna.importers import Skipped, Text, ToolCall, naive_moment

SESSION = """\
model: openai:gpt-4o-mini
messages:
- role: user
  content: {}
- role: assistant
  content: |
    no
"""


def session(tmp_path: Path, content: str, name: str = "demo.yaml") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return tmp_path


def test_a_session_has_what_was_summed_up_before_the_rest() -> None:
    (chat,) = conversations(SAMPLES / "aichat" / "sessions", "aichat")
    assert (chat.title, chat.model, chat.created_at) == ("demo", "openai:gpt-4o-mini", None)
    assert chat.metadata == {"temperature": 0.3}
    assert chat.resume == "aichat --session demo"
    assert lines(chat) == [
        ("user", "old question"),
        ("assistant", "old answer"),
        ("system", "Summary of the chat so far"),
        ("user", "What is this?"),
        ("assistant", "A dot."),
    ]
    assert [message.hidden for message in chat.messages] == [False, False, True, False, False]
    assert content(chat.messages[3].parts[1]) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("word", ["yes", "off", "2026-01-02", "010", "1:30", "0x1f", "'null'", "1_000", "=", "<<"])
def test_words_that_older_yaml_takes_for_values_are_texts(tmp_path: Path, word: str) -> None:
    (chat,) = conversations(session(tmp_path, SESSION.format(word)), "aichat")
    assert lines(chat) == [("user", word.strip("'")), ("assistant", "no\n")]


def test_names_of_sessions_say_when_and_for_which_agent(tmp_path: Path) -> None:
    session(tmp_path, SESSION.format("Hi"), "sessions/_/20260201T120000-bird names.yaml")
    session(tmp_path, SESSION.format("Ho"), "agents_data/coder/sessions/fix.yaml")
    agent, named = conversations(tmp_path, "aichat")
    assert (named.title, named.created_at) == ("bird names", naive_moment("2026-02-01T12:00:00"))
    assert named.resume == "aichat --session '_/20260201T120000-bird names'"
    assert agent.metadata == {"agent": "coder"}
    assert agent.resume == "aichat --agent coder --session fix"


def test_two_sessions_of_one_name_with_other_beginnings_are_two_conversations(tmp_path: Path) -> None:
    found = [conversations(session(tmp_path / word, SESSION.format(word)), "aichat")[0].id for word in ("a1", "b1")]
    assert found[0] != found[1]


def test_tools_roles_and_names_of_pictures_are_kept(tmp_path: Path) -> None:
    url = "data:image/png;base64,iVBORw0KGgo="
    text = f"""\
model: m
role_name: birder
agent_instructions: Know birds
data_urls:
  {hashlib.sha256(url.encode()).hexdigest()}: /home/ana/tern.png
messages:
- role: user
  content:
  - type: image_url
    image_url: {{url: "{url}"}}
- role: tool
  content:
    tool_results:
    - call: {{name: look, arguments: {{n: 2}}, id: c1}}
      output: {{seen: [tern]}}
    - call: {{name: hear, arguments: {{}}, id: null}}
      output: silence
    text: I look.
- role: assistant
  content: <think>white</think>A tern.
"""
    (chat,) = conversations(session(tmp_path, "\ufeff" + text.replace("\n", "\r\n")), "aichat")
    assert (chat.system_prompt, chat.metadata) == ("Know birds", {"role_name": "birder"})
    picture, tools, reply = chat.messages
    assert getattr(picture.parts[0], "name", "") == "tern.png"
    assert tools.parts == [
        Text("I look."),
        ToolCall("look", {"n": 2}, '{"seen": ["tern"]}', id="c1"),
        ToolCall("hear", {}, "silence"),
    ]
    assert (reply.reasoning, said(reply)) == ("white", "A tern.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SESSION.format("Hi") + "  'broken", "The file is not valid YAML."),
        (SESSION.format("&a [*a, *a]"), "The file has YAML aliases, which are not supported."),
        (SESSION.format("[" * 2000), "The file is not valid YAML."),
    ],
)
def test_a_file_that_cannot_be_read_is_skipped(tmp_path: Path, text: str, reason: str) -> None:
    assert read(session(tmp_path, text), "aichat") == [Skipped(reason, where="demo.yaml")]


def test_other_yaml_files_are_no_sessions(tmp_path: Path) -> None:
    session(tmp_path, "model: m\nmessages: 10\n")
    session(tmp_path, "model: openai:gpt-4o\nclients:\n- type: openai\n", "config.yaml")
    assert sources(tmp_path) == []


def test_each_question_of_the_log_is_a_conversation() -> None:
    tree, flower = conversations(SAMPLES / "aichat" / "messages.md", "aichat")
    assert (tree.title, tree.metadata) == ("Name a tree", {"role": "shell"})
    assert tree.created_at == datetime(2026, 2, 1, 11, tzinfo=UTC)
    assert flower.created_at == tree.created_at + timedelta(minutes=5)
    assert lines(tree) == [("user", "Name a tree"), ("assistant", "Oak.")]
    assert flower.id != tree.id


def test_headings_and_dashes_in_a_reply_of_the_log_are_text(tmp_path: Path) -> None:
    log = (
        "# CHAT: a [2026-02-01T12:00:00+01:00]\nlist\n--------\n<tool_calls>\n"
        '[{"call": {"name": "ls", "arguments": {}, "id": "x"}, "output": "a.md"}]\n</tool_calls>\n'
        "One\n# CHAT: no [2026-02-01T12:00:00+01:00]\n--------\nTwo\n--------\n\n"
        "# CHAT: b [2026-02-01T12:01:00Z] (#docs)\nalone\n"
    )
    (tmp_path / "log").write_text(log)
    first, second = conversations(tmp_path, "aichat")
    assert said(first.messages[1]) == "One\n# CHAT: no [2026-02-01T12:00:00+01:00]\n--------\nTwo"
    assert first.messages[1].parts[0] == ToolCall("ls", {}, "a.md", id="x")
    assert (lines(second), second.metadata) == ([("user", "alone")], {"role": "#docs"})

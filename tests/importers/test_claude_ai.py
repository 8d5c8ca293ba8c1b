"""Exports of Claude.ai: trees and lists, artifacts, projects, memories, and what the export leaves out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from memory_tree import SAMPLES, MemoryTree, folder, read_all
from reading import content, said

from sterna.importers import Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from sterna.importers.readers.claude_ai import ClaudeAi

READER = ClaudeAi()
ROOT = "00000000-0000-4000-8000-000000000000"
PLACEHOLDER = "```\nThis block is not supported on your current device yet.\n```"


def message(key: str, parent: str | None = None, sender: str = "human", *blocks: Any, **more: Any) -> dict[str, Any]:
    linked = {} if parent is None else {"parent_message_uuid": parent}
    return {"uuid": key, "sender": sender, "content": list(blocks), "text": "", **linked, **more}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def read(*messages: Any, files: dict[str, Any] | None = None, **more: Any) -> Conversation:
    exported = {"uuid": "c", "name": "N", "chat_messages": list(messages), **more}
    found = read_all(READER, MemoryTree({"conversations.json": [exported], **(files or {})}))
    (conversation,) = (item for item in found if isinstance(item, Conversation) and item.id == "c")
    return conversation


def reply(*blocks: Any, **more: Any) -> Message:
    return read(message("u", ROOT, "human", text("Hi")), message("a", "u", "assistant", *blocks, **more)).messages[1]


def artifact(command: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "name": "artifacts", "id": command, "input": {"id": "x", "command": command, **more}}


def test_the_sample_is_read_as_a_tree() -> None:
    bread, shell, memories, kitchen = read_all(READER, folder(SAMPLES / "claude_ai"))
    assert isinstance(bread, Conversation)
    assert [(each.id, each.parent, each.role, said(each)) for each in bread.messages] == [
        ("m1", "", "user", "What is in my recipe?"),
        ("m2", "m1", "assistant", "Flour, water and salt."),
        ("m3", "m2", "user", "Shorter"),
        ("m4", "m3", "assistant", "Flour+water+salt."),
        ("m3b", "m2", "user", "Longer, please"),
        ("m4b", "m3b", "assistant", "It holds flour, water and a little salt."),
    ]
    assert bread.created_at == datetime(2026, 3, 1, 9, 0, 0, 123456, UTC)
    recipe, loaf = bread.messages[0].parts[:2]
    assert content(recipe) == b"flour, water, salt"
    assert loaf == Attachment("loaf.jpg")
    second = bread.messages[1]
    hydration = "Hydration\nhttps://example.org/h\n65% is usual"
    assert second.parts[0] == ToolCall("web_search", {"query": "bread hydration"}, hydration, id="toolu_1")
    assert second.reasoning == "Read the attachment."
    assert second.sources == [("Hydration", "https://example.org/h")]
    assert isinstance(shell, Skipped)
    assert isinstance(memories, Conversation)
    assert [said(each) for each in memories.messages] == ["Ana bakes.", "## Kitchen\n\nUses a steam oven"]
    assert isinstance(kitchen, Conversation)
    assert (kitchen.project, kitchen.system_prompt) == ("Kitchen", "You are a baker")
    assert content(kitchen.messages[0].parts[0]) == b"220C"


def test_a_list_without_parents_stays_in_its_order() -> None:
    found = read(message("a", None, "human", text("1")), message("b", None, "assistant", text("2")))
    assert [each.parent for each in found.messages] == [None, None]


def test_a_conversation_of_a_project_has_its_instructions() -> None:
    project = {"uuid": "p", "name": "Kitchen", "prompt_template": "You are a baker", "docs": []}
    hello = message("u", ROOT, "human", text("Hi"))
    for link in ({"project_uuid": "p"}, {"project_id": "p"}, {"project": {"uuid": "p"}}):
        found = read(hello, files={"projects/p.json": project}, is_starred=True, **link)
        assert (found.project, found.system_prompt, found.is_pinned) == ("Kitchen", "You are a baker", True)
    shown = read(hello, model="claude-opus", current_leaf_message_uuid="u")
    assert (shown.model, shown.shown, shown.project) == ("claude-opus", "u", "")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"text": f"{PLACEHOLDER}\n\nDone."}, [Unsupported("block", "not in the export"), Text("Done.")]),
        ({"text": "Before\n" + PLACEHOLDER}, [Text("Before"), Unsupported("block", "not in the export")]),
        ({"content": [text("Real")], "text": PLACEHOLDER}, [Text("Real")]),
        ({"content": [{"type": "voice_note", "text": "Ahoy"}]}, [Text("Ahoy")]),
        ({"content": [{"type": "token_budget"}, text("x")]}, [Text("x")]),
        ({"content": [{"type": "hologram"}]}, [Unsupported("hologram", {"type": "hologram"})]),
        (
            {"content": [{"type": "tool_result", "name": "look", "content": "gone", "is_error": True}]},
            [ToolCall("look", None, "gone", True)],
        ),
    ],
)
def test_blocks_and_what_the_export_leaves_out(more: Any, expected: Any) -> None:
    assert reply(**more).parts == expected


def test_artifacts_are_files_in_every_version() -> None:
    found = read(
        message("u", ROOT, "human", text("Write")),
        message("a", "u", "assistant", artifact("create", title="tern", type="text/markdown", content="A bird")),
        message("b", "a", "assistant", artifact("update", old_str="bird", new_str="tern")),
        message("other", "a", "assistant", artifact("update", old_str="A", new_str="The")),
        message("lost", "a", "assistant", artifact("update", old_str="not there", new_str="x")),
    )
    files = [[part for part in each.parts if isinstance(part, Attachment)] for each in found.messages]
    assert [[(file.name, content(file)) for file in each] for each in files] == [
        [],
        [("tern.md", b"A bird")],
        [("tern.md", b"A tern")],
        [("tern.md", b"The bird")],
        [],
    ]
    tag = '<antArtifact identifier="x" type="text/html" title="page">'
    tagged = reply(text(f"<antThinking>hm</antThinking>Here:\n{tag}\n<p>\n</antArtifact>\nDone."))
    assert tagged.reasoning == "hm"
    assert [part.text if isinstance(part, Text) else content(part) for part in tagged.parts] == [
        "Here:",
        b"<p>\n",
        "Done.",
    ]


def test_documents_without_names_and_files_of_other_kinds() -> None:
    attached = [
        {"file_name": "", "extracted_content": "pasted"},
        {"file_name": "a.pdf", "extracted_content": "text of it"},
        {"file_name": "b.zip"},
    ]
    found = reply(text("x"), attachments=attached, files=[{"file_name": "a.pdf.txt"}, {"file_name": "c.png"}])
    names = [part.name for part in found.parts if isinstance(part, Attachment)]
    assert names == ["pasted.txt", "a.pdf.txt", "b.zip", "c.png"]


def test_empty_and_repeated_messages_break_no_branch() -> None:
    found = read(
        message("u", ROOT, "human", text("Hi")),
        message("empty", "u", "assistant"),
        message("v", "empty", "human", text("Still there?")),
        message("v", "empty", "human", text("Still there?")),
        message("v", "empty", "human", text("Or not?")),
    )
    parents = [(each.id, each.parent, said(each)) for each in found.messages]
    assert parents == [("u", "", "Hi"), ("v", "u", "Still there?"), ("v-3", "u", "Or not?")]


def test_the_list_of_an_export_tells_what_to_do() -> None:
    (found,) = read_all(READER, MemoryTree({"manifest-1.json": {"files": ["conversations-000.zip"]}}))
    assert isinstance(found, Skipped)
    assert "Download" in found.reason

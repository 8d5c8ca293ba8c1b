"""Exports of ChatGPT: the old and the new form, every kind of content, and broken trees."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from memory_tree import SAMPLES, MemoryTree, conversations, folder, read_all

from sterna.importers import Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported
from sterna.importers.files import open_tree
from sterna.importers.readers.chatgpt import ChatGPT

READER = ChatGPT()
CLASSIC = json.loads((SAMPLES / "chatgpt_classic/conversations.json").read_bytes())
PNG = b"\x89PNG\r\n\x1a\n"


def node(key: str, parent: str | None, role: str = "", content: Any = None, **more: Any) -> dict[str, Any]:
    metadata = more.pop("metadata", {})
    author = {"role": role, "name": more.pop("name", None)}
    message = {"id": key, "author": author, "content": content, "metadata": metadata, **more} if role else None
    return {"id": key, "parent": parent, "message": message}


def said(*parts: Any) -> dict[str, Any]:
    kind = "text" if all(isinstance(part, str) for part in parts) else "multimodal_text"
    return {"content_type": kind, "parts": list(parts)}


def conversation(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "c", "title": "T", "mapping": {each["id"]: each for each in nodes}, **more}


def read(*nodes: dict[str, Any], files: dict[str, Any] | None = None, **more: Any) -> Conversation:
    (found,) = conversations(READER, {"conversations.json": [conversation(*nodes, **more)], **(files or {})})
    return found


def reply(*nodes: dict[str, Any]) -> Message:
    """Return the reply that these nodes after a question are."""
    question, answer = read(node("u", None, "user", said("Hi")), *nodes).messages
    assert (question.id, answer.parent) == ("u", "u")
    return answer


def shape(found: Conversation) -> list[tuple[str, str | None, str]]:
    return [
        (each.id, each.parent, "".join(p.text for p in each.parts if isinstance(p, Text))) for each in found.messages
    ]


def test_the_classic_sample_is_read_as_a_person_saw_it() -> None:
    (found,) = conversations(READER, folder(SAMPLES / "chatgpt_classic").files)
    assert shape(found) == [
        ("u1", "", "Which bird is this?"),
        ("a1", "u1", "A gull."),
        ("a1b", "u1", "A common tern ([Terns](https://example.org/terns))."),
        ("u2", "a1b", "Count the letters in tern"),
        ("c1", "u2", "Four."),
    ]
    assert (found.title, found.shown, found.model) == ("Harbour birds", "c1", "gpt-4o")
    assert found.created_at == datetime(2025, 1, 1, 2, 53, 20, 123456, UTC)
    assert found.system_prompt == "Lives by the sea\n\nBe short"
    picture, _, tern, _, four = (each.parts[0] for each in found.messages)
    assert picture == Attachment("bird.png", "image/png")
    assert tern == ToolCall(
        "browser",
        'search("tern or gull")',
        "Terns\nhttps://example.org/terns\nCommon terns have orange bills.",
        id="a1b",
    )
    assert four == ToolCall("python", "len('tern')", "4", id="c1")
    thoughtful = found.messages[2]
    assert thoughtful.reasoning == "**Comparing bills**\n\nBill is orange, so tern."
    assert thoughtful.metadata == {"reasoning_recap": "Thought for 4 seconds", "reasoning_seconds": 4.0}
    assert (thoughtful.model, thoughtful.sources) == ("o3", [("Terns", "https://example.org/terns")])


def test_the_split_form_is_read_from_its_archive_with_files_under_their_names() -> None:
    with open_tree(SAMPLES / "chatgpt_2026.zip") as tree:
        walk, dot, shell = read_all(READER, tree)
        assert isinstance(walk, Conversation)
        assert isinstance(dot, Conversation)
        assert shape(walk)[1:] == [("a_old", "u", "Go north."), ("t", "u", "Go along the beach at noon.")]
        assert walk.shown == "t"
        assert [each.model for each in walk.messages] == [None, "gpt-5-mini", "gpt-5-thinking"]
        assert (dot.title, dot.is_archived) == ("", True)
        file = dot.messages[0].parts[0]
        assert isinstance(file, Attachment)
        assert file.name == "dot.png"
        assert file.open is not None
        with file.open() as content:
            assert content.read() == b"\x89PNG\r\n"
    assert isinstance(shell, Skipped)
    assert "Empty shell" in shell.reason


@pytest.mark.parametrize(
    "form",
    [
        lambda value: b"\xef\xbb\xbf" + json.dumps(value, indent=1).replace("\n", "\r\n").encode(),
        lambda value: {"version": 1, "conversations": value},
        lambda value: value[0],
    ],
)
def test_forms_of_the_file(form: Any) -> None:
    assert len(conversations(READER, {"any name": form(CLASSIC)})) == 1


def test_other_files_of_the_export_are_left_alone() -> None:
    others = {
        "user.json": {"id": "user-x", "email": "ana@example.org"},
        "shared_conversations.json": [{"id": "s", "conversation_id": "c", "title": "T"}],
        "group_chats.json": {"chats": []},
        "library_files.json": [{"file_id": "file_1"}],
        "notes.json": [{"text": 'of "mapping": {"a": 1}, "parent"'}],
    }
    assert READER.detect(MemoryTree(others)) == []


def test_a_project_a_custom_gpt_and_marks_of_the_conversation() -> None:
    hello = node("u", None, "user", said("Hi"))
    found = read(hello, gizmo_id="g-p-1", is_starred=True, default_model_slug="auto", voice="sol", safe_urls=["x"])
    assert (found.project, found.is_pinned, found.model) == ("g-p-1", True, None)
    assert found.metadata == {"gizmo_id": "g-p-1", "voice": "sol", "url": "https://chatgpt.com/c/c"}
    other = read(hello, gizmo_id="g-2", pinned_time=1735700000.5)
    assert (other.project, other.is_pinned, other.metadata["gizmo_id"]) == ("", True, "g-2")


def test_instructions_are_never_something_that_the_person_said() -> None:
    raw = {"user_context_message_data": {"about_user_message": "Sails", "about_model_message": "Be brief"}}
    editable = {"content_type": "user_editable_context", "user_profile": "long form", "user_instructions": "long form"}
    found = read(
        node("ctx", None, "user", editable, metadata={"is_user_system_message": True, **raw}),
        node("mem", "ctx", "system", {"content_type": "model_editable_context", "model_set_context": "Has a dog"}),
        node("sys", "mem", "system", said("You are a bot")),
        node("hid", "sys", "user", said("Scheduled"), metadata={"is_visually_hidden_from_conversation": True}),
        node("u", "hid", "user", said("Hi")),
    )
    assert found.system_prompt == "Sails\n\nBe brief"
    assert [(each.id, each.role, each.hidden) for each in found.messages] == [
        ("mem", "system", True),
        ("sys", "system", True),
        ("hid", "user", True),
        ("u", "user", False),
    ]


def test_results_belong_to_their_calls_and_pictures_to_the_reply() -> None:
    drawn = {
        "content_type": "image_asset_pointer",
        "asset_pointer": "sediment://file_ab12",
        "metadata": {"dalle": {"prompt": "a tern"}},
    }
    found = reply(
        node("p", "u", "assistant", {"content_type": "code", "text": "1/0"}, recipient="python"),
        node("b", "p", "assistant", said('{"q": "tern"}'), recipient="web.run"),
        node(
            "e",
            "b",
            "tool",
            {"content_type": "execution_output", "text": "ZeroDivisionError"},
            name="python",
            metadata={"aggregate_result": {"status": "failed_with_in_kernel_exception"}},
        ),
        node("r1", "e", "tool", said("first"), name="web"),
        node("r2", "r1", "tool", {"content_type": "tether_browsing_display", "result": "second"}, name="web"),
        node("d", "r2", "tool", said(drawn), name="dalle.text2im"),
        node("o", "d", "tool", {"content_type": "hologram"}, name="stage"),
        node("w", "o", "assistant", {"content_type": "system_error", "text": "It broke."}),
    )
    assert found.parts == [
        ToolCall("python", "1/0", "ZeroDivisionError", True, "p"),
        ToolCall("web.run", {"q": "tern"}, "first\n\nsecond", False, "b"),
        ToolCall("dalle.text2im", {"prompt": "a tern"}, "", False, "d"),
        Attachment("file_ab12"),
        Unsupported("hologram", {"content_type": "hologram"}),
    ]
    assert found.error == "It broke."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (said('{"search_query": [{"q": "x"}]}'), ToolCall("web.run", {"search_query": [{"q": "x"}]}, id="a")),
        (said('{"name": "ana"}'), Text('{"name": "ana"}')),
        ({"content_type": "code", "language": "python", "text": "x = 1"}, Text("```python\nx = 1\n```")),
        ({"content_type": "hologram", "x": 1}, Unsupported("hologram", {"content_type": "hologram", "x": 1})),
        ("Just text", Text("Just text")),
        ({"content_type": "execution_output", "text": "4"}, ToolCall("tool", None, "4", id="a")),
        (said({"content_type": "smell", "x": 1}), Unsupported("smell", {"content_type": "smell", "x": 1})),
        (said({"content_type": "audio_transcription", "text": "Ahoy", "direction": "out"}), Text("Ahoy")),
    ],
)
def test_content_of_a_reply(content: Any, expected: Any) -> None:
    assert reply(node("a", "u", "assistant", content)).parts == [expected]


@pytest.mark.parametrize(
    ("value", "metadata", "expected", "sources"),
    [
        (
            "Tern \ue200filecite\ue202turn0file0\ue201!",
            {"content_references": [{"matched_text": "\ue200filecite\ue202turn0file0\ue201", "name": "birds.pdf"}]},
            "Tern birds.pdf!",
            [],
        ),
        (
            "Tern \ue200cite\ue202turn0search1\ue201 and gull",
            {
                "content_references": [
                    {"matched_text": " ", "sources": [{"title": "Two", "url": "https://b.example"}]},
                    {
                        "matched_text": "\ue200cite\ue202turn0search1\ue201",
                        "items": [{"title": "One", "url": "https://a.example"}],
                    },
                ]
            },
            "Tern ([One](https://a.example)) and gull",
            [("Two", "https://b.example"), ("One", "https://a.example")],
        ),
        ("\ue203A gull\ue204 \ue200cite\ue202turn0search1\ue201", {}, "A gull ", []),
        ('In \ue200entity\ue202["city","Porto","Portugal"]\ue201.', {}, "In Porto.", []),
        (
            "Old【3†source】 and【4†source】.",
            {
                "citations": [
                    {"start_ix": 20, "metadata": {"title": "B", "url": "https://b.example"}},
                    {"start_ix": 3, "metadata": {"title": "A", "url": "https://a.example"}},
                ]
            },
            "Old ([A](https://a.example)) and ([B](https://b.example)).",
            [("B", "https://b.example"), ("A", "https://a.example")],
        ),
        ("Oldest:contentReference[oaicite:0]{index=0}.", {}, "Oldest.", []),
    ],
)
def test_citations_become_links(value: str, metadata: Any, expected: str, sources: Any) -> None:
    found = reply(node("a", "u", "assistant", said(value), metadata=metadata))
    assert (found.parts, found.sources) == ([Text(expected)], sources)


def test_files_are_found_by_every_kind_of_name() -> None:
    pointers = [
        "file-service://file-Old1",
        "sediment://file_cafe",
        "sediment://x#file_beef#p_1.png",
        "sediment://file_dada",
    ]
    attached = [{"id": "file-Pdf9", "name": "plan.pdf", "mime_type": "application/pdf"}, {"id": "file_dada"}]
    picture = [{"content_type": "image_asset_pointer", "asset_pointer": pointer} for pointer in pointers]
    spoken = {
        "content_type": "real_time_user_audio_video_asset_pointer",
        "audio_asset_pointer": {"asset_pointer": "sediment://file_0a0a"},
    }
    found = read(
        node("u", None, "user", said(*picture, spoken), metadata={"attachments": attached}),
        files={
            "dalle-generations/file-Old1-1f.webp": b"RIFF....WEBP",
            "user-x/file_cafe-2f.png": PNG,
            "file_beef.dat": PNG,
            "file_dada.dat": b"%PDF-1.7",
            "file-Pdf9-plan.pdf": b"%PDF-1.7",
            "file_0a0a.dat": b"RIFF....WAVE",
            "conversation_asset_file_names.json": {"file_0a0a.dat": "c/audio/hello.wav"},
            "library_files.json": [{"file_id": "file_dada", "file_name": "letter"}, None],
        },
    )
    parts = [part for part in found.messages[0].parts if isinstance(part, Attachment)]
    names = ["1f.webp", "2f.png", "file_beef.png", "letter.pdf", "hello.wav", "plan.pdf"]
    assert [part.name for part in parts] == names
    assert all(part.open for part in parts)


def test_what_only_the_library_names_stands_with_its_reply() -> None:
    made = {"origination_thread_id": "c", "image_gen_generation_id": "g", "created_at": "2026-07-15T12:25:30Z"}
    entries = [
        {"file_id": "file_a1", "file_name": "tern.png", "origination_message_id": "a", **made},
        {"file_id": "file_a2", "file_name": "gull.png", "origination_message_id": "left out", **made},
        {"file_id": "file_a3", "file_name": "no content.png", **made},
        {"file_id": "file_a4", "file_name": "upload.png", "origination_thread_id": "c"},
    ]
    found = read(
        node("u", None, "user", said("Draw")),
        node("a", "u", "assistant", said("Here"), create_time=1784118300),
        node("u2", "a", "user", said("And a gull")),
        node("a2", "u2", "assistant", said("Here"), create_time=1784118400),
        files={"library_files.json": entries, "file_a1.dat": PNG, "file_a2.dat": PNG, "file_a4.dat": PNG},
    )
    names = [[part.name for part in each.parts if isinstance(part, Attachment)] for each in found.messages]
    assert names == [[], ["tern.png", "gull.png"], [], []]


def test_a_canvas_document_is_a_file_of_its_reply() -> None:
    created = '{"name": "poem", "type": "document", "content": "Tern"}'
    edited = '{"updates": [{"pattern": ".*", "replacement": "Gull"}]}'
    nodes = (
        node("u", None, "user", said("Write")),
        node("a", "u", "assistant", said(created), recipient="canmore.create_textdoc"),
        node("t", "a", "tool", said("ok"), name="canmore.create_textdoc", metadata={"canvas": {"textdoc_id": "d1"}}),
        node("b", "t", "assistant", said(edited), recipient="canmore.update_textdoc"),
    )
    documents = {"textdocs/d1.json": {"id": "d1", "title": "poem", "content": "Albatross", "type": "text/markdown"}}
    for files, expected in ((None, ["Tern", "Gull"]), (documents, ["Albatross"])):
        parts = read(*nodes, files=files).messages[1].parts
        assert [part.open().read().decode() for part in parts if isinstance(part, Attachment) and part.open] == expected


def test_branches_circles_and_orphans_keep_every_message() -> None:
    found = read(
        node("a2", "a1", "assistant", said("two")),
        node("a1", "u", "assistant", said("one")),
        node("u", "gone", "user", said("Hi")),
        node("x", "y", "user", said("circle")),
        node("y", "x", "assistant", said("circle too")),
        node("self", "self", "user", said("alone")),
        node("a3", "u", "assistant", said("other")),
        current_node="a3",
    )
    assert shape(found) == [
        ("u", "", "Hi"),
        ("a1", "u", "onetwo"),
        ("y", "", "circle too"),
        ("x", "y", "circle"),
        ("self", "", "alone"),
        ("a3", "u", "other"),
    ]
    assert found.shown == "a3"
    deep = [node("0", None, "user", said("0"))]
    deep += [node(str(n), str(n - 1), "user" if n % 2 else "assistant", said(str(n))) for n in range(1, 3000)]
    assert len(read(*reversed(deep), current_node="0").messages) == 3000


def test_a_reply_that_grew_is_the_same_message() -> None:
    start = (node("u", None, "user", said("Hi")), node("a", "u", "assistant", said("One.")))
    grown = (*start, node("b", "a", "assistant", said("Two.")))
    assert [each.id for each in read(*start).messages] == [each.id for each in read(*grown).messages]


def test_repeated_ids_and_members_that_are_no_conversations() -> None:
    twice = [node("u", None, "user", said("Hi")), node("v", "u", "user", said("Ho"))]
    twice[1]["message"]["id"] = "u"
    assert [each.id for each in read(*twice).messages] == ["u", "v"]
    values = [conversation(*twice), None, 7, {"id": "n", "mapping": []}]
    found = read_all(READER, MemoryTree({"conversations.json": values}))
    assert [isinstance(item, Skipped) for item in found] == [False, True, True, True]

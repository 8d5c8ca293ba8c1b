"""Prompts of Google AI Studio."""

from __future__ import annotations

from typing import Any

from memory_tree import MemoryTree, conversations
from reading import SAMPLES, content, lines
from reading import conversations as imported

from sterna.importers import Attachment, Conversation, Message, Text, ToolCall, Unsupported
from sterna.importers.readers.ai_studio import AiStudio

READER = AiStudio()


def prompt(*chunks: dict[str, Any], **more: Any) -> Conversation:
    (found,) = conversations(READER, {"Tern": {"chunkedPrompt": {"chunks": list(chunks)}, **more}})
    return found


def reply(*chunks: dict[str, Any]) -> Message:
    return prompt({"role": "user", "text": "Hi"}, *({"role": "model", **chunk} for chunk in chunks)).messages[1]


def test_the_sample_is_read_with_its_reasoning() -> None:
    (found,) = imported(SAMPLES / "ai_studio", "ai-studio")
    assert (found.id, found.title, found.model) == ("", "Greetings", "gemini-2.5-pro")
    assert found.system_prompt == "Be kind"
    assert lines(found) == [("user", "Hi"), ("assistant", "Hello!")]
    assert (found.messages[1].reasoning, found.messages[1].model) == ("greet", "gemini-2.5-pro")
    assert found.messages[1].created_at is None


def test_pieces_of_a_text_are_joined_and_thoughts_among_them_are_not() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "Hel"}, {"text": "lo"}]
    found = reply({"text": "Hello", "parts": parts, "tokenCount": 3}, {"text": " again", "tokenCount": 4})
    assert (found.parts, found.reasoning, found.output_tokens) == ([Text("Hello"), Text(" again")], "hm", 7)


def test_files_code_sources_and_what_is_unknown() -> None:
    found = reply(
        {"inlineImage": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"driveDocument": {"id": "d1"}},
        {"executableCode": {"language": "PYTHON", "code": "1/0"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "ZeroDivisionError"}},
        {"grounding": {"groundingSources": [{"title": "Terns", "uri": "https://t.example"}]}, "text": "x"},
        {"hologram": 1, "finishReason": "MAX_TOKENS", "branchParent": {"promptId": "p"}},
    )
    picture, *rest = found.parts
    assert content(picture).startswith(b"\x89PNG")
    assert rest == [
        Attachment("https://drive.google.com/file/d/d1"),
        ToolCall("code_execution", "1/0", "ZeroDivisionError", True),
        Text("x"),
        Unsupported("hologram", {"hologram": 1}),
    ]
    assert found.sources == [("Terns", "https://t.example")]
    assert found.metadata == {"finish_reason": "MAX_TOKENS", "branchParent": {"promptId": "p"}}


def test_system_instructions_in_every_form() -> None:
    for form in ("Be kind", {"parts": [{"text": "Be "}, {"text": "kind"}]}, {"text": "Be kind"}):
        assert prompt({"role": "user", "text": "Hi"}, systemInstruction=form).system_prompt == "Be kind"
    assert prompt({"role": "user", "text": "Hi"}, systemInstruction={}).system_prompt == ""


def test_other_files_are_left_alone() -> None:
    assert READER.detect(MemoryTree({"a": {"text": 'the "chunkedPrompt": {} of a file'}, "b": b"\x89PNG"})) == []

"""Chats of LM Studio."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reading import SAMPLES, content, conversations, lines, read, said, sources

from sterna.importers import Skipped, Text, ToolCall, Unsupported


def turn(*versions: Any, selected: Any = 0) -> dict[str, Any]:
    return {"versions": list(versions), "currentlySelected": selected}


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "singleStep", "role": "user", "content": [{"type": "text", "text": text}], **more}


def reply(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "multiStep", "role": "assistant", "steps": list(steps)}


def block(*content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "contentBlock", "content": list(content), **more}


def words(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def saved(path: Path, **data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), "utf-8")
    return path


def test_versions_of_a_turn_are_branches_and_the_selected_one_is_shown() -> None:
    (chat,) = conversations(SAMPLES / "lmstudio", "lm-studio")
    assert (chat.id, chat.title, chat.system_prompt) == ("1760000000000", "Clouds", "Short")
    assert (chat.created_at, chat.is_pinned) == (datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC), False)
    assert (chat.model, chat.metadata) == ("qwen3-4b", {"tokenCount": 40})
    assert lines(chat) == [("user", "Name a cloud"), ("assistant", "Cirrus."), ("assistant", "Cumulus.")]
    question, first, second = chat.messages
    assert (first.parent, second.parent, chat.shown) == (question.id, question.id, second.id)
    assert (first.reasoning, first.model) == ("cumulus", "qwen3-4b")
    assert (first.input_tokens, first.output_tokens) == (12, 4)


def test_later_turns_follow_the_selected_version(tmp_path: Path) -> None:
    turns = [
        turn(user("a"), user("b"), selected=1),
        turn(reply(block(words("to b"))), reply(block(words("again")))),
        turn(user("c"), user("d"), selected=99),
        turn(),
    ]
    path = saved(tmp_path / "conversations" / "Birds" / "Sea" / "1.conversation.json", messages=turns, pinned=True)
    (chat,) = conversations(tmp_path, "lm-studio")
    assert [(each.id, each.parent) for each in chat.messages] == [
        ("0.0", ""),
        ("0.1", ""),
        ("1.0", "0.1"),
        ("1.1", "0.1"),
        ("2.0", "1.0"),
        ("2.1", "1.0"),
    ]
    assert (chat.shown, chat.project, chat.is_pinned) == ("2.1", "Birds/Sea", True)
    assert conversations(path, "lm-studio")[0].id == chat.id


def test_tools_files_and_several_runs_of_a_model_are_kept(tmp_path: Path) -> None:
    run = {"identifier": "qwen", "stats": {"promptTokensCount": 5, "predictedTokensCount": 2, "totalTimeSec": 1.5}}
    stopped = {"stats": {"predictedTokensCount": 1, "stopReason": "userStopped"}}
    call = {"type": "toolCallRequest", "callId": 7, "name": "look", "parameters": {"at": "sky"}}
    answer = {"type": "toolCallResult", "callId": 7, "content": [words("blue")]}
    turns = [
        turn(user("see", content=[words("see"), {"type": "file", "fileIdentifier": "17-1.png", "fileType": "image"}])),
        turn(
            reply(
                block(words("hm"), style={"type": "thinking"}),
                block(words("I look."), call, genInfo=run),
                {"type": "toolStatus", "callId": 7},
                block(answer),
                block(words("Blue."), {"type": "hologram"}, genInfo=stopped),
                {"type": "newStep"},
            )
        ),
    ]
    saved(tmp_path / "conversations" / "2.conversation.json", messages=turns, userLastMessagedAt=1760000000000)
    (tmp_path / "user-files").mkdir()
    (tmp_path / "user-files" / "17-1.png").write_bytes(b"\x89PNG")
    (chat,) = conversations(tmp_path, "lm-studio")
    assert content(chat.messages[0].parts[1]) == b"\x89PNG"
    message = chat.messages[1]
    assert message.parts == [
        Text("I look."),
        ToolCall("look", {"at": "sky"}, "blue", id="7"),
        Text("Blue."),
        Unsupported("hologram", {"type": "hologram"}),
        Unsupported("newStep", {"type": "newStep"}),
    ]
    assert (message.model, message.reasoning, message.stopped) == ("qwen", "hm", True)
    assert (message.input_tokens, message.output_tokens, message.elapsed_ms) == (5, 3, 1500)
    assert chat.updated_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)


def test_other_json_is_left_alone_and_a_cut_file_is_named(tmp_path: Path) -> None:
    saved(tmp_path / "package.json", name="x", messages=[{"role": "user", "content": "hi"}])
    assert ("lm-studio", "package.json") not in sources(tmp_path)
    path = saved(tmp_path / "cut" / "3.conversation.json", messages=[turn(user("a")), turn(user("b" * 100))])
    path.write_text(path.read_text()[:-30])
    assert read(path, "lm-studio") == [Skipped("The file is not valid JSON.", where="3.conversation.json")]
    assert said(conversations(saved(path, messages=[turn(user("a"))]), "lm-studio")[0].messages[0]) == "a"

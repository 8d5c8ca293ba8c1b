"""Exports of the web page of llama.cpp."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reading import content, conversations, lines, said

CONV = {"id": "c1", "name": "Knots", "currNode": "m4", "lastModified": 1760000009000}


def node(number: str, parent: str | None, role: str, said: Any, **more: Any) -> dict[str, Any]:
    named = {"id": number, "convId": "c1", "type": "text", "timestamp": 1760000000000, "role": role, "content": said}
    return {**named, "parent": parent, "children": [], **more}


PICTURE = {"type": "IMAGE", "name": "a.png", "base64Url": "data:image/png;base64,iVBORw=="}
NODES = [
    node("r", None, "system", "", type="root"),
    node("s", "r", "system", "Be brief", type="system"),
    node("m1", "s", "user", "A knot?", extra=[{"type": "TEXT", "name": "a.txt", "content": "rope"}, {"type": "X"}]),
    node("m2", "m1", "assistant", "Bowline.", model="qwen", timings={"prompt_n": 9, "predicted_n": 3, "prompt_ms": 5}),
    node("m3", "m1", "assistant", "Hitch.", thinking="hm"),
    node(
        "m4",
        "m2",
        "user",
        "Why?",
        extra=[PICTURE],
    ),
]


@pytest.mark.parametrize("form", ["one", "many", "lines"])
def test_an_export_has_its_branches_and_files(tmp_path: Path, form: str) -> None:
    whole = {"conv": CONV, "messages": NODES}
    forms = {"one": [whole], "many": [[whole]], "lines": [CONV, *NODES]}
    (tmp_path / "export").write_text("\n".join(map(json.dumps, forms[form])))
    (chat,) = conversations(tmp_path, "llama-cpp")
    assert (chat.id, chat.title, chat.shown, chat.system_prompt) == ("c1", "Knots", "m4", "Be brief")
    assert chat.created_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert chat.updated_at == datetime(2025, 10, 9, 8, 53, 29, tzinfo=UTC)
    asked, first, second, last = chat.messages
    assert [each.parent for each in chat.messages] == ["", "m1", "m1", "m2"]
    assert (first.model, first.input_tokens, first.output_tokens, first.elapsed_ms) == ("qwen", 9, 3, 5)
    assert (second.reasoning, said(second)) == ("hm", "Hitch.")
    assert content(asked.parts[1]) == b"rope"
    assert getattr(asked.parts[2], "kind", "") == "X"
    assert content(last.parts[1]) == b"\x89PNG"[:4]


def test_an_export_that_does_not_know_its_last_message_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, [{**CONV, "currNode": ""}, *NODES[:4]])))
    (chat,) = conversations(tmp_path, "llama-cpp")
    assert chat.shown is None
    assert lines(chat) == [("user", "A knot?"), ("assistant", "Bowline.")]

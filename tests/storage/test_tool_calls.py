"""Tool calls as a message's metadata holds them, whatever another program wrote there."""

from __future__ import annotations

from typing import Any

import pytest

from sterna.storage.conversations.tool_calls import ToolCall, tool_calls, with_tool_calls


def test_calls_stand_between_the_pieces_of_the_text_in_order() -> None:
    calls = tool_calls(
        {
            "tool_calls": [
                {"name": "write", "arguments": {"path": "a.py"}, "result": "done", "at": 9},
                {"name": "read", "arguments": {"path": "a.py"}, "result": None, "at": 6},
                {"name": "list", "at": 6},
            ]
        }
    )
    pieces = with_tool_calls("First.\n\nSecond.", calls)
    assert [piece if isinstance(piece, str) else piece.name for piece in pieces] == [
        "First.", "read", "list", "S", "write", "econd.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [None, 7, "text", {}, [None, 1, "x", []], [{"name": 5, "arguments": float("inf"), "result": [], "at": -3}],
     [{"name": "x", "at": True, "is_error": "yes", "id": 3, "cut": "9"}], [{"name": "far", "at": 10**30}]],
)  # fmt: skip
def test_metadata_of_any_shape_is_read(given: Any) -> None:
    calls = tool_calls({"tool_calls": given})
    for call in calls:
        assert isinstance(call.subject, str)
        assert isinstance(call.arguments_text, str)
        assert call.at >= 0
        assert not call.is_error
    assert "".join(piece for piece in with_tool_calls("text", calls) if isinstance(piece, str)) == "text"


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [({"description": "List files", "command": "ls -la\n/tmp"}, "ls -la /tmp"),
     ({"a": 1, "b": [2]}, "a: 1, b: [2]"), ("plain\ntext", "plain text"), (None, ""), (["x"], '["x"]')],
)  # fmt: skip
def test_the_subject_is_the_most_telling_argument_on_one_line(arguments: Any, subject: str) -> None:
    assert ToolCall("shell", arguments).subject == subject

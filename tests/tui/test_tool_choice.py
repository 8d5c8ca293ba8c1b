"""Choice of tools, without a screen: whole servers, single tools, their count, and arguments to try one with."""

from __future__ import annotations

from typing import Any

import pytest
from fake_tools import BUILT_IN, FILES, LIST, READ, WEATHER

from sterna.tui.dialogs.tool_question import argument_blocks
from sterna.tui.dialogs.tool_trial import beginning
from sterna.tui.pickers.tool_choice import ToolChoice
from sterna.tui.tool_names import chosen_count, tool_names


def test_a_server_is_chosen_with_all_of_its_tools_and_without_one_of_them_the_others_stay() -> None:
    choice = ToolChoice(())
    choice.toggle_server(FILES)
    assert choice.names == ("files",)
    assert choice.has_server(FILES) is True
    assert choice.has_tool(FILES, READ)
    choice.toggle_tool(FILES, READ)
    assert choice.names == ("files__list",)
    assert choice.has_server(FILES) is None
    choice.toggle_tool(FILES, LIST)
    assert choice.has_server(FILES) is False
    choice.toggle_tool(FILES, READ)
    choice.toggle_server(FILES)
    assert choice.names == ("files",)
    choice.toggle_server(FILES)
    assert choice.names == ()


def test_tools_of_sterna_are_chosen_like_those_of_a_server() -> None:
    choice = ToolChoice(("gone__tool",))
    choice.toggle_server(BUILT_IN)
    assert choice.names == ("gone__tool", "built-in")
    choice.toggle_tool(BUILT_IN, BUILT_IN.tools[0])
    assert choice.has_server(BUILT_IN) is None
    choice.toggle_name("gone__tool")
    assert choice.names == ("fetch",)
    choice.toggle_name("gone__tool")
    assert choice.names == ("fetch", "gone__tool")


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ([], (0, 0)),
        (["files"], (2, 0)),
        (["files", "files__list", "fetch"], (3, 0)),
        (["weather"], (0, 1)),
        (["weather__forecast", "weather", "read"], (2, 1)),
        (["gone"], (1, 0)),
    ],
)
def test_the_chosen_tools_are_counted_and_servers_whose_tools_are_not_known(
    chosen: list[str], count: tuple[int, int]
) -> None:
    assert chosen_count(chosen, [FILES, WEATHER, BUILT_IN]) == count


def test_a_name_has_its_server_before_two_underscores() -> None:
    assert tool_names("files__read_file__raw") == ("files", "read_file__raw")
    assert tool_names("fetch") == ("", "fetch")


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({}, {}),
        ({"properties": "none"}, {}),
        ({"properties": {"path": {"type": "string"}, "n": {"type": "integer"}}, "required": ["n"]}, {"n": 0}),
        ({"properties": {"a": {"default": [1]}, "b": {"enum": ["x", "y"]}, "c": True}}, {"a": [1], "b": "x", "c": ""}),
        (
            {"properties": {"d": {"type": ["string", "null"]}, "e": {"type": "object"}}, "required": 3},
            {"d": "", "e": {}},
        ),
    ],
)
def test_a_tool_is_tried_with_what_its_schema_asks_for(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert beginning(schema) == arguments


def test_a_question_shows_every_argument_whole_and_no_value_passes_for_a_name() -> None:
    hidden = "x" * 300_000
    blocks = argument_blocks(
        {"path\n\x1b[2J": "a\u202eb\ncommand\n  rm", "deep": {"list": [1, "é"]}, "text": hidden, "": " "}
    )
    rows = [block.row(60, number) for block in blocks for number in range(min(20, block.height(60)))]
    shown = [row.prefix.plain + "".join(piece.content.plain for piece in row.pieces) for row in rows]
    assert shown[:4] == ["path [2J", "  a‹RLO›b", "  command", "    rm"]
    assert "  rm" not in shown
    assert '    "list": [' in shown
    assert '      "é"' in shown
    assert sum(len(line) for block in blocks for line in block.lines) > len(hidden)
    assert shown[-1] == "  “ ”"

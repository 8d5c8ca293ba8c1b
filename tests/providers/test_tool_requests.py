"""Calls of tools are the same however a server cuts and numbers their pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sterna.providers import ToolRequest
from sterna.providers.tool_requests import MAX_CALLS, ToolRequestCollector

OFFERED = ("look", "list_files")
ARGUMENTS = st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers() | st.none(), max_size=3)
NAMES = ("tool_calls", "function", "name", "arguments", "id", "index", "function_call")
CALLS = st.lists(st.tuples(st.sampled_from(OFFERED), ARGUMENTS), min_size=1, max_size=4)


def collected(pieces: list[dict[str, Any]]) -> tuple[ToolRequest, ...]:
    collector = ToolRequestCollector(OFFERED)
    for piece in pieces:
        collector.add({"tool_calls": [piece]})
    return collector.requests()


@given(CALLS, st.data())
def test_pieces_of_several_calls_become_the_calls(calls: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    has_index, repeats = data.draw(st.booleans(), "numbered"), data.draw(st.booleans(), "name and id with each piece")
    queues: list[list[dict[str, Any]]] = []
    for number, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
        queues.append([])
        for start, end in pairwise([0, *sorted(cuts), len(text)]):
            function: dict[str, Any] = {"arguments": text[start:end]}
            piece: dict[str, Any] = {"function": function} | ({"index": number} if has_index else {})
            if repeats or not queues[-1]:
                function["name"], piece["id"] = name, f"c{number}"
            elif not has_index:
                piece["id"] = f"c{number}"
            queues[-1].append(piece)
    opened = [queue.pop(0) for queue in queues]
    pieces = opened + [
        queue.pop(0) for queue in data.draw(st.permutations([queue for queue in queues for _ in queue]), "order")
    ]
    found = collected(pieces)
    assert [(call.id, call.name, json.loads(call.arguments)) for call in found] == [
        (f"c{number}", name, arguments) for number, (name, arguments) in enumerate(calls)
    ]


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
        max_leaves=12,
    )
)
def test_nothing_that_a_server_sends_breaks_the_collector(value: Any) -> None:
    collector = ToolRequestCollector(OFFERED)
    for message in ({"tool_calls": value}, {"function_call": value}, value if isinstance(value, dict) else {}):
        collector.add(message)
    assert all(isinstance(call.arguments, str) and call.name for call in collector.requests())


def test_a_flood_of_calls_ends() -> None:
    flood = [{"id": f"c{number}", "function": {"name": "look", "arguments": "{}"}} for number in range(MAX_CALLS + 9)]
    assert len(collected(flood)) == MAX_CALLS

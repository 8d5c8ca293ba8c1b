"""Tool calls within a reply: a line each, opened and closed by key and click."""

from __future__ import annotations

import time
from pathlib import Path

from transcript_screen import Reading, reading

from sterna.chat import ToolAsk
from sterna.providers import Tool
from sterna.storage import Settled

CALLS = [
    {"name": "search", "arguments": {"query": "tern eggs"}, "result": "two [b]or[/b] three\x1b[31m", "at": 11},
    {"name": "shell", "arguments": {"command": "ls nest"}, "result": "no such file", "is_error": True, "at": 11},
    {"name": "wait", "at": 11},
    {"name": "send", "at": 11, "result": "The person did not allow this call. Not now.", "is_error": True},
]


async def reply_with_calls(person: Reading, reasoning: str = "") -> None:
    begun, reply = await person.begin(None, "How many eggs?")
    text = "I look it up.\n\nThere are *three*.\n\n```\nnest\n```"
    settled = Settled("done", text, reasoning=reasoning, metadata={"tool_calls": [{**c, "at": 13} for c in CALLS]})
    await person.settle(reply, settled)
    await person.show(begun.session.id)


def row(person: Reading, text: str) -> int:
    return next(number for number, line in enumerate(person.rows) if text in line)


async def test_calls_are_lines_at_their_place_and_open_by_click(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await reply_with_calls(person)
        first, second, third = (row(person, f"▸ {name}") for name in ("search", "shell", "wait"))
        assert row(person, "I look it up.") < first
        assert (second, third) == (first + 1, first + 2)
        assert row(person, "There are three.") > third
        assert "tern eggs" in person.rows[first]
        assert "✗ failed" in person.rows[second]
        assert "no result" in person.rows[third]
        assert "✗ not allowed" in person.rows[row(person, "▸ send")]
        assert "two" not in person.screen
        await person.pilot.click(person.views[-1], offset=(4, first - row(person, "Assistant")))
        await person.sees("▾ search", "query: tern eggs", "two [b]or[/b] three")
        assert "no such file" not in person.screen
        assert "\x1b" not in person.screen


async def test_one_key_opens_reasoning_and_calls_and_closes_them(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await reply_with_calls(person, reasoning="Let me think.")
        person.transcript.focus()
        await person.press("o")
        await person.sees("Let me think.", "no such file", "▾ wait")
        await person.press("o")
        assert "no such file" not in person.screen
        assert "Let me think." not in person.screen


async def test_a_summary_of_earlier_messages_is_a_folded_part_of_the_reply_it_was_made_for(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "How many eggs?")
        metadata = {"summary": "They spoke of [b]terns[/b].", "summarised": 24}
        await person.settle(reply, Settled("done", "Three.", metadata=metadata))
        await person.show(begun.session.id)
        line = row(person, "▸ Summary of 24 earlier messages")
        assert line < row(person, "Three.")
        assert "They spoke" not in person.screen
        await person.pilot.click(person.views[-1], offset=(4, line - row(person, "Assistant")))
        await person.sees("They spoke of [b]terns[/b].")


async def test_code_below_a_call_is_copied_as_code(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await reply_with_calls(person)
        assert [block.code for block in person.views[-1].code_blocks] == ["nest"]
        assert person.views[-1].content.startswith("I look it up.\n\nThere are *three*.")


async def test_a_call_is_followed_while_the_reply_arrives_and_stays_open_when_it_settles(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "How many eggs?")
        await person.show(begun.session.id)
        person.transcript.attach(reply)
        arguments = {"query": "tern eggs"}
        calls = [{"name": name, "arguments": arguments, "id": name, "at": 13} for name in ("search", "count")]
        reply.add("I look it up.\n\n")
        reply.details["tool_calls"] = calls
        reply.asking = ToolAsk("search", begun.session.id, reply.id, Tool("search", "", {}), arguments)
        reply.version += 1
        await person.sees("▸ search  tern eggs  waits for your answer", "▸ count  tern eggs  waits")
        reply.asking, reply.call_started, reply.progress = None, time.monotonic() - 61, "2 of 3\x1b[0m [b]"
        await person.sees("▸ search  tern eggs  running… 61 s  2 of 3[0m [b]")
        await person.pilot.click(person.views[-1], offset=(4, row(person, "▸ search") - row(person, "Assistant")))
        await person.sees("query: tern eggs")
        reply.details["tool_calls"] = [{**calls[0], "result": "no such nest", "is_error": True}, calls[1]]
        reply.call_started = 0
        reply.add("There are")
        await person.sees("▾ search  tern eggs  ✗ failed", "no such nest", "There are")
        metadata = {"tool_calls": [{**call, "result": "three"} for call in calls]}
        await person.settle(reply, Settled("done", "I look it up.\n\nThere are *three*.", metadata=metadata))
        await person.sees("▾ search  tern eggs", "There are three.")
        assert "running" not in person.screen
        assert (
            row(person, "I look it up.") < row(person, "▾ search") < row(person, "▸ count") < row(person, "There are")
        )

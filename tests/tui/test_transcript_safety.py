"""No text of users or models can control the terminal or the application."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from transcript_app import open_transcript

from sterna.storage import Messages, Settled

HOSTILE = [
    "\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07 \x1b]8;;http://e.org\x1b\\x\x1b]8;;\x1b\\",
    "\x9b31m \x90q\x9c \x85 \x7f \x00 \x08\x08",
    "[bold]x[/] [/x] [@click=app.quit]press[/] [link=file:///etc/passwd]y[/link] [on red",
    "\u202eesrever\u202c \u2066x\u2069 \u200b\ufeff",
    "&#27;[31m &#x9b;31m &#155; `\x1b[31m` [x](\x1b[31m) ![\x1b](\x1b) | \x1b | \x1b |\n|---|---|",
    "```\x1b[31m\n\x1b[31m\x9b\n```\n\n# \x1b]0;title\x07\n\n> \x1bc",
    "\ud800 lone \udfff",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_reaches_no_terminal(tmp_path: Path, text: str) -> None:
    async with open_transcript(tmp_path, (60, 40)) as reader:
        begun, reply = await reader.begin(None, text)
        reader.transcript.attach(reply)
        await reader.show(begun.session.id)
        reply.add(text, reasoning=True)
        reply.add(text)
        await reader.until(lambda: reader.views[-1].content)
        reader.transcript.focus()
        await reader.press("o")
        await reader.settle(reply, Settled("failed", text, model=text, reasoning=text, error_message=text))
        await reader.until(lambda: not reader.views[-1].is_live)
        await reader.wait_until_idle()
        strips = reader.app.screen._compositor.render_strips()
        for segment in (segment for strip in strips for segment in strip):
            assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in segment.text), repr(segment.text)
            assert not any(char in "\u202e\u2066\u200b\ufeff" for char in segment.text)
            if segment.style is not None:
                assert "@click" not in segment.style.meta
                assert (segment.style.link or "http://").startswith("http")


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_copied_as_it_is_stored(tmp_path: Path, text: str) -> None:
    async with open_transcript(tmp_path, (60, 40)) as reader:
        session = await reader.add_conversation([("question", f"{text} end")])
        await reader.show(session.id)
        stored = (await reader.store.run(Messages.before, session.id, None, 1))[0].content
        reader.transcript.focus()
        await reader.press("c")
        assert reader.app.clipboard == stored


async def test_a_message_of_many_megabytes_opens(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation([("line\n" * 400_000, "seen " * 400_000 + "the end")])
        await reader.show(session.id)
        assert "the end" in reader.screen
        reader.transcript.focus()
        await reader.press("g")
        assert "line" in reader.screen


async def test_it_works_in_the_smallest_windows(tmp_path: Path) -> None:
    async with open_transcript(tmp_path, (40, 10)) as reader:
        session = await reader.add_conversation(
            [("# A question\n\n| a | b |", "1. one\n   ```py\n   code\n   ```\n\n> quote\n\n| a | b |\n|-|-|")]
        )
        await reader.show(session.id)
        for size in ((20, 5), (10, 3), (4, 2), (2, 2), (1, 1), (40, 10)):
            await reader.pilot.resize_terminal(*size)
            await reader.wait_until_idle()
        assert "quote" in reader.screen

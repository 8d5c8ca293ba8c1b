"""Nothing that a person or a model writes can command the terminal or the app."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from transcript_screen import reading

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
    async with reading(tmp_path, (60, 40)) as person:
        begun, reply = await person.begin(None, text)
        person.transcript.attach(reply)
        await person.show(begun.session.id)
        reply.add(text, reasoning=True)
        reply.add(text)
        await person.until(lambda: person.views[-1].content)
        person.transcript.focus()
        await person.press("o")
        await person.settle(reply, Settled("failed", text, model=text, reasoning=text, error_message=text))
        await person.until(lambda: not person.views[-1].is_live)
        await person.settled()
        strips = person.app.screen._compositor.render_strips()
        for segment in (segment for strip in strips for segment in strip):
            assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in segment.text), repr(segment.text)
            assert not any(char in "\u202e\u2066\u200b\ufeff" for char in segment.text)
            if segment.style is not None:
                assert "@click" not in segment.style.meta
                assert (segment.style.link or "http://").startswith("http")


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_copied_as_it_is_kept(tmp_path: Path, text: str) -> None:
    async with reading(tmp_path, (60, 40)) as person:
        session = await person.talk([("question", f"{text} end")])
        await person.show(session.id)
        kept = (await person.store.run(Messages.before, session.id, None, 1))[0].content
        person.transcript.focus()
        await person.press("c")
        assert person.app.clipboard == kept


async def test_a_message_of_many_megabytes_opens(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk([("line\n" * 400_000, "seen " * 400_000 + "the end")])
        await person.show(session.id)
        assert "the end" in person.screen
        person.transcript.focus()
        await person.press("g")
        assert "line" in person.screen


async def test_it_works_in_the_smallest_windows(tmp_path: Path) -> None:
    async with reading(tmp_path, (40, 10)) as person:
        session = await person.talk(
            [("# A question\n\n| a | b |", "1. one\n   ```py\n   code\n   ```\n\n> quote\n\n| a | b |\n|-|-|")]
        )
        await person.show(session.id)
        for size in ((20, 5), (10, 3), (4, 2), (2, 2), (1, 1), (40, 10)):
            await person.pilot.resize_terminal(*size)
            await person.settled()
        await person.sees("quote")

"""A reply on the screen from its first word to its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from transcript_app import TranscriptReader, open_transcript

from sterna.storage import LiveReplies, Message, Settled, Store, Trash
from sterna.storage.records import Role
from sterna.tui.transcript import MessageOptions
from sterna.tui.transcript.message_view import MessageView
from sterna.tui.transcript.parts import footer


def last(reader: TranscriptReader) -> MessageView:
    return reader.views[-1]


async def test_a_reply_is_seen_while_it_arrives_and_stays_when_it_settles(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(1)
        await reader.show(session.id)
        _, reply = await reader.begin(session.id, "and then?")
        reader.transcript.attach(reply)
        await reader.sees("and then?", "···")
        reply.add("Then **this")
        await reader.sees("Then this")
        view = last(reader)
        reply.add("** happened.")
        await reader.sees("Then this happened.")
        rows = [row for row in reader.rows if "Then this happened." in row]
        await reader.settle(reply, Settled("done", reply.content, model="test/small", output_tokens=5, elapsed_ms=900))
        await reader.sees("5 tokens · 0.9 s")
        assert last(reader) is view
        assert [row for row in reader.rows if "Then this happened." in row] == rows
        ticker = reader.transcript._ticker
        assert ticker is not None
        await reader.until(lambda: not ticker._active.is_set())


async def test_the_end_of_a_growing_reply_is_followed(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(10)
        await reader.show(session.id)
        _, reply = await reader.begin(session.id, "go on")
        reader.transcript.attach(reply)
        for number in range(60):
            reply.add(f"line {number}\n\n")
        await reader.sees("line 59")


async def test_a_reader_above_stays_there_and_sees_a_hint(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(10)
        await reader.show(session.id)
        _, reply = await reader.begin(session.id, "go on")
        reader.transcript.attach(reply)
        reply.add("first line\n\n")
        await reader.sees("first line")
        reader.transcript.messages.jump(5)
        await reader.wait_until_idle()
        rows = reader.rows
        for number in range(60):
            reply.add(f"line {number}\n\n")
        await reader.sees("↓ new messages")
        assert reader.rows[:22] == rows[:22]
        reader.transcript.focus()
        await reader.press("G")
        await reader.sees("line 59")
        await reader.until(lambda: "↓ new messages" not in reader.screen)


async def test_a_reply_goes_on_while_another_conversation_is_read(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        one, two = await reader.add_conversation(1), await reader.add_conversation([("elsewhere", "there")])
        await reader.show(one.id)
        _, reply = await reader.begin(one.id, "go on")
        reader.transcript.attach(reply)
        reply.add("Begun")
        await reader.sees("Begun")
        await reader.show(two.id)
        reply.add(" and continued")
        assert "Begun" not in reader.screen
        await reader.show(one.id)
        await reader.sees("Begun and continued")
        await reader.show(two.id)
        await reader.settle(reply, Settled("done", "Begun and continued and ended."))
        assert "ended" not in reader.screen
        await reader.show(one.id)
        await reader.sees("Begun and continued and ended.")
        assert not last(reader).is_live


async def test_a_reply_shown_from_the_file_is_taken_over_when_it_is_attached(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        begun, reply = await reader.begin(None, "a new conversation")
        await reader.store.run(LiveReplies.save, reply.id, "saved", "")
        await reader.show(begun.session.id)
        assert "saved" in reader.screen
        reply.add("saved and more")
        reader.transcript.attach(reply)
        await reader.sees("saved and more")
        assert reader.texts == ["a new conversation", "saved and more"]


async def test_thinking_is_folded_and_unfolds(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        begun, reply = await reader.begin(None, "think")
        await reader.show(begun.session.id)
        reader.transcript.attach(reply)
        reply.add("because of this", reasoning=True)
        await reader.sees("▸ Thinking…")
        assert "because of this" not in reader.screen
        reply.add("So.")
        await reader.settle(reply, Settled("done", "So.", reasoning="because of this", metadata={"reasoning_ms": 4200}))
        await reader.sees("▸ Thought for 4.2 s", "So.")
        reader.transcript.focus()
        await reader.press("o")
        assert "▾ Thought for 4.2 s" in reader.screen
        assert "because of this" in reader.screen
        row = next(y for y, text in enumerate(reader.rows) if "▾ Thought" in text)
        await reader.pilot.click(offset=(5, row))
        await reader.until(lambda: "because of this" not in reader.screen)


@pytest.mark.parametrize(("role", "notes"), [("assistant", 1), ("user", 0), ("system", 0)])
def test_only_a_reply_says_what_it_cost(role: Role, notes: int) -> None:
    at = "2026-01-01T00:00:00.000000Z"
    message = Message("m", "s", role, "words", at, total_tokens=9, output_tokens=7, elapsed_ms=2_000)
    assert len(footer(message, MessageOptions())) == notes


async def test_the_end_of_a_reply_is_shown_with_what_to_do(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        begun, reply = await reader.begin(None, "one")
        await reader.show(begun.session.id)
        await reader.settle(reply, Settled("stopped", "Half of"))
        await reader.sees("Half of", "(stopped)")
        _, reply = await reader.begin(begun.session.id, "two")
        await reader.settle(reply, Settled("interrupted", "A part"))
        await reader.sees("A part", "Interrupted. Only part of the reply arrived.")
        _, reply = await reader.begin(begun.session.id, "three")
        await reader.settle(reply, Settled("failed", "", error_message="The network is down. Check it."))
        await reader.sees("✗ The network is down. Check it.  r to retry")
        _, reply = await reader.begin(begun.session.id, "four")
        await reader.settle(reply, Settled("stopped", ""))
        await reader.sees("(stopped)  r to retry")


async def test_a_failed_reply_keeps_what_has_arrived(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        begun, reply = await reader.begin(None, "one")
        await reader.show(begun.session.id)
        await reader.settle(reply, Settled("failed", "Some words", error_message="The stream broke off."))
        await reader.sees("Some words", "✗ The stream broke off.")


async def test_a_reply_deleted_while_it_arrives_goes_away(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        begun, reply = await reader.begin(None, "one")
        await reader.show(begun.session.id)
        reader.transcript.attach(reply)
        reply.add("some words")
        await reader.sees("some words")
        await reader.store.run(Trash.delete_message, begun.user_message.id)
        await reader.store.run(drop_live, reply.id)
        reply.running = False
        await reader.until(lambda: "some words" not in reader.screen)
        await reader.sees("No messages yet.")


def drop_live(store: Store, reply_id: str) -> None:
    """Delete a conversation's live reply as deleting the conversation does."""
    with store.db.write():
        store.db.execute("delete from live_replies where id = :id", {"id": reply_id})


async def test_a_retried_reply_gives_way_to_the_new_one(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(1)
        await reader.show(session.id)
        old = last(reader).message_id
        begun = await reader.store.run(LiveReplies.begin_retry, old)
        await reader.sees("answer 0", "···")
        await reader.store.run(LiveReplies.settle, begun.reply.id, Settled("done", "another reply"))
        await reader.sees("question 0", "another reply", "2 versions  v to show another")
        await reader.until(lambda: "answer 0" not in reader.screen)

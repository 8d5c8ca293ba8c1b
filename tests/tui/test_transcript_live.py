"""A reply on the screen from its first word to its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from transcript_screen import Reading, reading

from sterna.storage import LiveReplies, Message, Settled, Store, Trash
from sterna.storage.records import Role
from sterna.tui.transcript import MessageOptions
from sterna.tui.transcript.message_view import MessageView
from sterna.tui.transcript.parts import footer


def last(person: Reading) -> MessageView:
    return person.views[-1]


async def test_a_reply_is_seen_while_it_arrives_and_stays_when_it_settles(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(1)
        await person.show(session.id)
        _, reply = await person.begin(session.id, "and then?")
        person.transcript.attach(reply)
        await person.sees("and then?", "···")
        reply.add("Then **this")
        await person.sees("Then this")
        view = last(person)
        reply.add("** happened.")
        await person.sees("Then this happened.")
        rows = [row for row in person.rows if "Then this happened." in row]
        await person.settle(reply, Settled("done", reply.content, model="test/small", output_tokens=5, elapsed_ms=900))
        await person.sees("5 tokens · 0.9 s")
        assert last(person) is view
        assert [row for row in person.rows if "Then this happened." in row] == rows
        ticker = person.transcript._ticker
        assert ticker is not None
        await person.until(lambda: not ticker._active.is_set())


async def test_the_end_of_a_growing_reply_is_followed(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(10)
        await person.show(session.id)
        _, reply = await person.begin(session.id, "go on")
        person.transcript.attach(reply)
        for number in range(60):
            reply.add(f"line {number}\n\n")
        await person.sees("line 59")


async def test_one_who_reads_above_is_left_there_and_told(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(10)
        await person.show(session.id)
        _, reply = await person.begin(session.id, "go on")
        person.transcript.attach(reply)
        reply.add("first line\n\n")
        await person.sees("first line")
        person.transcript.messages.jump(5)
        await person.settled()
        rows = person.rows
        for number in range(60):
            reply.add(f"line {number}\n\n")
        await person.sees("↓ new messages")
        assert person.rows[:22] == rows[:22]
        person.transcript.focus()
        await person.press("G")
        await person.sees("line 59")
        await person.until(lambda: "↓ new messages" not in person.screen)


async def test_a_reply_goes_on_while_another_conversation_is_read(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        one, two = await person.talk(1), await person.talk([("elsewhere", "there")])
        await person.show(one.id)
        _, reply = await person.begin(one.id, "go on")
        person.transcript.attach(reply)
        reply.add("Begun")
        await person.sees("Begun")
        await person.show(two.id)
        reply.add(" and continued")
        assert "Begun" not in person.screen
        await person.show(one.id)
        await person.sees("Begun and continued")
        await person.show(two.id)
        await person.settle(reply, Settled("done", "Begun and continued and ended."))
        assert "ended" not in person.screen
        await person.show(one.id)
        await person.sees("Begun and continued and ended.")
        assert not last(person).is_live


async def test_a_reply_shown_from_the_file_is_taken_over_when_it_is_attached(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "a new conversation")
        await person.store.run(LiveReplies.save, reply.id, "saved", "")
        await person.show(begun.session.id)
        assert "saved" in person.screen
        reply.add("saved and more")
        person.transcript.attach(reply)
        await person.sees("saved and more")
        assert person.texts == ["a new conversation", "saved and more"]


async def test_thinking_is_folded_and_unfolds(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "think")
        await person.show(begun.session.id)
        person.transcript.attach(reply)
        reply.add("because of this", reasoning=True)
        await person.sees("▸ Thinking…")
        assert "because of this" not in person.screen
        reply.add("So.")
        await person.settle(reply, Settled("done", "So.", reasoning="because of this", metadata={"reasoning_ms": 4200}))
        await person.sees("▸ Thought for 4.2 s", "So.")
        person.transcript.focus()
        await person.press("o")
        assert "▾ Thought for 4.2 s" in person.screen
        assert "because of this" in person.screen
        row = next(y for y, text in enumerate(person.rows) if "▾ Thought" in text)
        await person.pilot.click(offset=(5, row))
        await person.until(lambda: "because of this" not in person.screen)


@pytest.mark.parametrize(("role", "notes"), [("assistant", 1), ("user", 0), ("system", 0)])
def test_only_a_reply_says_what_it_cost(role: Role, notes: int) -> None:
    at = "2026-01-01T00:00:00.000000Z"
    message = Message("m", "s", role, "words", at, total_tokens=9, output_tokens=7, elapsed_ms=2_000)
    assert len(footer(message, MessageOptions())) == notes


async def test_how_a_reply_ended_is_said_with_what_to_do(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "one")
        await person.show(begun.session.id)
        await person.settle(reply, Settled("stopped", "Half of"))
        await person.sees("Half of", "(stopped)")
        _, reply = await person.begin(begun.session.id, "two")
        await person.settle(reply, Settled("interrupted", "A part"))
        await person.sees("A part", "Interrupted. Only part of the reply arrived.")
        _, reply = await person.begin(begun.session.id, "three")
        await person.settle(reply, Settled("failed", "", error_message="The network is down. Check it."))
        await person.sees("✗ The network is down. Check it.  r to retry")
        _, reply = await person.begin(begun.session.id, "four")
        await person.settle(reply, Settled("stopped", ""))
        await person.sees("(stopped)  r to retry")
        assert person.screen.count("r to retry") == 1, "only below the last reply, to which the key applies"


async def test_a_failed_reply_keeps_what_came(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "one")
        await person.show(begun.session.id)
        await person.settle(reply, Settled("failed", "Some words", error_message="The stream broke off."))
        await person.sees("Some words", "✗ The stream broke off.")


async def test_a_reply_deleted_while_it_arrives_goes_away(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        begun, reply = await person.begin(None, "one")
        await person.show(begun.session.id)
        person.transcript.attach(reply)
        reply.add("some words")
        await person.sees("some words")
        await person.store.run(Trash.delete_message, begun.user_message.id)
        await person.store.run(drop_live, reply.id)
        reply.running = False
        await person.until(lambda: "some words" not in person.screen)
        await person.sees("No messages yet.")


def drop_live(store: Store, reply_id: str) -> None:
    """What deleting a conversation does to a reply that arrives in it."""
    with store.db.write():
        store.db.execute("delete from live_replies where id = :id", {"id": reply_id})


async def test_a_retried_reply_gives_way_to_the_new_one(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(1)
        await person.show(session.id)
        old = last(person).message_id
        begun = await person.store.run(LiveReplies.begin_retry, old)
        await person.sees("answer 0", "···")
        await person.store.run(LiveReplies.settle, begun.reply.id, Settled("done", "another reply"))
        await person.sees("question 0", "another reply", "‹ 2 of 2 ›")
        await person.until(lambda: "answer 0" not in person.screen)

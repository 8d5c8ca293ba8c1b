"""A conversation of any length on the screen, and the place of the reader in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from transcript_screen import reading

from sterna.storage import Change, Messages, Search, Store, Trash
from sterna.tui.transcript.source import PAGE, WINDOW


async def test_a_conversation_opens_at_its_end(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(3)
        await person.show(session.id)
        assert "answer 2" in person.screen
        assert person.texts == [f"{kind} {n}" for n in range(3) for kind in ("question", "answer")]


async def test_no_conversation_says_how_to_begin_one(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        await person.show(None)
        assert "No messages yet." in person.screen
        await person.show((await person.talk(1)).id)
        assert "No messages yet." not in person.screen


async def test_a_long_conversation_mounts_only_a_page_and_reads_on_when_scrolled(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(120)
        await person.show(session.id)
        assert len(person.views) <= 2 * PAGE
        person.transcript.focus()
        for _ in range(20):
            if "question 0" in person.texts:
                break
            person.transcript.messages.jump(0)
            await person.settled()
            assert len(person.views) <= WINDOW
        assert person.texts[0] == "question 0"
        assert "answer 119" not in person.texts
        await person.press("G")
        await person.sees("answer 119")


async def test_the_row_being_read_stays_where_it_is_when_older_messages_come(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(100)
        await person.show(session.id)
        column, pages = person.transcript.messages, 0
        while pages < 2:
            first, rows = person.views[0], person.rows
            column.jump(column.scroll_offset.y - 10)
            frames = [person.rows]
            while any(worker.is_running for worker in person.app.workers):
                await person.pilot.pause(0)
                frames.append(person.rows)
            await person.settled()
            frames.append(person.rows)
            assert all(shown == rows or shown[10:23] == rows[:13] for shown in frames)
            pages += person.views[0] is not first


async def test_jumping_to_a_message_in_the_middle_shows_it_marked_with_what_led_to_it(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(80)
        found = (await person.store.run(Search.search, "question 40", limit=1, session_id=session.id))[0]
        await person.show(session.id, at=found.message_id)
        assert "question 40" in person.screen
        assert "answer 39" in person.screen
        view = person.transcript.selected_message
        assert view is not None
        assert view.content == "question 40"


async def test_from_a_jump_one_can_read_on_to_both_ends(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(100)
        middle = (await person.store.run(Messages.after, session.id, None, 200))[100]
        await person.show(session.id, at=middle.id)
        person.transcript.focus()
        await person.press("g")
        await person.sees("question 0")
        assert "question 0" in person.texts
        await person.press("G")
        await person.sees("answer 99")
        assert not person.transcript.unseen


async def test_going_down_from_a_jump_arrives_at_the_end(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(45)
        middle = (await person.store.run(Messages.after, session.id, None, 200))[20]
        await person.show(session.id, at=middle.id)
        person.transcript.focus()
        for _ in range(100):
            await person.press("pagedown")
            if "answer 44" in person.screen:
                break
        assert "answer 44" in person.screen


async def test_the_place_is_kept_when_the_window_changes_its_size(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        words = " ".join(f"word{n}" for n in range(300))
        session = await person.talk([(f"question {n}", words) for n in range(4)])
        await person.show(session.id)
        column = person.transcript.messages
        column.jump(30)
        await person.settled()
        first = person.rows[0].split()[0]
        for size in ((50, 20), (120, 40), (41, 15), (80, 24)):
            await person.pilot.resize_terminal(*size)
            await person.settled()
            assert first in person.rows[0], size


async def test_the_end_stays_in_view_when_the_window_changes_its_size(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk([("question", "word " * 200 + "end.")] * 3)
        await person.show(session.id)
        for size in ((45, 20), (120, 30), (40, 10)):
            await person.pilot.resize_terminal(*size)
            await person.settled()
            assert "end." in person.screen, size


async def test_a_conversation_is_found_where_it_was_left(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        long, other = await person.talk(60), await person.talk([("elsewhere", "there")])
        await person.show(long.id)
        person.transcript.messages.jump(20)
        await person.settled()
        rows = person.rows
        await person.show(other.id)
        assert "elsewhere" in person.screen
        await person.show(long.id)
        assert person.rows == rows


async def test_what_comes_late_for_another_conversation_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(tmp_path) as person:
        one, two = await person.talk([("first", "one")]), await person.talk([("second", "two")])
        arrived, run = asyncio.Event(), person.store.run

        async def slow(method: Callable[..., object], *args: object) -> object:
            if one.id in args:
                await arrived.wait()
            return await run(method, *args)

        monkeypatch.setattr(person.store, "run", slow)
        shown: list[str | None] = []
        person.app.watch(person.transcript, "session_id", lambda session_id: shown.append(session_id))
        both = [asyncio.create_task(person.transcript.show(session.id)) for session in (one, two)]
        await person.pilot.pause()
        arrived.set()
        await asyncio.gather(*both)
        person.transcript.refresh_session(Change(frozenset({one.id})))
        await person.settled()
        assert person.texts == ["second", "two"]
        assert one.id not in shown


async def test_switching_fast_ends_at_the_last_one(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        sessions = [await person.talk([(f"question {n}", f"answer {n}")]) for n in range(6)]
        await asyncio.gather(*(person.transcript.show(session.id) for session in sessions))
        await person.settled()
        assert person.texts == ["question 5", "answer 5"]
        assert len(person.transcript.messages.children) == 2


async def test_a_message_added_edited_or_deleted_is_seen(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(2)
        await person.show(session.id)
        views = person.views
        await person.talk([("new question", "new answer")], session.id)
        await person.sees("new question", "new answer")
        await person.store.run(Messages.edit, views[1].message_id, "edited answer")
        await person.sees("edited answer")
        await person.store.run(Trash.delete_message, views[0].message_id)
        await person.until(lambda: "question 0" not in person.screen)
        assert person.views[:3] == views[1:]


async def test_another_terminals_changes_are_seen(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(1)
        await person.show(session.id)
        other = Store.open(person.path)
        begun = other.live_replies.begin_turn(session.id, "from elsewhere", model="test/large")
        other.live_replies.save(begun.reply.id, "half a rep", "")
        person.transcript.refresh_session(Change(elsewhere=True))
        await person.sees("from elsewhere", "half a rep")
        other.live_replies.save(begun.reply.id, "half a reply", "")
        person.transcript.refresh_session(Change(elsewhere=True))
        await person.sees("half a reply")
        other.close()


async def test_the_reader_is_told_of_new_messages_below(tmp_path: Path) -> None:
    async with reading(tmp_path) as person:
        session = await person.talk(30)
        await person.show(session.id)
        person.transcript.messages.jump(10)
        await person.settled()
        rows = person.rows
        await person.talk([("new question", "new answer")], session.id)
        await person.sees("↓ new messages")
        assert person.rows[:20] == rows[:20]
        await person.pilot.click("#transcript-new")
        await person.sees("new answer")
        assert "↓ new messages" not in person.screen

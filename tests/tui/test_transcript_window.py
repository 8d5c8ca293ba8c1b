"""A conversation of any length on the screen, and the position of the reader in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from transcript_app import open_transcript

from sterna.storage import Change, Messages, Search, Store, Trash
from sterna.tui.transcript.source import PAGE, WINDOW


async def test_a_conversation_opens_at_its_end(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(3)
        await reader.show(session.id)
        assert "answer 2" in reader.screen
        assert reader.texts == [f"{kind} {n}" for n in range(3) for kind in ("question", "answer")]


async def test_no_conversation_says_how_to_begin_one(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        await reader.show(None)
        assert "No messages yet." in reader.screen
        await reader.show((await reader.add_conversation(1)).id)
        assert "No messages yet." not in reader.screen


async def test_a_long_conversation_mounts_only_a_page_and_reads_on_when_scrolled(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(120)
        await reader.show(session.id)
        assert len(reader.views) <= 2 * PAGE
        reader.transcript.focus()
        for _ in range(20):
            if "question 0" in reader.texts:
                break
            reader.transcript.messages.jump(0)
            await reader.wait_until_idle()
            assert len(reader.views) <= WINDOW
        assert reader.texts[0] == "question 0"
        assert "answer 119" not in reader.texts
        await reader.press("G")
        await reader.sees("answer 119")


async def test_the_row_being_read_stays_where_it_is_when_older_messages_come(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(100)
        await reader.show(session.id)
        column, pages = reader.transcript.messages, 0
        while pages < 2:
            first, rows = reader.views[0], reader.rows
            column.jump(column.scroll_offset.y - 10)
            frames = [reader.rows]
            while any(worker.is_running for worker in reader.app.workers):
                await reader.pilot.pause(0)
                frames.append(reader.rows)
            await reader.wait_until_idle()
            frames.append(reader.rows)
            assert all(shown == rows or shown[10:23] == rows[:13] for shown in frames)
            pages += reader.views[0] is not first


async def test_jumping_to_a_message_in_the_middle_shows_it_marked_with_what_led_to_it(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(80)
        hit = (await reader.store.run(Search.search, "question 40", limit=1, session_id=session.id))[0]
        await reader.show(session.id, at=hit.message_id)
        assert "question 40" in reader.screen
        assert "answer 39" in reader.screen
        view = reader.transcript.selected_message
        assert view is not None
        assert view.content == "question 40"


async def test_from_a_jump_one_can_read_on_to_both_ends(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(100)
        middle = (await reader.store.run(Messages.after, session.id, None, 200))[100]
        await reader.show(session.id, at=middle.id)
        reader.transcript.focus()
        await reader.press("g")
        await reader.sees("question 0")
        assert "question 0" in reader.texts
        await reader.press("G")
        await reader.sees("answer 99")
        assert not reader.transcript.unseen


async def test_going_down_from_a_jump_arrives_at_the_end(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(45)
        middle = (await reader.store.run(Messages.after, session.id, None, 200))[20]
        await reader.show(session.id, at=middle.id)
        reader.transcript.focus()
        for _ in range(100):
            await reader.press("pagedown")
            if "answer 44" in reader.screen:
                break
        assert "answer 44" in reader.screen


async def test_the_position_stays_when_the_window_is_resized(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        words = " ".join(f"word{n}" for n in range(300))
        session = await reader.add_conversation([(f"question {n}", words) for n in range(4)])
        await reader.show(session.id)
        column = reader.transcript.messages
        column.jump(30)
        await reader.wait_until_idle()
        first = reader.rows[0].split()[0]
        for size in ((50, 20), (120, 40), (41, 15), (80, 24)):
            await reader.pilot.resize_terminal(*size)
            await reader.wait_until_idle()
            assert first in reader.rows[0], size


async def test_the_end_stays_in_view_when_the_window_is_resized(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation([("question", "word " * 200 + "end.")] * 3)
        await reader.show(session.id)
        for size in ((45, 20), (120, 30), (40, 10)):
            await reader.pilot.resize_terminal(*size)
            await reader.wait_until_idle()
            assert "end." in reader.screen, size


async def test_a_conversation_reopens_where_it_was_left(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        long, other = await reader.add_conversation(60), await reader.add_conversation([("elsewhere", "there")])
        await reader.show(long.id)
        reader.transcript.messages.jump(20)
        await reader.wait_until_idle()
        rows = reader.rows
        await reader.show(other.id)
        assert "elsewhere" in reader.screen
        await reader.show(long.id)
        assert reader.rows == rows


async def test_a_late_result_for_another_conversation_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_transcript(tmp_path) as reader:
        one, two = await reader.add_conversation([("first", "one")]), await reader.add_conversation([("second", "two")])
        arrived, run = asyncio.Event(), reader.store.run

        async def slow(method: Callable[..., object], *args: object) -> object:
            if one.id in args:
                await arrived.wait()
            return await run(method, *args)

        monkeypatch.setattr(reader.store, "run", slow)
        shown: list[str | None] = []
        reader.app.watch(reader.transcript, "session_id", lambda session_id: shown.append(session_id))
        both = [asyncio.create_task(reader.transcript.show(session.id)) for session in (one, two)]
        await reader.pilot.pause()
        arrived.set()
        await asyncio.gather(*both)
        reader.transcript.refresh_session(Change(frozenset({one.id})))
        await reader.wait_until_idle()
        assert reader.texts == ["second", "two"]
        assert one.id not in shown


async def test_switching_fast_ends_at_the_last_one(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        sessions = [await reader.add_conversation([(f"question {n}", f"answer {n}")]) for n in range(6)]
        await asyncio.gather(*(reader.transcript.show(session.id) for session in sessions))
        await reader.wait_until_idle()
        assert reader.texts == ["question 5", "answer 5"]
        assert len(reader.transcript.messages.children) == 2


async def test_a_message_added_edited_or_deleted_is_seen(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(2)
        await reader.show(session.id)
        views = reader.views
        await reader.add_conversation([("new question", "new answer")], session.id)
        await reader.sees("new question", "new answer")
        await reader.store.run(Messages.edit, views[1].message_id, "edited answer")
        await reader.sees("edited answer")
        await reader.store.run(Trash.delete_message, views[0].message_id)
        await reader.until(lambda: "question 0" not in reader.screen)
        assert reader.views[:3] == views[1:]


async def test_another_terminals_changes_are_seen(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(1)
        await reader.show(session.id)
        other = Store.open(reader.path)
        begun = other.live_replies.begin_turn(session.id, "from elsewhere", model="test/large")
        other.live_replies.save(begun.reply.id, "half a rep", "")
        reader.transcript.refresh_session(Change(elsewhere=True))
        await reader.sees("from elsewhere", "half a rep")
        other.live_replies.save(begun.reply.id, "half a reply", "")
        reader.transcript.refresh_session(Change(elsewhere=True))
        await reader.sees("half a reply")
        other.close()


async def test_new_messages_below_are_indicated(tmp_path: Path) -> None:
    async with open_transcript(tmp_path) as reader:
        session = await reader.add_conversation(30)
        await reader.show(session.id)
        reader.transcript.messages.jump(10)
        await reader.wait_until_idle()
        rows = reader.rows
        await reader.add_conversation([("new question", "new answer")], session.id)
        await reader.sees("↓ new messages")
        assert reader.rows[:20] == rows[:20]
        await reader.pilot.click("#transcript-new")
        await reader.sees("new answer")
        assert "↓ new messages" not in reader.screen

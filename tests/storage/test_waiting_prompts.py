"""Prompts that wait for their provider: found again, sent once, taken back."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from builders import exchange
from ticking import Ticking

from sterna.storage import Invalid, NotFound, Store
from sterna.storage.database.migrations import migrate, steps

REASON = "Waiting for Acme. Nothing answers."


def left_waiting(path: Path) -> str:
    """Let a prompt wait in a process that ends; return the id of its reply."""
    store = Store.open(path)
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    store.waiting_prompts.wait(begun.reply.id, REASON)
    store.close()
    return begun.reply.id


def test_a_prompt_that_waits_outlives_its_process_and_goes_to_one_other(tmp_path: Path) -> None:
    reply_id = left_waiting(tmp_path / "a.db")
    first, second = Store.open(tmp_path / "a.db"), Store.open(tmp_path / "a.db")
    assert first.live_replies.recover_interrupted() == []
    assert [(row.id, row.waiting) for row in second.waiting_prompts.left()] == [(reply_id, REASON)]
    assert first.waiting_prompts.take_over(reply_id).user_message.content == "hello"
    assert second.waiting_prompts.left() == []
    with pytest.raises(NotFound):
        second.waiting_prompts.take_over(reply_id)
    first.waiting_prompts.leave()
    assert second.waiting_prompts.take_over(reply_id).reply.mine
    first.close()
    second.close()


def test_a_prompt_whose_process_died_while_it_was_being_sent_is_not_sent_again(tmp_path: Path) -> None:
    reply_id = left_waiting(tmp_path / "a.db")
    sending = Store.open(tmp_path / "a.db")
    sending.waiting_prompts.take_over(reply_id)
    assert sending.waiting_prompts.release(reply_id).user_message.content == "hello"
    sending.close()
    later = Store.open(tmp_path / "a.db")
    assert later.waiting_prompts.left() == []
    assert [message.finish for message in later.live_replies.recover_interrupted()] == ["interrupted"]
    later.close()


def test_a_prompt_waits_from_the_first_time_on(store: Store, clock: Ticking) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    (row,) = store.conversations.page(0, 1)
    assert (row.live, row.waiting) == (True, False)
    assert store.waiting_prompts.wait(begun.reply.id, REASON) == 0
    (row,) = store.conversations.page(0, 1)
    assert (row.live, row.waiting) == (True, True)
    store.waiting_prompts.release(begun.reply.id)
    assert store.waiting_prompts.wait(begun.reply.id, REASON) > 0


def test_a_prompt_taken_back_is_gone_and_undo_brings_it_back(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    with pytest.raises(NotFound, match="too late"):
        store.waiting_prompts.take_back(begun.reply.id)
    store.waiting_prompts.wait(begun.reply.id, REASON)
    assert store.waiting_prompts.take_back(begun.reply.id).content == "hello"
    assert (store.messages.after(begun.session.id, None, 9), store.arriving_replies.of()) == ([], [])
    trashed = store.trash.latest()
    assert trashed is not None
    store.undo.undo(trashed.token)
    assert [message.content for message in store.messages.after(begun.session.id, None, 9)] == ["hello"]


def test_a_prompt_that_was_answered_before_is_not_taken_back(store: Store) -> None:
    again = store.live_replies.begin_retry(exchange(store, "hello").id)
    store.waiting_prompts.wait(again.reply.id, REASON)
    with pytest.raises(Invalid, match="answered before"):
        store.waiting_prompts.take_back(again.reply.id)


def test_a_reply_that_was_arriving_in_a_file_of_the_schema_before_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, clock=Ticking(), busy_ms=1000, files=[step for step in steps() if step.stem < "40"])
        db.execute("insert into chat_sessions (id, user_id, title) values ('c', 'u', 'New Chat')")
        db.execute(
            """insert into live_replies (id, session_id, user_message_id, message_timestamp, content, owner)
            values ('r', 'c', 'm', '2026-01-01T00:00:00.000000Z', 'half', 'gone')"""
        )
    store = Store.open(path)
    assert [message.content for message in store.live_replies.recover_interrupted()] == ["half"]
    store.close()


def test_prompts_of_a_file_that_is_left_behind_are_given_up(tmp_path: Path) -> None:
    left_waiting(tmp_path / "a.db")
    store = Store.open(tmp_path / "a.db")
    store.waiting_prompts.give_up()
    (conversation,) = store.conversations.page(0, 1)
    texts = [message.error_message or message.content for message in store.messages.after(conversation.id, None, 9)]
    assert texts == ["hello", "Interrupted before a reply came."]
    store.close()

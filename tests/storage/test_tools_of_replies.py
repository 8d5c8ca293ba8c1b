"""Tool calls of a reply are kept with it, whatever ends it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ticking import Ticking

from sterna.storage import Attachment, Settled, Store
from sterna.storage.conversations.tool_calls import tool_calls
from sterna.storage.database.migrations import migrate, steps
from sterna.storage.records import attachments_metadata

CALL = {"name": "look", "arguments": {"path": "a"}, "result": "A tern.", "at": 3, "id": "c1"}
CALLED: dict[str, Any] = {"tool_calls": [CALL]}


def test_calls_are_there_while_a_reply_arrives_and_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = Store.open(path, clock=Ticking())
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    store.live_replies.save(begun.reply.id, "I look", "", {"tool_calls": [{**CALL, "result": "\0A\ud800"}]})
    assert [live.metadata["tool_calls"][0]["result"] for live in store.arriving_replies.of()] == ["A\ufffd"]
    store.close()
    again = Store.open(path, clock=Ticking())
    (message,) = again.live_replies.recover_interrupted()
    assert (message.finish, message.content) == ("interrupted", "I look")
    assert [call.result for call in tool_calls(message.metadata)] == ["A\ufffd"]
    again.close()


def test_a_reply_without_a_word_that_called_a_tool_is_a_reply(store: Store) -> None:
    first = store.live_replies.begin_turn(None, "hello", model=None)
    kept = store.live_replies.settle(first.reply.id, Settled("done", "Hello."))
    begun = store.live_replies.begin_retry(kept.id)
    message = store.live_replies.settle(begun.reply.id, Settled("stopped", "", metadata=CALLED))
    assert not message.failed
    assert [call.name for call in tool_calls(store.messages.get(message.id).metadata)] == ["look"]
    newest, is_cut = store.messages.context(message.session_id, 10**6)
    assert [each.id for each in newest] == [message.id, first.user_message.id]
    assert not is_cut


def test_the_rest_of_a_reply_keeps_the_calls_and_files_of_both_parts_in_their_places(store: Store) -> None:
    files = [Attachment(f"{number}" * 64, f"{number}.png", "image/png", 3) for number in (1, 2)]
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    one = CALLED | attachments_metadata(files[:1])
    message = store.live_replies.settle(begun.reply.id, Settled("stopped", "I look", metadata=one))
    rest = store.live_replies.begin_continue(message.id)
    two = {"tool_calls": [CALL | {"at": 2, "id": "c2"}]} | attachments_metadata(files[1:])
    grown = store.live_replies.settle(rest.reply.id, Settled("done", " once more", metadata=two))
    assert grown.content == "I look once more"
    assert [(call.id, call.at) for call in tool_calls(grown.metadata)] == [("c1", 3), ("c2", 8)]
    assert [item.name for item in grown.attachments] == ["1.png", "2.png"]
    used = store.attachments.used(grown.session_id)
    assert [item.attachment.name for item in used] == ["1.png", "2.png"]


def test_the_rest_of_a_reply_that_ends_with_a_call_is_a_paragraph_of_its_own(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    message = store.live_replies.settle(
        begun.reply.id, Settled("stopped", "I look.", metadata={"tool_calls": [CALL | {"at": 7}]})
    )
    rest = store.live_replies.begin_continue(message.id)
    two = {"tool_calls": [CALL | {"at": 8, "id": "c2"}]}
    grown = store.live_replies.settle(rest.reply.id, Settled("done", "A tern. It flies.", metadata=two))
    assert grown.content == "I look.\n\nA tern. It flies."
    first, second = tool_calls(grown.metadata)
    assert [grown.content[first.at : second.at], grown.content[second.at :]] == ["\n\nA tern. ", "It flies."]


def test_an_arriving_reply_of_the_previous_version_has_no_calls(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    db = sqlite3.connect(path, isolation_level=None)
    files = [file for file in steps() if file.stem < "39"]
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=files)
    db.execute("insert into auth_users (id, email) values ('u', 'a@example.org')")
    db.execute("insert into chat_sessions (id, user_id, title) values ('s', 'u', 'T')")
    values = "('q', 's', 'user', 'why', '2026-03-01T10:00:01.000000Z')"
    db.execute(f"insert into chat_messages (id, session_id, role, content, message_timestamp) values {values}")
    values = "('r', 's', 'q', '2026-03-01T10:00:02.000000Z', 'half', 'gone.lock')"
    columns = "id, session_id, user_message_id, message_timestamp, content, owner"
    db.execute(f"insert into live_replies ({columns}) values {values}")
    db.close()
    store = Store.open(path, clock=Ticking())
    assert [live.metadata for live in store.arriving_replies.of()] == [{}]
    assert [each.content for each in store.live_replies.recover_interrupted()] == ["half"]
    store.close()


@pytest.mark.parametrize("metadata", [{}, {"tool_calls": None}, {"tool_calls": [3]}, {"tool_calls": "x"}])
def test_metadata_without_calls_makes_no_reply(store: Store, metadata: dict[str, Any]) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    message = store.live_replies.settle(begun.reply.id, Settled("stopped", "", metadata=metadata))
    assert message.error_message == "Stopped before a reply came."

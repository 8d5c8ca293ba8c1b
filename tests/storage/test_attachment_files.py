"""Attached files: kept beside the history, named by their content, and gone once nothing uses them."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from ticking import Ticking

from sterna.storage import Attachment, Invalid, Message, Settled, Store, erase
from sterna.storage.attachments.files import safe_name
from sterna.storage.database.migrations import migrate, steps

TEXT = b"what the terns said\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "a.db", clock=Ticking())
    yield opened
    opened.close()


def keep(store: Store, content: bytes = TEXT, name: str = "notes.txt") -> Attachment:
    kept = store.attachment_files.add([content])
    attachment = Attachment(kept.id, name, "text/plain", kept.size)
    store.attachments.add(attachment)
    return attachment


def send(store: Store, *attachments: Attachment, text: str = "Read this") -> Message:
    begun = store.live_replies.begin_turn(None, text, model="m", attachments=attachments)
    store.live_replies.settle(begun.reply.id, Settled("done", "Yes."))
    return begun.user_message


def later(store: Store, **by: float) -> None:
    """Move the time of the store, and with it the age of every file."""
    clock, now = store.db.clock, store.db.now().timestamp()
    store.db.clock = lambda: clock() + timedelta(**by)
    for file in store.attachment_files.folder.iterdir():
        os.utime(file, (now, now))


def links(store: Store) -> list[tuple[str, int, str]]:
    return [
        (row["message_id"], row["position"], row["name"])
        for row in store.db.rows("select message_id, position, name from message_attachments order by 1, 2")
    ]


def test_a_file_is_kept_once_under_its_hash_for_its_owner_alone(store: Store) -> None:
    first, second = keep(store), keep(store, name="copy.txt")
    assert first.id == second.id == sha256(TEXT).hexdigest()
    folder = store.attachment_files.folder
    assert [file.name for file in folder.iterdir()] == [first.id]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / first.id).stat().st_mode) == 0o600
    assert store.attachment_files.read(first.id) == TEXT


def test_a_message_names_what_is_attached_and_how_many(store: Store) -> None:
    files = [keep(store, bytes([number]) * 10, f"{number}.txt") for number in range(1, 6)]
    message = send(store, *files)
    assert list(store.messages.get(message.id).attachments) == files
    row = store.db.one("select has_attachments, attachment_count from chat_messages where id = :id", id=message.id)
    assert row is not None
    assert tuple(row) == (1, 3)  # the described column ends there
    assert [(item.attachment.name, item.is_here) for item in store.attachments.used()] == [
        (file.name, True) for file in files
    ]


def test_without_text_the_names_of_the_files_are_the_text(store: Store) -> None:
    message = send(store, keep(store), text="  ")
    assert message.content == "notes.txt"
    with pytest.raises(Invalid, match="nothing to send"):
        store.live_replies.begin_turn(None, " ", model="m")


def test_links_follow_deletion_and_undo(store: Store) -> None:
    message = send(store, keep(store))
    expected = [(message.id, 0, "notes.txt")]
    assert links(store) == expected
    deleted = store.trash.delete_conversation(message.session_id)
    assert links(store) == []
    store.undo.undo(deleted.token)
    assert links(store) == expected


def test_metadata_from_elsewhere_links_only_what_has_a_valid_id(store: Store) -> None:
    message = send(store, keep(store))
    rubbish = f'[{{"id":"../../x"}},7,{{"id":"{"A" * 64}"}},{{"id":"{"a" * 64}","name":[1],"size":-1}}]'
    store.db.execute(
        f"update chat_messages set metadata = json_set(metadata, '$.attachments', json('{rubbish}')) where id = :id",
        {"id": message.id},
    )
    assert links(store) == [(message.id, 3, "")]
    assert [item.id for item in store.messages.get(message.id).attachments] == ["a" * 64]


def test_a_file_stays_while_anything_names_it_and_goes_after_that(store: Store) -> None:
    sent, drafted, unused = (keep(store, name.encode(), name) for name in ("sent", "drafted", "unused"))
    message = send(store, sent)
    store.drafts.attach(None, [drafted])
    assert store.attachments.sweep() == 0, "a file that was just chosen is about to be named"
    later(store, hours=2)
    store.attachment_files.add([b"unused"])
    assert store.attachments.sweep() == 0, "it is being attached again"
    later(store, hours=2)
    assert store.attachments.sweep() == 1
    assert not store.attachment_files.has(unused.id)
    store.trash.delete_conversation(message.session_id)
    later(store, days=1)
    assert store.attachments.sweep() == 0, "undo may bring the message back"
    later(store, days=31)
    while store.trash.purge():
        pass
    store.drafts.attach(None, [])
    assert store.attachments.sweep() == 2
    assert list(store.attachment_files.folder.iterdir()) == []


def test_what_is_attached_to_a_draft_is_there_after_a_restart_without_text_too(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    attachment = keep(store)
    store.drafts.save(None, "half a thought", [attachment])
    store.drafts.save(None, "")
    store.close()
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    assert (store.drafts.get(None), store.drafts.attachments(None)) == ("", (attachment,))
    store.drafts.attach(None, [])
    assert store.db.rows("select 1 from drafts") == []
    store.close()


def test_an_erased_account_leaves_no_file(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    send(store, keep(store))
    store.close()
    erase(tmp_path / "a.db")
    assert not (tmp_path / "a-attachments").exists()


def test_a_history_that_is_added_to_another_brings_its_files(store: Store, tmp_path: Path) -> None:
    other = Store.open(tmp_path / "b.db", clock=Ticking())
    attachment = keep(other)
    send(other, attachment)
    store.linking.merge_from(other.linking)
    store.attachments.copy_from(other.attachments)
    other.close()
    assert store.attachment_files.read(attachment.id) == TEXT
    assert [item.is_here for item in store.attachments.used()] == [True]


def test_a_copy_for_another_program_has_a_harmless_name(store: Store) -> None:
    attachment = keep(store)
    copy = store.attachment_files.copy_to_open(attachment.id, "../../.-x\u202e/report:1.txt")
    assert copy.parent.parent.parent == store.attachment_files.folder
    assert copy.read_bytes() == TEXT
    assert (safe_name("--help"), safe_name("..")) == ("help", "attachment")


def test_a_download_that_was_cut_goes_on_and_a_wrong_one_is_not_kept(store: Store) -> None:
    message = send(store, keep(store))
    files, attachment_id = store.attachment_files, sha256(TEXT).hexdigest()
    files.remove(attachment_id)
    store.db.execute("delete from attachments")
    files.receive(attachment_id, 0, TEXT[:5])
    assert files.received(attachment_id) == 5
    files.receive(attachment_id, 5, b"rubbish")
    assert not store.attachments.complete(attachment_id)
    assert (files.received(attachment_id), files.has(attachment_id)) == (0, False)
    files.receive(attachment_id, 0, TEXT)
    assert store.attachments.complete(attachment_id)
    assert store.attachments.used(message.session_id)[0].is_here


def test_a_file_from_before_attachments_keeps_drafts_and_what_other_clients_attached(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, path, clock=Ticking(), busy_ms=1000, files=[step for step in steps() if step.stem < "35"])
    db.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("insert into auth_users (id, email) values ('11111111-1111-4111-8111-111111111111', 'a@b')")
    connection.execute("insert into chat_sessions (id, user_id) select 'c', id from profiles")
    connection.execute(
        """insert into chat_messages (id, session_id, role, content, metadata, has_attachments, attachment_count)
        values ('m', 'c', 'user', 'look', '{"attachment_ids":["a1"]}', 1, 1)"""
    )
    connection.execute(
        """insert into drafts (session_id, owner, content, updated_at)
        values ('', '', 'x', '2026-01-01T00:00:00.000000Z')"""
    )
    connection.close()
    store = Store.open(path)
    assert (store.drafts.get(None), store.drafts.attachments(None)) == ("x", ())
    assert (store.messages.get("m").attachments, links(store)) == ((), [])
    assert store.messages.get("m").metadata == {"attachment_ids": ["a1"]}
    store.close()

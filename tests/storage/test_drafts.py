"""What was typed, sent before, and how the screen was left."""

from __future__ import annotations

from pathlib import Path

from said import exchange
from ticking import Ticking

from storage import Store


def test_a_draft_is_there_after_a_restart_one_for_each_conversation(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    session = store.create_session().id
    store.save_draft(session, "half a\0 thought")
    store.save_draft(None, "a new one")
    store.close()
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    assert (store.draft(session), store.draft(None), store.draft("other")) == ("half a thought", "a new one", "")
    store.save_draft(session, "")
    assert store.draft(session) == ""
    assert store.rows("select session_id from drafts")[0]["session_id"] == ""
    store.close()


def test_a_draft_that_is_kept_already_is_not_written_again(store: Store) -> None:
    store.save_draft(None, "same")
    written = store.db.total_changes
    store.save_draft(None, "same")
    store.set_local("width", None)
    assert store.db.total_changes == written


def test_earlier_prompts_come_newest_first_each_once(store: Store) -> None:
    session = exchange(store, "one").session_id
    exchange(store, "two", session_id=session)
    middle = store.messages_before(session, None, 1)[0].message_timestamp
    exchange(store, "one")
    exchange(store, "x" * 30_000)
    assert store.prompt_history() == ["one", "two"]
    assert store.prompt_history(1) == ["one"]
    assert store.prompt_history(before=middle) == ["two", "one"]


def test_the_state_of_the_screen_is_anything_that_json_can_say(store: Store) -> None:
    store.set_local("sidebar", {"width": 32, "open": [True, None, "é"]})
    assert store.get_local("sidebar") == {"width": 32, "open": [True, None, "é"]}
    store.set_local("sidebar", None)
    assert store.get_local("sidebar") is None

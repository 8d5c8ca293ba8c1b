"""Settings of a conversation are changed as one step for undo."""

from __future__ import annotations

import pytest
from builders import exchange

from sterna.storage import NotFound, Store


def test_undo_takes_back_what_was_set_together_and_leaves_the_rest(store: Store) -> None:
    session_id = exchange(store, "How far do terns fly?", "Far.").session_id
    store.conversations.set_settings(session_id, {"system_prompt": "Be brief.", "parameters": {"top_p": 0.5}, "x": 1})
    before = store.conversations.settings(session_id)
    values = {"persona": "coach", "system_prompt": "Ask.", "parameters": None, "model": None}
    changed = store.setting_changes.change(session_id, values)
    assert changed is not None
    assert (changed.kind, changed.sessions, changed.title) == ("settings", 1, "How far do terns fly?")
    assert store.setting_changes.change(session_id, values) is None
    store.conversations.set_setting(session_id, "x", 2)
    assert store.trash.latest() == changed
    assert store.undo.undo(changed.token) == [session_id]
    assert store.conversations.settings(session_id) == before | {"x": 2}
    assert store.trash.latest() is None


def test_settings_of_a_conversation_that_is_gone_are_passed_over(store: Store) -> None:
    first, second = (exchange(store, text, "Yes.").session_id for text in ("one", "two"))
    store.setting_changes.change(first, {"persona": "coach"})
    store.setting_changes.change(second, {"persona": "coach"})
    deleted = store.trash.delete_conversation(second)
    for kind in ("session", "settings", "settings"):
        latest = store.trash.latest()
        assert latest is not None
        assert latest.kind == kind
        store.undo.undo(latest.token)
    assert not store.conversations.settings(first)
    assert not store.conversations.settings(second)
    with pytest.raises(NotFound):
        store.undo.undo(deleted.token)
    with pytest.raises(NotFound):
        store.setting_changes.change("conv_gone", {"persona": "coach"})

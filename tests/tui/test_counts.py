"""Sentences made from counts are right for none, one and several."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sterna.sync.auth.accounts import Offer
from sterna.tui.counts import counted
from sterna.tui.main.sentences import drafts_left, removed_elsewhere, restored, taken_back
from sterna.tui.prompt.pastes import Pastes
from sterna.tui.sync.account_switch import history_options, history_question


def test_a_noun_is_in_the_singular_for_one_alone() -> None:
    assert [counted(count, "message") for count in (0, 1, 2, 1200)] == [
        "0 messages",
        "1 message",
        "2 messages",
        "1,200 messages",
    ]
    assert [counted(count, "reply", "replies") for count in (0, 1, 2)] == ["0 replies", "1 reply", "2 replies"]


def test_drafts_of_closed_windows() -> None:
    assert [drafts_left(count).partition(" saved")[0] for count in (1, 2)] == [
        "1 more unsent draft is",
        "2 more unsent drafts are",
    ]


def test_removals_by_another_device() -> None:
    assert [removed_elsewhere(count, "Terns", "ctrl+_", in_steps=count > 1) for count in (1, 2)] == [
        "“Terns” was removed on another device. ctrl+_ restores it.",
        "2 conversations were removed on another device. ctrl+_ restores them, newest first.",
    ]


def test_what_an_undo_has_restored() -> None:
    assert [restored(count, "New Chat") for count in (0, 1, 2)] == [
        "Restored the message.",
        "Restored “New conversation”.",
        "Restored 2 conversations.",
    ]
    assert restored(0, "", is_reply=True) == "Undone."


def test_a_question_to_the_history_that_is_taken_back_says_what_it_has_lost() -> None:
    assert taken_back([], "alt+h") == "Took the message back."
    assert taken_back(["a passage"], "alt+h").endswith("without the passages of your history: alt+h asks with them.")


def offer(count: int, *, owner: str = "") -> Offer:
    history = SimpleNamespace(conversations=count, private=0)
    return Offer(("adopt", "merge", "beside", "open"), cast(Any, history), owner=owner)


def test_the_question_about_the_history_at_a_sign_in() -> None:
    assert [history_question(offer(count)) for count in (0, 1, 2)] == [
        "What to do with the history on this device?",
        "What to do with the conversation on this device?",
        "What to do with the 2 conversations on this device?",
    ]


@pytest.mark.parametrize("owner", ["", "chat.example.org"])
def test_the_choices_at_a_sign_in(owner: str) -> None:
    for count in (0, 1):
        sentences = " ".join(meaning for _, _, meaning in history_options(offer(count, owner=owner), "me@example.org"))
        assert "it becomes" in sentences
        assert not {"they", "them"} & set(sentences.split())
    sentences = " ".join(meaning for _, _, meaning in history_options(offer(2, owner=owner), "me@example.org"))
    assert "they become" in sentences
    assert "it" not in sentences.split()


@pytest.mark.parametrize(("lines", "words"), [(1, "1 line]"), (300, "300 lines]")])
def test_the_label_of_a_paste(lines: int, words: str) -> None:
    assert Pastes().fold("x" * 20_000 + "\nx" * (lines - 1)).endswith(words)

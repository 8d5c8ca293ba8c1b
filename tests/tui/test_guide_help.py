"""The guide names the keys that belong to what was asked."""

from __future__ import annotations

import pytest

from sterna.tui.screens.guide_help import KEYS, help_text


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("conversations", "`f2`"),
        ("delete", "`f8`"),
        ("search", "`ctrl+r`"),
        ("models", "`ctrl+l`"),
        ("attachments", "`alt+u`"),
    ],
)
def test_help_on_a_topic_names_its_keys(topic: str, key: str) -> None:
    assert key in help_text(topic)


def test_several_keys_of_an_action_are_told_apart() -> None:
    assert "`ctrl+x ,` or `f9`" in help_text("settings")


def test_help_on_a_topic_keeps_the_words_of_the_guide() -> None:
    assert "saved as a draft" in " ".join(help_text("conversations").split())


def test_a_topic_without_keys_is_left_to_the_guide() -> None:
    assert "data" not in KEYS
    assert help_text("data") == ""

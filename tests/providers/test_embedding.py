"""Embeddings: which texts are similar to which."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sterna.providers.embedding import DIMENSIONS, embed, similarity

NEARLY_THE_SAME = [
    ("How far do arctic terns fly in a year?", "how far does an arctic tern fly in one year"),
    ("git undo last commit", "How can I undo the last commit in git?"),
    ("what is the capital of france", "What's the capital of France?"),
    ("why does my postgres query not use the index", "Postgres query does not use my index, why?"),
]
OTHERS = [
    ("what is the capital of france", "what is the capital of germany"),
    ("How do I reverse a list in Python?", "How do I sort a list in Python?"),
    ("How do I reverse a list in Python?", "How far do arctic terns fly?"),
]


@pytest.mark.parametrize(("item", "other"), NEARLY_THE_SAME)
def test_the_same_in_other_words_is_near(item: str, other: str) -> None:
    assert similarity(embed(item), embed(other)) >= 0.8


@pytest.mark.parametrize(("item", "other"), OTHERS)
def test_another_question_is_not(item: str, other: str) -> None:
    assert similarity(embed(item), embed(other)) < 0.7


def test_an_embedding_has_length_one_or_none() -> None:
    numbers = embed("terns")
    assert len(numbers) == DIMENSIONS == 384
    assert similarity(numbers, numbers) == pytest.approx(1, abs=1e-6)
    assert not any(embed(" ?! "))


def test_the_beginning_and_the_end_of_a_long_text_count() -> None:
    middle = "filler " * 50_000
    assert similarity(embed("arctic " * 600 + middle), embed("arctic")) > 0.1
    assert similarity(embed(middle + "arctic " * 600), embed("arctic")) > 0.1


def test_every_process_makes_the_same() -> None:
    script = "from sterna.providers.embedding import embed; print(embed('arctic terns').tobytes().hex())"
    outputs = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert outputs == {embed("arctic terns").tobytes().hex() + "\n"}

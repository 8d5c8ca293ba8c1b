"""Conditions that mean nothing are named in a sentence, with what is allowed, instead of finding nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sterna.storage import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(tmp_path_factory.mktemp("history") / "me.db")
    one, two = (store.conversations.create(title).id for title in ("tern", "gull"))
    store.conversations.set_setting(one, "tag:work", True)
    store.conversations.set_setting(two, "source", "codex")
    store.conversations.set_setting(two, "project", "/home/me/src/app")
    store.saved_searches.save("wrong", "tern has:feathers")
    yield store
    store.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tern role:nobody", "role: takes user or assistant, not “nobody”."),
        ("has:foo", "has: takes code, attachment, image, tool, link or reasoning, not “foo”."),
        ("before:garbage", "before: takes a day, month or year"),
        ("-after:2025-13", "not “2025-13”"),
        ("model: tern", "model: needs its value right behind it, as in model:claude."),
        ("tern is:foo", "is: takes pinned, archived or untagged, not “foo”."),
        ("tag:birds", "There is no tag #birds. There are: #work."),
        ("from:nobody", "from: takes a program that conversations came from (sterna, codex), not “nobody”."),
        ("in:nowhere", "in: takes title, or a folder or project that conversations came from"),
        ("@wrong", "has: takes code"),
        ('role:"\x1b[31m\n"', "not “"),
    ],
)
def test_a_value_that_means_nothing_is_named(store: Store, text: str, said: str) -> None:
    problem = store.search_problems.of_search(text)
    assert said in problem
    assert "In quotation marks it is text" in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "", "tern", "role:user", "HAS:Links", "before:7d", "after:2025-03 -model:claude", "is:pinned", "tag:wor",
        "#include", "from:codex", "from: me", "in: a box", "in:title", "in:app", '"has:foo"', "https://example.org",
        "std::vector", "a:b", "@nobody",
    ],
)  # fmt: skip
def test_what_means_something_or_is_text_is_no_mistake(store: Store, text: str) -> None:
    assert store.search_problems.of_search(text) == ""


@pytest.mark.parametrize(
    ("typed", "is_mistake"),
    [
        ("role:us", False), ("role:ux", True), ("role:us ", True), ("has:co", False), ("has:xo", True),
        ("model:", False), ("model: ", True), ("before:20", False), ("before:2025-0", False), ("before:2025-13", True),
        ("before:yes", False), ("before:g", True), ("is:arch", False), ("is:foo", True), ("in:ti", False),
        ("has:co tern", True),
    ],
)  # fmt: skip
def test_what_is_still_being_typed_is_no_mistake(store: Store, typed: str, is_mistake: bool) -> None:
    assert bool(store.search_problems.of_search(typed, is_typed=True)) == is_mistake


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is:foo", "is: takes pinned, archived or untagged, not “foo”."),
        ("has:code", "has: is for the search; the list knows #tag, is:, from: and in:."),
        ("#birds", "There is no tag #birds. There are: #work."),
        ("from:nobody", "from: takes a program"),
        ("walrus", ""),
        ("#wo", ""),
    ],
)
def test_a_filter_that_finds_nothing_says_why(store: Store, text: str, said: str) -> None:
    problem = store.search_problems.of_filter(text)
    assert said in problem
    assert bool(problem) == bool(said)

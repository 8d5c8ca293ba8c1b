"""``sterna meaning``, and the searches of commands by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sterna.cli.context import CommandContext
from sterna.cli.mcp.history_tools import HistoryTools
from sterna.cli.meaning_search import MeaningSearch
from sterna.storage import Settled, Store, open_account
from tests.cli.conftest import Run
from tests.fake_openai import Server
from tests.tiny_model import write_model

TALKS = (
    ("My automobile does not start", "Look at the battery."),
    ("The vehicle of my neighbour", "It is a secret."),
    ("Where do I park a car?", "In the street."),
)


@pytest.fixture(autouse=True)
def _history(home: Path) -> None:
    """Three conversations, the second of which is private."""
    (home / "data").mkdir(mode=0o700)
    write(home, TALKS)


def write(home: Path, talks: Sequence[tuple[str, str]]) -> None:
    store = Store.open(open_account(home / "data"))
    for number, (question, reply) in enumerate(talks):
        begun = store.live_replies.begin_turn(None, question, model="test/model")
        store.live_replies.settle(begun.reply.id, Settled("done", reply, model="test/model"))
        store.privacy.set_private(begun.session.id, number == 1)
    store.close()


@pytest.fixture
def folder(home: Path) -> str:
    return str(write_model(home / "tiny"))


def test_it_is_off_until_it_is_turned_on_and_its_vectors_go_when_it_is_turned_off(
    run: Run, home: Path, folder: str
) -> None:
    assert "off" in run("meaning").out
    assert run("search", "vehicle", "--json").lines()[0]["why"] == "words"
    off = run("search", "--meaning", "vehicle")
    assert (off.code, off.out) == (1, "")
    assert "sterna meaning on" in off.err
    assert "sterna meaning on" in run("meaning", "build").err

    on = run("meaning", "on", "--model", folder)
    assert (on.code, on.err) == (0, "")
    assert "500 kB" in on.out
    assert "1 minute" in on.out
    assert "sterna meaning build" in run("search", "--meaning", "vehicle").err
    assert run("meaning", "build").out == "All messages are read: 3 vectors.\n"
    state = run("meaning", "status", "--json").json()
    assert (state["enabled"], state["model"], state["done"], state["parts"]) == (True, folder, 1, 3)
    assert Path(state["path"]).stat().st_size + 100_000 >= state["bytes"] > 0
    assert "100%" in run("meaning").out
    write(home, TALKS[:1])
    assert run("meaning").out.splitlines()[1] == "75% of the messages are read: 3 vectors."
    assert "75% of the messages are read by now" in run("search", "--meaning", "vehicle").err
    run("meaning", "build")
    doctor = run("doctor", "--offline")
    assert "5 vectors, 100% of the messages read" in doctor.out
    (Path(folder) / "tokenizer.json").rename(Path(folder) / "gone")
    assert "FAIL  search by meaning" in run("doctor", "--offline").out

    assert "deleted" in run("meaning", "off").out
    assert not Path(state["path"]).exists()
    assert run("meaning", "--json").json()["enabled"] is False
    literal = run("search", "~driving")  # text like any other
    assert (literal.code, "sterna meaning on" in literal.err) == (1, True)


def test_what_has_the_words_stands_first_and_the_same_meaning_follows(run: Run, folder: str) -> None:
    run("meaning", "on", "-m", folder)
    run("meaning", "build")
    rows = run("search", "--json", "automobile").lines()
    assert [(row["why"], row["snippet"]) for row in rows] == [
        ("words", "My automobile does not start"),  # its title
        ("words", "My automobile does not start"),
        ("meaning", "Where do I park a car?"),
    ]
    assert rows[-1]["similarity"] == pytest.approx(1, abs=0.01)
    assert len(run("search", "--json", "--words", "automobile").lines()) == 2
    run("search", "~driving", "--save", "road")
    for arguments in (("--meaning", "driving"), ("~driving",), ("@road",)):
        found = run("search", *arguments)
        assert "(meaning, 100%) Where do I park a car?" in found.out
        assert "neighbour" not in found.out  # private
    assert len(run("search", "--json", "-n", "1", "~driving").lines()) == 1


def test_another_model_makes_other_vectors(run: Run, home: Path, folder: str) -> None:
    run("meaning", "on", "-m", folder)
    run("meaning", "build")
    other = str(write_model(home / "other", seed=2))
    assert run("config", "set", "meaning.model", other).code == 0
    for arguments in (("--meaning", "vehicle"), ("vehicle",)):
        assert "those of another model" in run("search", *arguments).err
    assert "deleted" not in run("meaning", "on", "-m", folder).out
    on = run("meaning", "on", "-m", other)
    assert (on.code, "model before are deleted" in on.out) == (0, True)
    assert "No vectors are made yet" in run("meaning").out


def test_other_programs_find_by_meaning_too(run: Run, home: Path, folder: str) -> None:
    run("meaning", "on", "-m", folder)
    run("meaning", "build")
    context = CommandContext(None, None)
    tools = HistoryTools(context.history, MeaningSearch(context))
    found = tools.search("driving", 10)
    assert {(row["excerpt"], row["found_by"]) for row in found} == {
        ("My automobile does not start", "meaning"),
        ("Where do I park a car?", "meaning"),
    }
    assert tools.search("driving", 10, "words") == []
    assert [row["title"] for row in tools.related(found[0]["conversation"], 10)] == [
        title for title, _ in TALKS if title not in (found[0]["title"], TALKS[1][0])
    ]


def test_a_model_that_cannot_be_used_changes_nothing(run: Run, home: Path, server: Server) -> None:
    for model, sentence in (
        (str(home / "nowhere"), "There is no folder"),
        (str(home), "model.safetensors"),
        ("nobody/model", "There is no provider"),
        ("guide/guide", "cannot make vectors"),
    ):
        refused = run("meaning", "on", "-y", "-m", model)
        assert refused.code == 1
        assert sentence in refused.err
    (home / "config" / "config.toml").write_text(f'discover = false\n[endpoints.test]\nurl = "{server.url}"\n')
    asked = run("meaning", "on", "-m", "test/model")
    assert "sent to the provider" in asked.err
    assert "--yes" in asked.err
    assert run("meaning", "on", "-y", "-m", "test/model").code == 1  # it has no /embeddings
    assert "meaning" not in (home / "config" / "config.toml").read_text()

"""``sterna ask --history``: what is found is shown, and nothing is sent that was not agreed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Server

QUESTION = "What did I say about arctic terns?"


def test_passages_are_shown_and_sent_only_once_that_is_agreed_to(run: Run, configured: Path, server: Server) -> None:
    said = run("ask", "arctic terns fly from pole to pole", "--json").json()
    dry = run("ask", "--history", QUESTION, "--dry-run", "--json").json()
    assert dry["model"] == "test/model"
    assert dry["conversations"] == 1
    assert dry["characters"] == sum(len(each["text"]) for each in dry["passages"])
    assert {each["session_id"] for each in dry["passages"]} == {said["session_id"]}
    shown = run("ask", "--history", QUESTION, "--dry-run")
    assert "2 passages of 1 conversation" in shown.out
    assert "arctic terns fly from pole to pole" in shown.out
    before = len(server.fake.requests)
    refused = run("ask", "--history", QUESTION)
    assert (refused.code, refused.out) == (1, "")
    assert "Nothing was sent" in refused.err
    assert "arctic terns fly" in refused.err
    assert len(server.fake.requests) == before
    nothing = run("ask", "--history", "what about walruses", "--yes")
    assert (nothing.code, nothing.out) == (1, "")
    assert "nothing about this" in nothing.err
    assert len(server.fake.requests) == before

    sent = run("ask", "--history", QUESTION, "--yes", "--json")
    assert sent.code == 0
    assert len(server.fake.requests) == before + 1
    reply = sent.json()  # the scripted model repeats the passages, numbers included
    assert {quote["number"] for quote in reply["quotes"]} == {1, 2}
    assert {quote["session_id"] for quote in reply["quotes"]} >= {said["session_id"]}
    listed = run("show", reply["session_id"])
    assert "[sent with 2 passages of 1 conversation" in listed.out
    assert "arctic terns fly from pole to pole" in listed.out
    page = run("export", reply["session_id"], "--format", "html").out
    assert "Sent with 2 passages of 1 conversation" in page
    assert "arctic terns fly from pole to pole” · arctic terns" in page
    assert run("config", "set", "history.providers", '["test"]').code == 0
    assert run("ask", "--history", QUESTION).code == 0
    assert run("config", "unset", "model").code == 0  # the first of a list that is not read yet
    assert "characters, for test:" in run("ask", "--history", QUESTION, "--dry-run").out


def test_without_a_model_the_guide_lists_what_it_finds(run: Run, home: Path) -> None:
    (home / "config" / "config.toml").write_text("discover = false\n")
    run("ask", "arctic terns fly from pole to pole")
    found = run("ask", "--history", "arctic terns", "--json").json()
    assert found["model"] == "guide/guide"
    assert "pole to pole" in found["content"]
    assert [quote["number"] for quote in found["quotes"]] == [1]


@pytest.mark.parametrize("options", [["--history", "-c", "last"], ["--history", "--no-store"], ["--dry-run"], ["-y"]])
def test_options_that_do_not_go_together_are_refused(run: Run, home: Path, options: list[str]) -> None:
    assert run("ask", "x", *options).code == 2

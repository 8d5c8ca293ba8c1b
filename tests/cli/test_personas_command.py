"""``sterna personas``, and ``sterna ask --persona``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Server

COACH = """\
---
description: Asks back
temperature: 0.5
parameters: {top_p: 0.9, seed: 1}
variables:
  topic: chess
---
Coach {{who}} in {{topic}}.
"""


@pytest.fixture(autouse=True)
def folder(configured: Path) -> Path:
    """Return the folder of personas, with one in it."""
    folder = configured / "config" / "personas"
    folder.mkdir()
    (folder / "coach.md").write_text(COACH)
    return folder


def test_personas_are_listed_and_shown(run: Run, folder: Path) -> None:
    assert run("personas").out == run("personas", "list").out == "coach  Asks back\n"
    shown = run("personas", "show", "coach").out
    assert "temperature: 0.5\n" in shown
    assert "variable: topic = chess\n" in shown
    assert "\nCoach {{who}} in {{topic}}." in shown
    (listed,) = run("personas", "list", "--json").lines()
    assert listed == run("personas", "show", "coach", "--json").json()
    assert (listed["temperature"], listed["path"]) == (0.5, str(folder / "coach.md"))


def test_a_broken_file_is_named_and_the_others_are_listed(run: Run, folder: Path) -> None:
    assert run("personas", "check").code == 0
    (folder / "bad.toml").write_text("temperature = 'hot'")
    for command in ("list", "check"):
        result = run("personas", command)
        assert result.code == 1
        assert "coach" in result.out or "1 persona in" in result.out
        assert "bad.toml: temperature has to be a number from 0 to 2." in result.err
    doctor = run("doctor", "--offline")
    assert doctor.code == 1
    assert "bad.toml: temperature has to be" in doctor.out
    result = run("ask", "--persona", "bad", "hello")
    assert (result.code, result.out) == (1, "")
    assert "bad.toml: temperature has to be" in result.err


def test_a_persona_is_what_is_sent_now_and_in_the_conversation_from_then_on(run: Run, server: Server) -> None:
    assert run("ask", "--persona", "coach", "--var", "who=Ada", "first").code == 0
    assert run("ask", "-c", "last", "second").code == 0
    for asked in server.fake.requests:
        assert asked["messages"][0] == {"role": "system", "content": "Coach Ada in chess."}
        assert (asked["temperature"], asked["top_p"], asked["seed"]) == (0.5, 0.9, 1)
    assert run("ask", "--no-store", "-p", "coach", "--var", "who=Bo", "-t", "1", "--param", "seed=2", "third").code == 0
    assert (server.fake.requests[-1]["top_p"], server.fake.requests[-1]["seed"]) == (0.9, 2)
    assert server.fake.requests[-1]["messages"][0]["content"] == "Coach Bo in chess."
    assert server.fake.requests[-1]["temperature"] == 1


def test_another_persona_takes_the_parameters_of_the_one_before_away(run: Run, server: Server, folder: Path) -> None:
    (folder / "poet.md").write_text("---\nparameters: {seed: 3}\n---\nRhyme.")
    (folder / "plain.md").write_text("Be brief.")
    run("ask", "--persona", "coach", "--var", "who=Ada", "first")
    run("ask", "--continue", "--persona", "poet", "--param", "user=me", "second")
    run("ask", "--continue", "--param", "seed=4", "third")
    run("ask", "--continue", "--persona", "plain", "fourth")
    sent = [tuple(request.get(name) for name in ("top_p", "seed", "user")) for request in server.fake.requests]
    assert sent == [(0.9, 1, None), (None, 3, "me"), (None, 4, "me"), (None, None, None)]
    assert "temperature" not in server.fake.requests[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--persona", "coach"), 1, "The persona coach needs a value for who."),
        (("--persona", "coahc"), 1, "There is no persona coahc. Did you mean coach?"),
        (("--persona", "coach", "--var", "who"), 2, "--var takes name=value, not who."),
        (("--persona", "coach", "--var", "who=Ada", "--var", "x=y"), 1, "The persona coach has no variable x."),
        (("--var", "who=Ada"), 2, "--var requires --persona."),
    ],
)
def test_what_is_wrong_is_a_sentence_and_nothing_is_sent(
    run: Run, server: Server, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    result = run("ask", *arguments, "hello")
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err
    assert server.fake.requests == []
    assert run("list", "--json").lines() == []

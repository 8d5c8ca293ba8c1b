"""Parameters of ``sterna ask``, a schema for the reply, and ``--continue``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Script, Server

pytestmark = pytest.mark.usefixtures("configured")

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("written", "name", "value"),
    [
        ("top_p=0.9", "top_p", 0.9),
        ("seed=7", "seed", 7),
        ('stop=["a", "b"]', "stop", ["a", "b"]),
        ("verbosity=low", "verbosity", "low"),
        ("logprobs=true", "logprobs", True),
        ('user="5"', "user", "5"),
        ("user=a=b", "user", "a=b"),
        ("provider={ order = ['x'] }", "provider", {"order": ["x"]}),
        ("temperature=0.3", "temperature", 0.3),
        ("max_tokens=99", "max_tokens", 99),
        ("reasoning_effort=high", "reasoning_effort", "high"),
    ],
)
def test_a_parameter_is_sent_now_and_in_the_conversation_from_then_on(
    run: Run, server: Server, written: str, name: str, value: Any
) -> None:
    assert run("ask", "--param", written, "first").code == 0
    assert run("ask", "--continue", "second").code == 0
    assert run("ask", "other").code == 0
    first, second, other = server.fake.requests
    assert first[name] == second[name] == value
    assert name not in other


def test_parameters_are_changed_one_by_one_and_taken_away(run: Run, server: Server) -> None:
    run("ask", "--param", "top_p=0.9", "--param", "seed=7", "first")
    run("ask", "--continue", "--param", "seed=8", "second")
    run("ask", "--continue", "--param", "top_p=", "--param", "seed=", "third")
    sent = [(request.get("top_p"), request.get("seed")) for request in server.fake.requests]
    assert sent == [(0.9, 7), (0.9, 8), (None, None)]


def test_parameters_are_sent_without_a_conversation(run: Run, server: Server) -> None:
    assert run("ask", "--no-store", "--param", "top_p=0.9", "hello").code == 0
    assert server.fake.requests[0]["top_p"] == 0.9


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("top_p", "--param takes name=value, not top_p."),
        ("=1", "--param takes name=value, not =1."),
        ("temperature=3", "temperature has to be a number from 0 to 2."),
        ("max_tokens=none", "max_tokens has to be a whole number of 1 or more."),
        ("model=x", "model cannot be set here: Sterna sends it itself."),
        ("stream=false", "stream cannot be set here: Sterna sends it itself."),
        ("top_p=inf", "top_p has to be a finite number."),
    ],
)
def test_a_parameter_that_cannot_be_sent_is_refused(run: Run, server: Server, written: str, sentence: str) -> None:
    result = run("ask", "--param", written, "hello")
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert server.fake.requests == []


def test_a_schema_is_sent_for_one_reply(run: Run, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    server.fake.reply = lambda _: Script(('{"name": "Ada"}',))
    result = run("ask", "--schema", str(file), "Who?")
    assert (result.code, json.loads(result.out)) == (0, {"name": "Ada"})
    assert run("ask", "--continue", "And?").code == 0
    assert run("ask", "--no-store", "--schema", str(file), "Who?").code == 0
    formats = [request.get("response_format") for request in server.fake.requests]
    sent = {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}
    assert formats == [sent, None, sent]


@pytest.mark.parametrize("options", [(), ("--no-store",), ("--json",)])
def test_a_reply_that_is_not_json_is_printed_and_reported(
    run: Run, server: Server, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    result = run("ask", *options, "--schema", str(file), "Who?")
    assert result.code == 1
    assert "You said: Who?" in result.out
    assert "The reply is not JSON." in result.err


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "is not JSON"), ("[]", "is not a JSON schema"), (None, "cannot be read")]
)
def test_a_file_that_is_no_schema_is_refused(
    run: Run, server: Server, tmp_path: Path, text: str | None, sentence: str
) -> None:
    file = tmp_path / "schema.json"
    if text is not None:
        file.write_text(text)
    result = run("ask", "--schema", str(file), "hello")
    assert (result.code, result.out) == (1, "")
    assert f"{file} {sentence}" in result.err
    assert "Nothing was sent." in result.err
    assert server.fake.requests == []


def test_the_newest_conversation_is_continued(run: Run, server: Server) -> None:
    assert run("ask", "--continue", "hello").code == 1
    run("ask", "first")
    assert run("ask", "--continue", "more").code == 0
    assert [item["content"] for item in server.fake.requests[-1]["messages"]][-1] == "more"
    assert len(run("list", "--json").lines()) == 1
    both = run("ask", "--continue", "-c", "last", "more")
    assert both.code == 2
    assert "Remove one of the two." in both.err
    assert "Remove --no-store or --continue." in run("ask", "--continue", "--no-store", "more").err

"""With an unreadable config.toml nothing is sent, and the message names the line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.fake_openai import Server


@pytest.fixture
def stranger(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a server that the environment offers, with a key, but that is not configured."""
    with Server() as running:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("OLLAMA_HOST", running.url.removesuffix("/v1"))
        yield running


GOOD = '[endpoints.work]\nurl = "http://127.0.0.1:9/v1"\n'
BROKEN = (
    ("a missing value", "discover = false\nmodel =\n" + GOOD, "line 2"),
    ("a missing quotation mark", 'discover = false\nmodel = "work/x\n' + GOOD, "line 2"),
    ("a missing bracket", "discover = false\n[endpoints.work\nurl = 'http://a'\n", "line 2"),
    ("a value twice", "discover = false\ndiscover = false\n", "line 2"),
    ("bytes that are no text", b"discover = false\nmodel = '\xff'\n", "UTF-8"),
    ("a word in place of false", 'discover = "no"\n' + GOOD, "line 1: discover has to be true or false"),
    ("a number as model", "discover = false\n\nmodel = 5\n" + GOOD, "line 3: model has to be text"),
    (
        "an endpoint without a url",
        "discover = false\n[endpoints.work]\nlabel = 'Work'\n",
        "line 2: [endpoints.work] needs",
    ),
    (
        "a url without a scheme",
        "discover = false\n[endpoints.work]\nurl = 'localhost:1'\n",
        "line 3: endpoints.work.url has",
    ),
    ("a url that is a number", "discover = false\n[endpoints.work]\nurl = 5\n", "line 3: endpoints.work.url has"),
    (
        "a name that cannot be",
        "discover = false\n[endpoints.Work]\nurl = 'http://a'\n",
        "line 2: [endpoints.Work] needs",
    ),
    (
        "a table of another name",
        "discover = false\n[endpoint.work]\nurl = 'http://a'\n",
        "line 3: there is no setting endpoint.work.url",
    ),
    ("a setting of another name", "discovery = false\n" + GOOD, "line 1: there is no setting discovery"),
    ("headers that are numbers", GOOD + "headers = { n = 1 }\n", "line 3: endpoints.work.headers has"),
    ("a temperature in words", "temperature = 'hot'\n" + GOOD, "line 1: temperature has"),
)


@pytest.mark.parametrize(("text", "says"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_nothing_is_sent_with_settings_that_cannot_be_read(
    run: Run, home: Path, stranger: Server, text: str | bytes, says: str
) -> None:
    (home / "config" / "config.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    for command in (
        ("ask", "-m", "openai/m", "a secret"),
        ("models",),
    ):
        result = run(*command)
        assert (result.code, result.out) == (1, "")
        assert str(home / "config" / "config.toml") in result.err
        assert says in result.err
        assert "Nothing was sent" in result.err
    assert (stranger.fake.requests, stranger.fake.listed) == ([], 0)
    assert run("list", "--json").lines() == []


def test_nothing_is_sent_with_a_file_that_may_not_be_read(run: Run, home: Path, stranger: Server) -> None:
    (home / "config" / "config.toml").mkdir()
    result = run("ask", "a secret")
    assert (result.code, result.out) == (1, "")
    assert "cannot be read" in result.err
    assert (stranger.fake.requests, stranger.fake.listed) == ([], 0)


def test_nothing_is_sent_with_a_link_to_a_file_that_is_not_there(run: Run, home: Path, stranger: Server) -> None:
    (home / "config" / "config.toml").symlink_to(home / "not-mounted.toml")
    result = run("ask", "a secret")
    assert (result.code, result.out) == (1, "")
    assert "not-mounted.toml, which does not exist. Nothing was sent" in result.err
    assert (stranger.fake.requests, stranger.fake.listed) == ([], 0)


def test_doctor_names_the_line_and_asks_nobody(run: Run, home: Path, stranger: Server) -> None:
    (home / "config" / "config.toml").write_text("discover = false\nmodel =\n")
    result = run("doctor")
    assert result.code == 1
    assert "line 2" in result.out
    assert (stranger.fake.requests, stranger.fake.listed) == ([], 0)


def test_the_history_can_be_read_meanwhile(run: Run, configured: Path) -> None:
    run("ask", "Remember the kittiwake")
    path = configured / "config" / "config.toml"
    path.write_text(path.read_text() + "model = \n")
    assert run("search", "kittiwake").code == 0
    assert "kittiwake" in run("show", "last").out


def test_what_is_wrong_with_the_look_keeps_nobody_from_asking(run: Run, configured: Path) -> None:
    path = configured / "config" / "config.toml"
    path.write_text(path.read_text() + "[ui]\nsidebar_width = 'wide'\n")
    last = len(path.read_text().splitlines())
    result = run("ask", "hello")
    assert (result.code, result.out) == (0, "You said: hello\n")
    assert f"line {last}: ui.sidebar_width has to be" in result.err


def test_a_key_of_the_environment_is_asked_where_nothing_forbids_it(run: Run, stranger: Server) -> None:
    """The server of the other tests can be reached."""
    assert os.environ["OPENAI_BASE_URL"] == stranger.url
    assert run("ask", "hello").out == "You said: hello\n"
    assert len(stranger.fake.requests) == 1


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OLLAMA_HOST"])
def test_the_guide_does_not_answer_for_a_server_that_the_environment_names(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9/v1")
    result = run("ask", "hello")
    assert (result.code, result.out) == (1, "")
    assert "Nothing answers at 127.0.0.1:9" in result.err
    assert variable in result.err

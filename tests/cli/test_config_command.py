"""``sterna config``: settings listed, read, changed and checked."""

from __future__ import annotations

import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from sterna.storage import Store, data_dir, open_account
from tests.cli.conftest import Run

TEXT = """\
# my settings
temperature = 0.4  # calm

[ui]
sidebar_width = 40

[keys]
"conversation.new" = ["alt+w", "f11"]
"""


@pytest.fixture
def file(configured: Path) -> Path:
    """Return a config.toml with comments."""
    file = configured / "config" / "config.toml"
    file.write_text(TEXT)
    return file


def test_settings_that_are_set_are_listed(run: Run, file: Path) -> None:
    lines = run("config").out.splitlines()
    assert lines == ["temperature = 0.4", "ui.sidebar_width = 40", 'keys.conversation.new = "alt+w,f11"']
    assert run("config", "list", "--json").json()["ui.sidebar_width"] == 40
    everything = run("config", "list", "--all").out
    assert "ui.sidebar_width = 40" in everything
    assert "discover = true  At start, look for" in everything
    assert run("config", "path").out == f"{file}\n"


@pytest.mark.parametrize(
    ("key", "text"),
    [("temperature", "0.4"), ("ui.sidebar_width", "40"), ("discover", "true"), ("model", ""), ("max_tokens", "")],
)
def test_a_value_or_its_default_is_printed(run: Run, file: Path, key: str, text: str) -> None:
    assert run("config", "get", key).out == f"{text}\n"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("model", "openai/gpt-5", "openai/gpt-5"),
        ("system_prompt", 'Answer in "Latin".', 'Answer in "Latin".'),
        ("system_prompt", "true", "true"),
        ("temperature", "1", 1),
        ("ui.sidebar", "false", False),
        ("keys.conversation.rename", "alt+n", "alt+n"),
        ("keys.conversation.new", '["f3", "f9"]', ["f3", "f9"]),
        ("endpoints.work.url", "https://llm.example.org/v1", "https://llm.example.org/v1"),
        ("endpoints.work.models", '["a", "b"]', ["a", "b"]),
        ('endpoints.work.models."gpt-4.1".parameters', "{ top_p = 0.9 }", {"top_p": 0.9}),
    ],
)
def test_a_value_is_set_and_read_back(run: Run, file: Path, key: str, text: str, value: object) -> None:
    assert run("config", "set", key, text).code == 0
    table = tomllib.loads(file.read_text())
    parts = ["keys", key[5:]] if key.startswith("keys.") else key.replace('"gpt-4.1"', "gpt_4_1").split(".")
    for part in parts:
        table = table[part.replace("gpt_4_1", "gpt-4.1")]
    assert (",".join(value) if key.startswith("keys.") and isinstance(value, list) else value) == table
    assert file.read_text().startswith("# my settings\n")
    read = run("config", "get", key, "--json").json()
    assert read == (",".join(value) if key.startswith("keys.") and isinstance(value, list) else value)


def test_a_setting_returns_to_its_default(run: Run, file: Path) -> None:
    assert run("config", "unset", "ui.sidebar_width").code == 0
    assert run("config", "get", "ui.sidebar_width").out == "32\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("set", "temperature", "hot"), "temperature has to be a number from 0 to 2."),
        (("set", "temperature", "-1"), "temperature has to be a number from 0 to 2."),
        (("set", "temprature", "1"), "There is no setting temprature. Did you mean temperature?"),
        (("get", "ui.sidebarwidth"), "There is no setting ui.sidebarwidth. Did you mean ui.sidebar_width?"),
        (("set", "discover", "true\nmodel = 'evil'"), "discover has to be true or false."),
        (("set", "", "x"), "There is no setting ."),
        (("set", "model", "\udcff"), "model has to be text in UTF-8."),
        (("edit",), "The editor needs a terminal."),
    ],
)
def test_what_is_not_valid_is_refused_and_nothing_changes(
    run: Run, file: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = run("config", *arguments)
    assert result.code == 1
    assert sentence in result.err
    assert file.read_text() == TEXT


def test_keys_that_cannot_be_used_are_problems(run: Run, file: Path) -> None:
    file.write_text("[keys]\n'conversation.nwe' = 'f3'\n'conversation.rename' = 'no key'\n")
    result = run("config", "check")
    assert result.code == 1
    assert "unknown action “conversation.nwe”. Did you mean “conversation.new”?" in result.err
    assert "“no key” is no key" in result.err
    assert "unknown action" in run("doctor", "--offline").out


def test_a_file_is_checked(run: Run, file: Path) -> None:
    assert run("config", "check").out == f"{file} has no problems.\n"
    file.write_text("temperature = 'hot'\nmodle = 'a/b'\n")
    result = run("config", "check")
    assert (result.code, result.out) == (1, "")
    assert "line 1: temperature has to be a number from 0 to 2." in result.err
    assert "Did you mean model?" in result.err
    assert "2 problems in" in result.err
    file.write_text("temperature = \n")
    for command in ("check", "list", "get temperature", "set model a/b", "unset model"):
        result = run("config", *command.split())
        assert result.code == 1, command
        assert "line 1" in result.err, command
    assert file.read_text() == "temperature = \n"


def test_parameters_are_shown_with_where_they_come_from(run: Run, home: Path) -> None:
    folder = home / "config"
    (folder / "personas").mkdir()
    persona = 'system_prompt = "Edit."\ntemperature = 0.2\nparameters = { seed = 7 }\n'
    (folder / "personas" / "editor.toml").write_text(persona)
    (folder / "config.toml").write_text(
        'temperature = 0.9\nmax_tokens = 500\n[endpoints.work]\nurl = "http://127.0.0.1:1/v1"\n'
        'parameters = { top_p = 0.5, top_k = 4, keep_alive = "30m" }\nomit = ["max_tokens"]\n'
        '[endpoints.work.models."m/x"]\nparameters = { top_k = 9 }\n'
    )

    def shown(*arguments: str) -> dict[str, tuple[object, str]]:
        lines = run("config", "parameters", "--json", *arguments).lines()
        return {line["name"]: (line["value"], line["origin"]) for line in lines}

    assert shown("--model", "work/m/x") == {
        "top_p": (0.5, "provider work"),
        "keep_alive": ("30m", "provider work"),
        "max_tokens": (None, "provider work"),
        "top_k": (9, "model work/m/x"),
        "temperature": (0.9, "settings"),
    }
    with closing(Store.open(open_account(data_dir(home / "data")))) as store:
        session = store.conversations.create("Edited").id
        own = {"persona": "editor", "temperature": 0.2, "parameters": {"seed": 7, "top_p": 0.6}, "model": "work/m/x"}
        store.conversations.set_settings(session, own)
    found = shown("-c", "last")
    assert found["temperature"] == (0.2, "persona editor")
    assert found["seed"] == (7, "persona editor")
    assert found["top_p"] == (0.6, "conversation")
    assert "Name a model" in run("config", "parameters").err

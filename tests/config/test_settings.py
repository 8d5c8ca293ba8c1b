"""Settings in config.toml apply; problems in it are reported and ignored."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna import config
from sterna.config import SETTINGS, ConfigError, Settings, load, save_value
from sterna.config.request_settings import RequestSettings
from sterna.config.settings import BudgetSettings, PriceSettings
from tests.generated import examples

FULL = """\
# mine
model = "openrouter/acme/small"
system_prompt = "Be brief."
temperature = 1
theme = "nord"
discover = false

[ui]
sidebar_width = 40  # wide
show_reasoning = true
symbols = "ascii"

[timeouts]
read = 300

[sync]
server = "https://sterna.example.org"
enabled = true
interval = 90

[keys]
"conversation.rename" = "f3"
conversation.delete = ["delete", "ctrl+d"]
quit = ""

[endpoints.work]
url = "https://llm.example.com/v1"
key_env = "WORK_KEY"
models = ["a", "b"]
context_length = 32768
headers = { "X-Team" = "blue" }

[endpoints.home]
url = "http://localhost:8080"

[tools]
read = ["~/notes"]

[mcp.files]
command = "files-server"
args = ["--root", "/srv"]
env = { LANG = "C" }

[mcp.web]
url = "https://tools.example.com/mcp"
key_env = "WEB_KEY"
tools = ["search"]
enabled = false
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded == Settings(path=tmp_path / "config.toml")
    assert list(tmp_path.iterdir()) == []


def test_everything_that_is_set_applies(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    loaded = load(tmp_path)
    assert loaded.problems == ()
    assert (loaded.model, loaded.system_prompt, loaded.temperature, loaded.theme) == (
        "openrouter/acme/small",
        "Be brief.",
        1.0,
        "nord",
    )
    assert loaded.discover is False
    assert (loaded.ui.sidebar_width, loaded.ui.show_reasoning, loaded.ui.symbols, loaded.ui.vim) == (
        40,
        True,
        "ascii",
        True,
    )
    assert (loaded.timeouts.read, loaded.timeouts.connect) == (300.0, 10.0)
    assert (loaded.sync.server, loaded.sync.kind, loaded.sync.enabled, loaded.sync.interval) == (
        "https://sterna.example.org",
        "sterna",
        True,
        90.0,
    )
    assert loaded.keys == {"conversation.rename": "f3", "conversation.delete": "delete,ctrl+d", "quit": ""}
    work, home = loaded.endpoints
    assert (work.name, work.url, work.key_env, work.models) == (
        "work",
        "https://llm.example.com/v1",
        "WORK_KEY",
        ("a", "b"),
    )
    assert (work.context_length, dict(work.headers)) == (32768, {"X-Team": "blue"})
    assert (home.name, home.models, home.context_length) == ("home", (), None)
    assert (loaded.tools.read, loaded.tools.fetch, loaded.tools.rounds) == (("~/notes",), False, 20)
    files, web = loaded.mcp
    assert (files.name, files.command, files.args, dict(files.env), files.enabled) == (
        "files",
        "files-server",
        ("--root", "/srv"),
        {"LANG": "C"},
        True,
    )
    assert (web.url, web.key_env, web.tools, web.enabled) == (
        "https://tools.example.com/mcp",
        "WEB_KEY",
        ("search",),
        False,
    )


WRONG = (
    ("modle = 'x'", ("there is no setting modle", "Did you mean model?")),
    ("[ui]\nsidebar_widht = 30", ("ui.sidebar_widht", "Did you mean ui.sidebar_width?")),
    ("[iu]\nsidebar_width = 30", ("iu.sidebar_width", "Did you mean ui.sidebar_width?")),
    ("sidebar_width = 30", ("there is no setting sidebar_width", "Did you mean ui.sidebar_width?")),
    ("zzzzz = 1", ("there is no setting zzzzz. It is ignored.",)),
    ("[endpoints.a]\nurl = 'http://a'\nkey_evn = 'X'", ("endpoints.a.key_evn", "Did you mean endpoints.a.key_env?")),
    ("temperature = 'warm'", ("temperature has to be a number from 0 to 2",)),
    ("temperature = true", ("temperature has to be a number",)),
    ("temperature = nan", ("temperature has to be a number",)),
    ("temperature = 2.5", ("from 0 to 2",)),
    ("[ui]\nsidebar_width = 3", ("a whole number from 16 to 80",)),
    ("[ui]\nsidebar_width = 30.5", ("a whole number",)),
    ("[ui]\nvim = 1", ("ui.vim has to be true or false",)),
    ("[ui]\nsymbols = 'emoji'", ('one of "auto", "unicode", "ascii"',)),
    ("ui = 3", ("there is no setting ui",)),
    ("[sync]\nenabled = 'yes'", ("sync.enabled has to be true or false",)),
    ("[sync]\nkind = 'other'", ('one of "sterna", "upstream"',)),
    ("[sync]\nserver = 'example.org'", ("sync.server has to be an address",)),
    ("[sync]\ninterval = 1", ("from 15 to 86400",)),
    ("[model]\nname = 'x'", ("there is no setting model.name",)),
    ("max_tokens = 0", ("a whole number of 1 or more",)),
    ("[keys]\nquit = 3", ("keys.quit has to be a key in quotes",)),
    ("[endpoints.a]\nurl = 'localhost:1'", ("endpoints.a.url has to be an address", "http://")),
    ("[endpoints.a]\nlabel = 'A'", ("[endpoints.a] needs a url",)),
    ("[endpoints.a]", ("[endpoints.a] needs a url",)),
    ("[endpoints.'A b']\nurl = 'http://a'", ("[endpoints.A b] needs another name",)),
    ("[endpoints.guide]\nurl = 'http://a'", ("not guide",)),
    ("[endpoints.a]\nurl = 'http://a'\nmodels = 'm'", ("endpoints.a.models has to be a list of texts",)),
    ("[endpoints.a]\nurl = 'http://a'\nheaders = { n = 1 }", ("a table of texts",)),
    ("mcp = 3", ("there is no setting mcp",)),
    ("[mcp]\ncommand = 'a'", ("there is no setting mcp.command",)),
    ("[mcp.a]", ("[mcp.a] needs a command", "The server is not used.")),
    ("[mcp.a]\ncommand = 'x'\nurl = 'http://a'", ("has a command and a url",)),
    ("[mcp.a]\ncommand = 'x'\nkey_env = 'KEY'", ("[mcp.a] has key_env, which a program does not use",)),
    ("[mcp.a]\nurl = 'http://a'\nargs = ['x']", ("[mcp.a] has args, which a server with a url does not use",)),
    ("[mcp.a]\ncommand = 'x'\nenabled = 'no'", ("mcp.a.enabled has to be true or false. The server is not used.",)),
    ("[mcp.a]\ncommand = 'x'\nagrs = ['x']", ("there is no setting mcp.a.agrs. Did you mean mcp.a.args?",)),
    ("[mcp.a]\ncommand = 'x'\ntimeout = 0", ("mcp.a.timeout has to be a number from 1 to 3600",)),
    ("[mcp.a]\ncommand = 'x'\nenv = { 'A B' = 'x' }", ("names 'A B', which is no environment variable",)),
    ("[mcp.a__b]\ncommand = 'x'", ("[mcp.a__b] needs another name",)),
    ("[mcp.read]\ncommand = 'x'", ("not read, fetch or built-in",)),
    ("[mcp.a]\nurl = 'http://a'\nheaders = { 'X' = \"a\\nb\" }", ("has the header 'X', which cannot be sent",)),
    ("endpoints = 3", ("there is no setting endpoints",)),
    ("[[endpoints]]\nurl = 'http://a'", ("there is no setting endpoints",)),
)


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[row[0].replace("\n", " ") for row in WRONG])
def test_what_is_wrong_is_told_and_the_rest_applies(tmp_path: Path, text: str, says: tuple[str, ...]) -> None:
    path = written(tmp_path, f'theme = "nord"\n{text}\n')
    loaded = load(tmp_path)
    assert loaded.theme == "nord"
    problems = " ".join(loaded.problems)
    assert problems.startswith(str(path))
    for words in says:
        assert words in problems
    assert loaded._replace(problems=(), blocked="", theme="", endpoints=()) == Settings(path=path)


UNSENDABLE = (
    ("parameters = { temperature = nan }", "line 3: endpoints.a.parameters.temperature has to be a finite number"),
    ("parameters = { top_p = inf }", "line 3: endpoints.a.parameters.top_p has to be a finite number"),
    ("extra_body = { a = { b = [1.0, -inf] } }", "line 3: endpoints.a.extra_body.a.b has to be a finite number"),
    ("extra_body = { messages = [] }", "line 3: endpoints.a.extra_body.messages cannot be set here"),
    ("parameters = { model = 'x' }", "line 3: endpoints.a.parameters.model cannot be set here"),
    ('omit = ["messages"]', 'line 3: endpoints.a.omit cannot name "messages", which every request needs.'),
    ('omit = ["top_p", "model"]', 'line 3: endpoints.a.omit cannot name "model", which every request needs.'),
    ('[endpoints.a.models.m]\nomit = ["stream"]', "line 4: endpoints.a.models.m.omit cannot name"),
    ('omit = ["stream"]', 'endpoints.a.omit cannot name "stream": to get replies in one piece, set stream = false.'),
    ('omit = [""]', "line 3: endpoints.a.omit has an empty name."),
    ('omit = ["temprature"]', 'line 3: endpoints.a.omit names "temprature". Did you mean "temperature"?'),
    ("omit = [1]", "line 3: endpoints.a.omit has to be a list of names of parameters"),
    ("[endpoints.a.models.m.extra_body]\nstream = false", "line 4: endpoints.a.models.m.extra_body.stream cannot be"),
)


@pytest.mark.parametrize(("text", "says"), UNSENDABLE, ids=[row[0].replace("\n", " ") for row in UNSENDABLE])
def test_what_no_request_may_carry_is_refused(tmp_path: Path, text: str, says: str) -> None:
    written(tmp_path, f"[endpoints.a]\nurl = 'http://a'\n{text}\n")
    loaded = load(tmp_path)
    assert says in loaded.problems[0]
    assert says in loaded.blocked
    (endpoint,) = loaded.endpoints
    assert (endpoint.parameters, endpoint.extra_body, endpoint.omit) == ({}, {}, ())


def test_numbers_and_keys_that_a_request_may_carry_are_kept(tmp_path: Path) -> None:
    written(
        tmp_path, "[endpoints.a]\nurl = 'http://a'\nextra_body = { top_k = 5, provider = { model = 'x' }, p = [0.5] }"
    )
    loaded = load(tmp_path)
    assert loaded.problems == ()
    written(tmp_path, "[endpoints.a]\nurl = 'http://a'\nomit = ['temperature', 'top_p', 'min_p', 'seed', 'stop']")
    assert load(tmp_path).problems == ()
    assert loaded.endpoints[0].extra_body == {"top_k": 5, "provider": {"model": "x"}, "p": [0.5]}


UNREADABLE = (
    ("model = \n", ("line 2, column 9", "The defaults apply until you correct it and start again.")),
    ("[ui\n", ("line 2",)),
    ("theme = 'again'", ("Cannot overwrite a value",)),
    (b"model = '\xff'", ("not text in UTF-8", "byte")),
    ("x = " + "[" * 20_000, ("too deep",)),
    ("x = " + "9" * 5_000, ("config.toml",)),
)


@pytest.mark.parametrize(("text", "says"), UNREADABLE, ids=["value", "table", "twice", "bytes", "deep", "digits"])
def test_a_file_that_is_not_toml_names_the_place_and_is_never_overwritten(
    tmp_path: Path, text: str | bytes, says: tuple[str, ...]
) -> None:
    whole = b'theme = "nord"\n' + (text.encode() if isinstance(text, str) else text)
    path = written(tmp_path, whole)
    loaded = load(tmp_path)
    assert loaded._replace(problems=(), blocked="") == Settings(path=path)
    for words in (str(path), *says):
        assert words in loaded.problems[0]
    with pytest.raises(ConfigError, match="Nothing in it was changed"):
        save_value("theme", "light", tmp_path)
    assert path.read_bytes() == whole


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    assert "cannot be read" in load(tmp_path).problems[0]
    with pytest.raises(ConfigError, match="cannot be written"):
        save_value("theme", "light", tmp_path)


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "not-mounted" / "config.toml")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_dangling, os.mkfifo, _device], ids=["dangling link", "pipe", "device"])
def test_what_is_not_a_regular_file_counts_as_unreadable(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "config.toml"
    make(path)
    loaded = load(tmp_path)
    assert str(path) in loaded.blocked
    assert "until you correct it and start again" in loaded.problems[0]
    with pytest.raises(ConfigError, match="Nothing in it was changed"):
        save_value("theme", "light", tmp_path)
    assert not path.is_file()


def test_a_folder_that_is_a_link_to_nothing_counts_as_unreadable(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.symlink_to(tmp_path / "gone")
    assert str(folder) in load(folder).blocked


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "dotfiles.toml").write_text('theme = "nord"\n')
    (tmp_path / "config.toml").symlink_to(tmp_path / "dotfiles.toml")
    assert load(tmp_path).theme == "nord"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    written(tmp_path, '\ufefftheme = "nord"')
    assert load(tmp_path).theme == "nord"


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STERNA_CONFIG_DIR", str(tmp_path / "here"))
    save_value("theme", "nord")
    assert load().theme == "nord"
    assert load(environ={"STERNA_CONFIG_DIR": str(tmp_path / "here")}).theme == "nord"
    assert (tmp_path / "here" / "config.toml").exists()


def test_saving_keeps_comments_and_order(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    save_value("ui.sidebar_width", 28, tmp_path)
    save_value("ui.vim", False, tmp_path)
    save_value("keys.app.search", ["ctrl+f", "slash"], tmp_path)
    save_value("theme", None, tmp_path)
    save_value("timeouts.write", None, tmp_path)
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert "sidebar_width = 28 # wide" in text.replace("  #", " #")
    loaded = load(tmp_path)
    assert loaded.problems == ()
    assert (loaded.ui.sidebar_width, loaded.ui.vim, loaded.theme) == (28, False, "")
    assert loaded.keys["app.search"] == "ctrl+f,slash"
    assert [item.name for item in loaded.endpoints] == ["work", "home"]


def test_a_key_that_was_written_as_tables_is_changed_in_its_place(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    save_value("keys.conversation.delete", "f8", tmp_path)
    save_value("keys.conversation.rename", "f9", tmp_path)
    loaded = load(tmp_path)
    assert loaded.problems == ()
    assert (loaded.keys["conversation.delete"], loaded.keys["conversation.rename"]) == ("f8", "f9")
    assert (tmp_path / "config.toml").read_text().count("delete") == 1
    save_value("keys.conversation.delete", None, tmp_path)
    assert "conversation.delete" not in load(tmp_path).keys


def test_an_endpoint_can_be_saved_value_by_value(tmp_path: Path) -> None:
    save_value("endpoints.work.url", "https://llm.example.com/v1", tmp_path)
    save_value("endpoints.work.models", ("a", "b"), tmp_path)
    save_value("endpoints.work.headers", {"X-Team": "blue"}, tmp_path)
    loaded = load(tmp_path)
    assert loaded.problems == ()
    assert (loaded.endpoints[0].models, dict(loaded.endpoints[0].headers)) == (("a", "b"), {"X-Team": "blue"})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("thmee", "x", "Did you mean theme?"),
        ("temperature", 9, "from 0 to 2"),
        ("ui.symbols", "runes", "one of"),
        ("endpoints.work.url", "nowhere", "http://"),
        ("ui", {"vim": True}, "There is no setting ui"),
        ("", 1, "There is no setting"),
    ],
)
def test_what_cannot_be_is_not_saved(tmp_path: Path, key: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")):
        save_value(key, value, tmp_path)
    assert not (tmp_path / "config.toml").exists()


def test_a_value_in_place_of_a_table_is_not_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path, "ui = 3\n")
    with pytest.raises(ConfigError, match="not a table"):
        save_value("ui.vim", False, tmp_path)
    assert path.read_text() == "ui = 3\n"


def test_only_the_owner_can_read_what_is_saved(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "sterna"
    save_value("theme", "nord", folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "config.toml").stat().st_mode) == 0o600
    assert {item.name for item in folder.iterdir()} == {"config.toml", ".lock"}


def test_a_link_into_a_dotfiles_folder_stays_a_link(tmp_path: Path) -> None:
    dotfiles, folder = tmp_path / "dotfiles", tmp_path / "sterna"
    dotfiles.mkdir()
    folder.mkdir()
    (dotfiles / "sterna.toml").write_text('model = "a/b"\n')
    (folder / "config.toml").symlink_to(dotfiles / "sterna.toml")
    save_value("theme", "nord", folder)
    assert (folder / "config.toml").is_symlink()
    assert tomllib.loads((dotfiles / "sterna.toml").read_text()) == {"model": "a/b", "theme": "nord"}


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 'theme = "nord"\n')

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        save_value("theme", "light", tmp_path)
    assert path.read_text() == 'theme = "nord"\n'
    assert {item.name for item in tmp_path.iterdir()} == {"config.toml", ".lock"}


def test_prices_and_budgets_are_read_by_model(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[prices."work/gpt-4.1"]\ninput = 2\noutput = 8.0\n[budget]\ndaily = 1.5\nstop = true\n[prices.x]\ninputs = 1\n'
    )
    settings = load(tmp_path)
    assert settings.prices == {"work/gpt-4.1": PriceSettings(2.0, 8.0)}
    assert settings.budget == BudgetSettings(daily=1.5, stop=True)
    assert "there is no setting prices.x.inputs" in settings.problems[0]
    assert not settings.blocked


def test_the_table_of_settings_is_what_the_records_hold() -> None:
    defaults = Settings()
    for setting in SETTINGS:
        first, _, rest = setting.path.partition(".")
        if first == "prices":
            assert rest.rpartition(".")[2] in PriceSettings._fields
        elif "MODEL" in rest:
            assert rest.rpartition(".")[2] in {item.name for item in dataclasses.fields(RequestSettings)}
        elif first == "endpoints":
            assert rest.partition(".")[2] in {item.name for item in dataclasses.fields(config.EndpointSettings)}
        elif first == "mcp":
            assert rest.partition(".")[2] in {item.name for item in dataclasses.fields(config.McpServerSettings)}
        elif first != "keys":
            value = getattr(getattr(defaults, first), rest) if rest else getattr(defaults, first)
            assert value == setting.default, setting.path
        assert setting.help.endswith(".")
        if setting.default not in (None, {}):
            assert setting.check(setting.default) == setting.default
    named = {item.path for item in SETTINGS}
    assert {f"ui.{name}" for name in config.Ui._fields} <= named
    assert {f"tools.{name}" for name in config.ToolSettings._fields} <= named
    assert {f"timeouts.{name}" for name in config.TimeoutSettings._fields} <= named
    assert {f"sync.{item.name}" for item in dataclasses.fields(config.SyncSettings)} <= named


def test_reading_settings_loads_neither_tomlkit_nor_keyring(tmp_path: Path) -> None:
    written(tmp_path, FULL)
    program = (
        "import sys, pathlib; from sterna import config; config.load(pathlib.Path(sys.argv[1])); "
        "print([name for name in ('tomlkit', 'keyring', 'httpx', 'textual', 'sqlite3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_values = st.fixed_dictionaries(
    {},
    optional={
        "model": _texts,
        "system_prompt": _texts,
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 2**40),
        "theme": _texts,
        "discover": st.booleans(),
        "ui.sidebar_width": st.integers(16, 80),
        "ui.vim": st.booleans(),
        "ui.symbols": st.sampled_from(["auto", "unicode", "ascii"]),
        "timeouts.read": st.floats(1, 3600),
        "keys.conversation.rename": _texts,
        "keys.quit": st.lists(st.sampled_from(["f1", "ctrl+q"])),
        "endpoints.work.url": st.just("https://a.example/v1"),
        "endpoints.work.models": st.lists(_texts, max_size=3),
        "endpoints.work.headers": st.dictionaries(_texts, _texts, max_size=3),
    },
)


@examples(12)
@given(first=_values, second=_values)
def test_what_is_saved_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, first: Any, second: Any) -> None:
    folder = tmp_path_factory.mktemp("config")
    for values in (first, second):
        for key, value in values.items():
            save_value(key, value, folder)
    merged = first | second
    if any(key.startswith("endpoints.") for key in merged):
        save_value("endpoints.work.url", "https://a.example/v1", folder)
    loaded = load(folder)
    assert loaded.problems == ()
    for key, value in merged.items():
        name, _, rest = key.partition(".")
        if name == "keys":
            assert loaded.keys[rest] == (value if isinstance(value, str) else ",".join(value))
        elif name == "endpoints":
            read = getattr(loaded.endpoints[0], rest.partition(".")[2])
            assert (list(read) if isinstance(value, list) else read) == value
        else:
            assert (getattr(getattr(loaded, name), rest) if rest else getattr(loaded, name)) == value

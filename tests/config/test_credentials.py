"""Keys are kept where only their owner reads them, and a keyring that hangs or forgets does no harm."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sterna.config import ConfigError, EndpointSettings, credentials, system_keyring
from sterna.config.credentials import Credentials, key_of
from sterna.config.system_keyring import SystemRing, fit, within

KEY = "sk-canary-5f1d7c9b3a"


class MemoryBackend:
    """A back end of the kind that the package ``keyring`` has."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.fails: Exception | None = None
        self.hangs: threading.Event | None = None
        self.forgets = False

    def _check(self) -> None:
        if self.hangs is not None:
            self.hangs.wait(5)
        if self.fails is not None:
            raise self.fails

    def get_password(self, service: str, name: str) -> str | None:
        self._check()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, key: str) -> None:
        self._check()
        if not self.forgets:
            self.kept[service, name] = key

    def delete_password(self, service: str, name: str) -> None:
        self._check()
        del self.kept[service, name]


@pytest.fixture
def backend() -> Iterator[MemoryBackend]:
    one = MemoryBackend()
    yield one
    if one.hangs is not None:
        one.hangs.set()


def keys(folder: Path, backend: Any, patience: float = 2.0) -> Credentials:
    return Credentials(folder, lambda: SystemRing(backend, "sterna", patience) if backend is not None else None)


def test_a_key_goes_into_the_keyring_and_into_no_file(tmp_path: Path, backend: MemoryBackend) -> None:
    kept = keys(tmp_path, backend)
    assert kept.put("openai", f" {KEY}\n") == "keyring"
    assert backend.kept == {("sterna", "openai"): KEY}
    assert (kept.get("openai"), kept.source("openai")) == (KEY, "keyring")
    assert [path.name for path in tmp_path.iterdir() if KEY in path.read_text()] == []
    assert kept.delete("openai") == ["keyring"]
    assert (kept.get("openai"), kept.source("openai"), kept.delete("openai")) == (None, None, [])


def test_a_keyring_is_asked_once_for_a_key_that_is_not_there(tmp_path: Path, backend: MemoryBackend) -> None:
    kept = keys(tmp_path, backend)
    assert kept.get("local") is None
    backend.fails = RuntimeError("asked again")
    again = Credentials(tmp_path, pytest.fail)
    assert again.get("local") is None


def test_a_key_is_found_by_another_process_and_after_a_delete_is_not(tmp_path: Path, backend: MemoryBackend) -> None:
    assert keys(tmp_path, backend).get("work") is None
    keys(tmp_path, backend).put("work", KEY)
    assert keys(tmp_path, backend).get("work") == KEY
    keys(tmp_path, backend).delete("work")
    assert Credentials(tmp_path, pytest.fail).get("work") is None


def test_a_key_that_was_put_into_the_keyring_by_hand_is_seen_by_the_doctor(
    tmp_path: Path, backend: MemoryBackend
) -> None:
    kept = keys(tmp_path, backend)
    assert kept.get("work") is None
    backend.kept["sterna", "work"] = KEY
    assert kept.source("work") == "keyring"
    assert kept.get("work") == KEY


def test_a_keyring_that_failed_is_asked_again(tmp_path: Path, backend: MemoryBackend) -> None:
    backend.kept["sterna", "work"] = KEY
    backend.fails = RuntimeError("locked")
    assert keys(tmp_path, backend).get("work") is None
    backend.fails = None
    assert keys(tmp_path, backend).get("work") == KEY


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"work": "yes"}', "\x00"])
def test_a_damaged_note_of_names_costs_no_key(tmp_path: Path, backend: MemoryBackend, damage: str) -> None:
    keys(tmp_path, backend).put("work", KEY)
    (tmp_path / "keyring-names.json").write_text(damage)
    assert keys(tmp_path, backend).get("work") == KEY


def test_a_machine_without_a_session_bus_loads_no_keyring(tmp_path: Path) -> None:
    script = """
import os, sys
os.getuid = lambda: 987654
from sterna.config import credentials
print(credentials.here().get("x"), "keyring" in sys.modules)
"""
    environ = {"STERNA_CONFIG_DIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": ""}
    environ |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    bus = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    outputs = [
        subprocess.run([sys.executable, "-c", script], env=environ | more, capture_output=True, text=True).stdout
        for more in ({}, bus)
    ]
    assert outputs == ["None False\n", "None True\n"]


def test_without_a_keyring_a_key_goes_into_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sterna"
    kept = keys(folder, None)
    assert kept.put("openai", KEY) == "file"
    assert kept.put("groq", "gsk-2") == "file"
    path = folder / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (kept.get("openai"), kept.source("openai")) == (KEY, "file")
    assert kept.delete("openai") == ["file"]
    assert json.loads(path.read_text()) == {"groq": "gsk-2"}


@pytest.mark.parametrize("trouble", ["fails", "forgets", "hangs"])
def test_a_keyring_that_does_not_keep_is_replaced_by_the_file(
    tmp_path: Path, backend: MemoryBackend, trouble: str
) -> None:
    setattr(backend, trouble, {"fails": RuntimeError(KEY), "forgets": True, "hangs": threading.Event()}[trouble])
    kept = keys(tmp_path, backend, patience=0.05)
    began = time.monotonic()
    assert kept.put("openai", KEY) == "file"
    assert kept.get("openai") == KEY
    assert kept.get("another") is None
    assert time.monotonic() - began < 2


def test_a_key_in_the_file_is_newer_and_leaves_it_once_the_keyring_has_it(
    tmp_path: Path, backend: MemoryBackend
) -> None:
    kept = keys(tmp_path, backend)
    kept.put("openai", "old")
    backend.fails = RuntimeError("locked")
    kept.put("openai", "new")
    backend.fails = None
    assert kept.get("openai") == "new"
    kept.put("openai", "newest")
    assert json.loads((tmp_path / "credentials.json").read_text()) == {}
    assert kept.get("openai") == "newest"


def test_a_key_that_cannot_be_deleted_is_told_without_the_key(tmp_path: Path, backend: MemoryBackend) -> None:
    kept = keys(tmp_path, backend)
    kept.put("openai", KEY)
    backend.fails = RuntimeError(KEY)
    with pytest.raises(ConfigError, match="keyring still has the key of openai") as error:
        kept.delete("openai")
    assert KEY not in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]", "\xff", "[" * 100_000], ids=["half", "list", "bytes", "deep"])
def test_a_damaged_file_is_told_and_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(text, encoding="latin-1")
    for act in (lambda: keys(tmp_path, None).get("a"), lambda: keys(tmp_path, None).put("a", KEY)):
        with pytest.raises(ConfigError, match="damaged"):
            act()
    assert path.read_text(encoding="latin-1") == text


@pytest.mark.parametrize("key", ["", "  ", "two words\tand a tab", "schlüssel", "a\x00b"])
def test_what_cannot_be_a_key_is_not_kept(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="no key"):
        keys(tmp_path, None).put("a", key)
    assert not (tmp_path / "credentials.json").exists()


def test_nothing_of_a_key_is_logged_or_shown(
    tmp_path: Path, backend: MemoryBackend, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for one in (keys(tmp_path, backend), keys(tmp_path, None)):
        one.put("openai", KEY)
        one.get("openai")
        assert KEY not in repr(one)
    assert KEY not in caplog.text
    assert KEY not in "".join(capfd.readouterr())


def of_module(name: str) -> Any:
    """A back end as if its class came from that module."""
    return type("Keyring", (), {"__module__": name})()


def test_back_ends_that_keep_nothing_or_plain_text_are_no_keyring() -> None:
    for name in ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.file"):
        assert not fit(of_module(name))
    assert fit(of_module("keyring.backends.SecretService"))
    chain = of_module("keyring.backends.chainer")
    chain.backends = [of_module("keyring.backends.SecretService"), of_module("keyrings.alt.file")]
    assert not fit(chain)


def test_a_bus_that_hangs_counts_as_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    over = threading.Event()
    asked: list[bool] = []

    def hang() -> Any:
        asked.append(True)
        over.wait(5)

    monkeypatch.setattr(keyring, "get_keyring", hang)
    monkeypatch.setattr(system_keyring, "DETECTION", 0.05)
    system_keyring._found.cache_clear()
    try:
        assert system_keyring.system("sterna") is None
        assert system_keyring.system("sterna") is None
        assert asked == [True], "it is not asked again"
    finally:
        over.set()
        system_keyring._found.cache_clear()


def test_what_a_thread_raises_reaches_who_asked() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        within(2, fail)
    assert within(2, lambda: 3) == 3


def test_another_folder_has_other_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: MemoryBackend) -> None:
    monkeypatch.setattr(system_keyring, "_found", lambda: backend)
    for name in ("a", "b"):
        monkeypatch.setenv("STERNA_CONFIG_DIR", str(tmp_path / name))
        assert credentials.put("openai", f"key-{name}") == "keyring"
    monkeypatch.setenv("STERNA_CONFIG_DIR", str(tmp_path / "a"))
    assert credentials.get("openai") == "key-a"
    assert credentials.delete("openai") == ["keyring"]
    assert credentials.get("openai") is None


def endpoint(**fields: Any) -> EndpointSettings:
    return EndpointSettings("work", "https://a.example/v1", **fields)


def test_a_key_is_taken_from_the_variable_then_the_command_then_what_is_kept(tmp_path: Path) -> None:
    environ = {"STERNA_CONFIG_DIR": str(tmp_path), "WORK_KEY": " from-env "}
    (tmp_path / "credentials.json").write_text(json.dumps({"work": "kept"}))
    command = f"{sys.executable} -c \"print('from-command'); print('more')\""
    both = endpoint(key_env="WORK_KEY", key_command=command)
    assert key_of(both, environ) == "from-env"
    assert key_of(both, environ | {"WORK_KEY": ""}) == "from-command"
    assert key_of(endpoint(key_env="WORK_KEY"), environ | {"WORK_KEY": ""}) == "kept"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("/nowhere/pass show x", "cannot be run"),
        ("'", "not a command"),
        ("  ", "not a command"),
        (f"{sys.executable} -c \"import sys; print('{KEY}'); sys.exit(3)\"", "status 3"),
        (f'{sys.executable} -c ""', "gave none"),
        (f'{sys.executable} -c "import time; time.sleep(9)"', "more than 0.3 s"),
    ],
)
def test_a_command_that_gives_no_key_is_told_without_its_words(tmp_path: Path, command: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        key_of(
            endpoint(key_command=command), {"STERNA_CONFIG_DIR": str(tmp_path)}, limit=0.3 if "sleep" in command else 10
        )
    assert KEY not in str(error.value)
    assert "key_command of [endpoints.work]" in str(error.value)


def test_a_turn_is_of_one_at_a_time_and_ends_with_its_process(tmp_path: Path) -> None:
    kept = keys(tmp_path / "new", None)
    mine, other = kept.turn("account.x"), kept.turn("account.x")
    assert mine.take()
    assert not other.take()
    assert kept.turn("account.y").take()
    mine.give_back()
    assert other.take()
    other.give_back()
    program = (
        "import sys, pathlib; from sterna.config.credentials import Credentials; "
        "turn = Credentials(pathlib.Path(sys.argv[1]), lambda: None).turn('account.x'); "
        "print(turn.take(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "new"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "True\n"
        assert not mine.take()
        holding.kill()
        holding.wait(30)
    assert mine.take()
    mine.give_back()


def test_a_turn_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        keys(tmp_path / "file", None).turn("account.x").take()


def test_a_sign_in_is_kept_as_a_key_is(tmp_path: Path, backend: MemoryBackend) -> None:
    text = json.dumps({"email": "bücher@example.org", "access": KEY})
    assert keys(tmp_path, backend).put("account.x", text) == "keyring"
    assert keys(tmp_path, backend).get("account.x") == text
    assert keys(tmp_path, None).put("account.x", text) == "file"
    assert keys(tmp_path, None).get("account.x") == text

"""Keys are stored where only their owner can read them; a keyring that hangs or loses keys does no harm."""

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
from sterna.config.credentials import Credentials, endpoint_key
from sterna.config.system_keyring import SystemKeyring, call_with_timeout, is_secure

KEY = "sk-canary-5f1d7c9b3a"


class MemoryBackend:
    """Back end with the interface of the package ``keyring``."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], str] = {}
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
        return self.stored.get((service, name))

    def set_password(self, service: str, name: str, key: str) -> None:
        self._check()
        if not self.forgets:
            self.stored[service, name] = key

    def delete_password(self, service: str, name: str) -> None:
        self._check()
        del self.stored[service, name]


@pytest.fixture
def backend() -> Iterator[MemoryBackend]:
    item = MemoryBackend()
    yield item
    if item.hangs is not None:
        item.hangs.set()


def keys(folder: Path, backend: Any, timeout: float = 2.0) -> Credentials:
    return Credentials(folder, lambda: SystemKeyring(backend, "sterna", timeout) if backend is not None else None)


def test_a_key_goes_into_the_keyring_and_into_no_file(tmp_path: Path, backend: MemoryBackend) -> None:
    stored = keys(tmp_path, backend)
    assert stored.put("openai", f" {KEY}\n") == "keyring"
    assert backend.stored == {("sterna", "openai"): KEY}
    assert (stored.get("openai"), stored.source("openai")) == (KEY, "keyring")
    assert [path.name for path in tmp_path.iterdir() if KEY in path.read_text()] == []
    assert stored.delete("openai") == ["keyring"]
    assert (stored.get("openai"), stored.source("openai"), stored.delete("openai")) == (None, None, [])


def test_a_keyring_is_asked_once_for_a_key_that_is_not_there(tmp_path: Path, backend: MemoryBackend) -> None:
    stored = keys(tmp_path, backend)
    assert stored.get("local") is None
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
    stored = keys(tmp_path, backend)
    assert stored.get("work") is None
    backend.stored["sterna", "work"] = KEY
    assert stored.source("work") == "keyring"
    assert stored.get("work") == KEY


def test_a_keyring_that_failed_is_asked_again(tmp_path: Path, backend: MemoryBackend) -> None:
    backend.stored["sterna", "work"] = KEY
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
print(credentials.open_credentials().get("x"), "keyring" in sys.modules)
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
    stored = keys(folder, None)
    assert stored.put("openai", KEY) == "file"
    assert stored.put("groq", "gsk-2") == "file"
    path = folder / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (stored.get("openai"), stored.source("openai")) == (KEY, "file")
    assert stored.delete("openai") == ["file"]
    assert json.loads(path.read_text()) == {"groq": "gsk-2"}


@pytest.mark.parametrize("trouble", ["fails", "forgets", "hangs"])
def test_a_keyring_that_does_not_keep_is_replaced_by_the_file(
    tmp_path: Path, backend: MemoryBackend, trouble: str
) -> None:
    setattr(backend, trouble, {"fails": RuntimeError(KEY), "forgets": True, "hangs": threading.Event()}[trouble])
    stored = keys(tmp_path, backend, timeout=0.05)
    began = time.monotonic()
    assert stored.put("openai", KEY) == "file"
    assert stored.get("openai") == KEY
    assert stored.get("another") is None
    assert time.monotonic() - began < 2


def test_a_key_in_the_file_is_newer_and_leaves_it_once_the_keyring_has_it(
    tmp_path: Path, backend: MemoryBackend
) -> None:
    stored = keys(tmp_path, backend)
    stored.put("openai", "old")
    backend.fails = RuntimeError("locked")
    stored.put("openai", "new")
    backend.fails = None
    assert stored.get("openai") == "new"
    stored.put("openai", "newest")
    assert json.loads((tmp_path / "credentials.json").read_text()) == {}
    assert stored.get("openai") == "newest"


def test_a_key_that_cannot_be_deleted_is_told_without_the_key(tmp_path: Path, backend: MemoryBackend) -> None:
    stored = keys(tmp_path, backend)
    stored.put("openai", KEY)
    backend.fails = RuntimeError(KEY)
    with pytest.raises(ConfigError, match="keyring still has the key of openai") as error:
        stored.delete("openai")
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
    with pytest.raises(ConfigError, match="not a valid key"):
        keys(tmp_path, None).put("a", key)
    assert not (tmp_path / "credentials.json").exists()


def test_nothing_of_a_key_is_logged_or_shown(
    tmp_path: Path, backend: MemoryBackend, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for item in (keys(tmp_path, backend), keys(tmp_path, None)):
        item.put("openai", KEY)
        item.get("openai")
        assert KEY not in repr(item)
    assert KEY not in caplog.text
    assert KEY not in "".join(capfd.readouterr())


def of_module(name: str) -> Any:
    """Return a back end whose class seems to be from that module."""
    return type("Keyring", (), {"__module__": name})()


def test_back_ends_that_keep_nothing_or_plain_text_are_no_keyring() -> None:
    for name in ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.file"):
        assert not is_secure(of_module(name))
    assert is_secure(of_module("keyring.backends.SecretService"))
    chain = of_module("keyring.backends.chainer")
    chain.backends = [of_module("keyring.backends.SecretService"), of_module("keyrings.alt.file")]
    assert not is_secure(chain)


def test_a_bus_that_hangs_counts_as_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    over = threading.Event()
    calls: list[bool] = []

    def hang() -> Any:
        calls.append(True)
        over.wait(5)

    monkeypatch.setattr(keyring, "get_keyring", hang)
    monkeypatch.setattr(system_keyring, "DETECTION_TIMEOUT", 0.05)
    system_keyring._detect.cache_clear()
    try:
        assert system_keyring.open_keyring("sterna") is None
        assert system_keyring.open_keyring("sterna") is None
        assert calls == [True], "it is not asked again"
    finally:
        over.set()
        system_keyring._detect.cache_clear()


def test_what_a_thread_raises_reaches_who_asked() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        call_with_timeout(2, fail)
    assert call_with_timeout(2, lambda: 3) == 3


def test_another_folder_has_other_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: MemoryBackend) -> None:
    monkeypatch.setattr(system_keyring, "_detect", lambda: backend)
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
    (tmp_path / "credentials.json").write_text(json.dumps({"work": "stored"}))
    command = f"{sys.executable} -c \"print('from-command'); print('more')\""
    both = endpoint(key_env="WORK_KEY", key_command=command)
    assert endpoint_key(both, environ) == "from-env"
    assert endpoint_key(both, environ | {"WORK_KEY": ""}) == "from-command"
    assert endpoint_key(endpoint(key_env="WORK_KEY"), environ | {"WORK_KEY": ""}) == "stored"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("/nowhere/pass show x", "cannot be run"),
        ("'", "not a command"),
        ("  ", "not a command"),
        (f"{sys.executable} -c \"import sys; print('{KEY}'); sys.exit(3)\"", "exit code 3"),
        (f'{sys.executable} -c ""', "printed none"),
        (f'{sys.executable} -c "import time; time.sleep(9)"', "longer than 0.3 s"),
    ],
)
def test_a_command_that_gives_no_key_is_told_without_its_words(tmp_path: Path, command: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        endpoint_key(
            endpoint(key_command=command),
            {"STERNA_CONFIG_DIR": str(tmp_path)},
            timeout=0.3 if "sleep" in command else 10,
        )
    assert KEY not in str(error.value)
    assert "key_command of [endpoints.work]" in str(error.value)


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path: Path) -> None:
    stored = keys(tmp_path / "new", None)
    own, other = stored.lock("account.x"), stored.lock("account.x")
    assert own.try_acquire()
    assert not other.try_acquire()
    assert stored.lock("account.y").try_acquire()
    own.release()
    assert other.try_acquire()
    other.release()
    program = (
        "import sys, pathlib; from sterna.config.credentials import Credentials; "
        "lock = Credentials(pathlib.Path(sys.argv[1]), lambda: None).lock('account.x'); "
        "print(lock.try_acquire(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "new"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "True\n"
        assert not own.try_acquire()
        holding.kill()
        holding.wait(30)
    assert own.try_acquire()
    own.release()


def test_a_lock_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be created"):
        keys(tmp_path / "file", None).lock("account.x").try_acquire()


def test_a_sign_in_is_kept_as_a_key_is(tmp_path: Path, backend: MemoryBackend) -> None:
    text = json.dumps({"email": "bücher@example.org", "access": KEY})
    assert keys(tmp_path, backend).put("account.x", text) == "keyring"
    assert keys(tmp_path, backend).get("account.x") == text
    assert keys(tmp_path, None).put("account.x", text) == "file"
    assert keys(tmp_path, None).get("account.x") == text

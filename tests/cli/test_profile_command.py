"""``sterna profile`` and ``sterna profile set``."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import Store, data_dir, open_account
from tests.cli.conftest import Run

USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"


def opened(home: Path) -> Store:
    return Store.open(open_account(data_dir(home / "data")))


def test_what_is_changed_is_kept_and_waits_for_the_server(run: Run, home: Path) -> None:
    for name, value in (("full_name", "Ada L."), ("temperature", "1"), ("system_prompt", "Be kind.")):
        done = run("profile", "set", name, value)
        assert (done.code, done.out) == (0, "Kept. The server is told with the next sync.\n")
    store = opened(home)
    assert store.pending_profile() == {
        "full_name": "Ada L.", "model": {"temperature": 1, "system_prompt": "Be kind."},
    }  # fmt: skip
    store.close()
    told = run("profile", "--json").json()["profile"]
    assert (told["full_name"], told["preferences"]["model"]["temperature"]) == ("Ada L.", 1.0)


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", "hot"), ("temperature", "9"), ("default_model", "m" * 101)]
)
def test_what_cannot_be_is_a_sentence(run: Run, name: str, value: str) -> None:
    done = run("profile", "set", name, value)
    assert done.code == 1
    assert done.err.startswith("sterna: ")
    assert run("profile", "set", "tier", "pro").code == 2
    assert run("profile", "set", "ui.", "x").code == 2


def test_preferences_of_one_s_own_are_merged(run: Run, home: Path) -> None:
    for name, value in (("ui.theme", "light"), ("ui.list.width", "40"), ("session.export_format", '"json"')):
        assert run("profile", "set", name, value).code == 0
    told = run("profile", "--json").json()["profile"]["preferences"]
    assert (told["ui"]["theme"], told["ui"]["list"], told["ui"]["auto_save"]) == ("light", {"width": 40}, True)
    assert told["session"]["export_format"] == "json"


def test_limits_of_the_server_s_models_are_told(run: Run, home: Path) -> None:
    store = opened(home)
    store.adopt("https://chat.example.org", USER, "ada@example.org")
    price = {"prompt": "0", "completion": "0"}
    store.take_models([{"id": "g/m", "tier": "free", "daily_limit": 20, "pricing": price}], relays=True)
    store.close()
    assert "g/m: 0 of 20 today\n" in run("profile").out
    (model,) = run("profile", "--json").json()["models"]
    assert (model["allowed"], model["daily_limit"], model["today"]) == (True, 20, 0)

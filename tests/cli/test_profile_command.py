"""``sterna profile`` and ``sterna profile set``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna.storage import Store, data_dir, open_account
from tests.cli.conftest import Run

USER = "7d4e5a2c-0f6b-4c3d-9e8f-1a2b3c4d5e6f"


def opened(home: Path) -> Store:
    return Store.open(open_account(data_dir(home / "data")))


def test_what_is_changed_is_kept_and_waits_for_the_server(run: Run, home: Path) -> None:
    for name, value in (("full_name", "Ada L."), ("temperature", "1"), ("system_prompt", "Be kind.")):
        done = run("profile", "set", name, value)
        assert (done.code, done.out) == (0, "Saved. It is sent to the server with the next sync.\n")
    store = opened(home)
    assert store.server_profile.pending_profile() == {
        "full_name": "Ada L.", "model": {"temperature": 1, "system_prompt": "Be kind."},
    }  # fmt: skip
    store.close()
    stored = run("profile", "--json").json()["profile"]
    assert (stored["full_name"], stored["preferences"]["model"]["temperature"]) == ("Ada L.", 1.0)


@pytest.mark.parametrize(("name", "value"), [("temperature", "hot"), ("temperature", "9"), ("temperature", "nan")])
def test_what_cannot_be_is_a_sentence(run: Run, name: str, value: str) -> None:
    done = run("profile", "set", name, value)
    assert done.code == 1
    assert done.err.startswith("sterna: ")
    assert run("profile", "set", "tier", "pro").code == 2
    assert run("profile", "set", "ui.", "x").code == 2


def test_counts_agree_with_their_nouns(run: Run, configured: Path) -> None:
    assert "all time: 0 conversations, 0 messages, 0 tokens\n" in run("profile").out
    run("ask", "hello")
    assert "all time: 1 conversation, 2 messages, " in run("profile").out


@pytest.mark.parametrize("name", ["temperature", "system_prompt"])
def test_a_value_can_be_unset(run: Run, home: Path, name: str) -> None:
    assert run("profile", "--json").json()["profile"]["preferences"]["model"][name]
    assert run("profile", "set", name, "").code == 0
    assert run("profile", "--json").json()["profile"]["preferences"]["model"][name] is None
    store = opened(home)
    assert store.server_profile.pending_profile() == {"model": {name: None}}
    store.close()


@pytest.mark.parametrize(
    "name",
    ["ui.theme", "ui.sidebar_width", "ui.list.width", "session.confirm_delete", "default_model", "allowed_models"],
)
def test_what_nothing_reads_is_refused_with_where_it_is_set(run: Run, home: Path, name: str) -> None:
    before = run("profile", "--json").json()["profile"]["preferences"]
    done = run("profile", "set", name, "light")
    assert (done.code, done.out) == (1, "")
    assert "set" in done.err.lower()
    assert run("profile", "--json").json()["profile"]["preferences"] == before
    store = opened(home)
    assert store.server_profile.pending_profile() == {}
    store.close()


def test_limits_of_the_server_s_models_are_told(run: Run, home: Path) -> None:
    store = opened(home)
    store.linking.adopt("https://chat.example.org", USER, "ada@example.org")
    price = {"prompt": "0", "completion": "0"}
    store.server_profile.merge_models([{"id": "g/m", "tier": "free", "daily_limit": 20, "pricing": price}], relays=True)
    store.close()
    assert "g/m: 0 of 20 today\n" in run("profile").out
    (model,) = run("profile", "--json").json()["models"]
    assert (model["allowed"], model["daily_limit"], model["today"]) == (True, 20, 0)

"""``sterna doctor``, ``models`` and ``keys``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sterna.storage import Settled, Store, open_account
from tests.cli.conftest import Run
from tests.fake_openai import Server


def exchange(store: Store, prompt: str) -> None:
    """Store a prompt and its reply."""
    begun = store.live_replies.begin_turn(None, prompt, model="acme/small")
    store.live_replies.settle(begun.reply.id, Settled("done", "Yes."))


def test_a_sound_house_is_reported_sound(run: Run, configured: Path) -> None:
    run("ask", "hello")
    result = run("doctor")
    assert result.code == 0, result.out
    assert "FAIL" not in result.out
    for text in ("SQLite 3.", "1 conversation, 2 messages", "3 models", str(configured / "data"), "local only · "):
        assert text in result.out
    report = run("doctor", "--json").json()
    assert report["ok"] is True
    assert all(set(item) == {"name", "ok", "detail"} for item in report["findings"])


def test_a_setting_that_is_misspelt_is_found(run: Run, configured: Path) -> None:
    with (configured / "config" / "config.toml").open("a") as file:
        file.write('[ui]\nsidebar_widht = 40\nsymbols = "emoji"\n')
    result = run("doctor", "--offline")
    assert result.code == 1
    assert "ui.sidebar_width" in result.out
    assert "ui.symbols" in result.out


def test_a_theme_that_cannot_be_used_is_found(run: Run, configured: Path) -> None:
    folder = configured / "config" / "themes"
    folder.mkdir()
    (folder / "paper.toml").write_text('background = "#fffdf5"')
    assert "ok    themes: 1 file in" in run("doctor", "--offline").out
    (folder / "broken.toml").write_text('primary = "blu"')
    settings = configured / "config" / "config.toml"
    settings.write_text(f'theme = "harbour"\n{settings.read_text()}')
    result = run("doctor", "--offline")
    assert result.code == 1
    assert "broken.toml: primary has to be a color" in result.out
    assert "There is no theme “harbour”." in result.out


def test_an_endpoint_that_does_not_answer_is_found(run: Run, home: Path) -> None:
    (home / "config" / "config.toml").write_text(
        'discover = false\n[endpoints.gone]\nurl = "http://127.0.0.1:1/v1"\nkey_env = "GONE_KEY"\n'
    )
    result = run("doctor")
    assert result.code == 1
    assert "FAIL  provider gone:" in result.out
    assert "$GONE_KEY, which is not set" in result.out
    assert run("doctor", "--offline").code == 0
    models = run("models")
    assert (models.code, models.out) == (1, "guide/guide\n")
    assert models.err.startswith("sterna: gone: ")


def test_a_damaged_file_is_found_and_named(run: Run, home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    path = open_account(home / "data")
    path.write_bytes(b"This is no database, it is a letter. " * 300)
    for command in (("doctor", "--offline"), ("list",), ("ask", "hello")):
        result = run(*command)
        assert result.code == 1
        assert str(path) in result.out + result.err
        assert "Traceback" not in result.err


def test_rows_that_lost_their_conversation_are_found(run: Run, home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    store = Store.open(open_account(home / "data"))
    session = store.conversations.create("whole")
    store.db.execute("pragma foreign_keys = off")
    for session_id in ("gone", session.id):
        store.db.execute("insert into session_settings (session_id, key, value) values (?, 'm', '1')", (session_id,))
    store.close()
    result = run("doctor", "--offline")
    assert result.code == 1
    assert "rows without the row they belong to: 1, in session_settings" in result.out


def test_damaged_values_shut_nobody_out_and_are_repaired_beside_a_copy(run: Run, home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    path = open_account(home / "data")
    store = Store.open(path)
    exchange(store, "Where do terns breed?")
    store.db.execute("update chat_sessions set title = cast(x'436166ff' as text)")
    store.db.execute("update chat_messages set content = cast(x'ff' as text) where role = 'assistant'")
    store.close()
    for command in (("list",), ("show",), ("search", "caf"), ("export",), ("export", "--format", "markdown")):
        result = run(*command)
        assert (result.code, result.err) == (0, ""), command
        assert "\ufffd" in result.out or "Caf" in result.out
    result = run("doctor", "--offline")
    assert result.code == 1
    assert "FAIL  values: damaged: chat_messages.content (1), " in result.out
    result = run("doctor", "repair")
    assert result.code == 0
    copy = next(path.parent.glob("*.backup-*.db"))
    assert str(copy) in result.out
    assert run("doctor", "--offline").code == 0
    assert run("doctor", "repair").out == "No damaged values.\n"
    assert "Where do terns breed?" in run("show").out


def test_a_file_open_to_others_is_found(run: Run, home: Path) -> None:
    run("list")
    open_account(home / "data").chmod(0o644)
    (home / "data").chmod(0o755)
    result = run("doctor", "--offline")
    assert result.code == 1
    assert "chmod 600" in result.out
    assert "chmod 700" in result.out


def test_suggested_commands_can_be_pasted_into_a_shell(run: Run, home: Path) -> None:
    folder = home / "my data; $(touch pwned) it's"
    run("--data-dir", str(folder), "list")
    folder.chmod(0o755)
    report = run("--data-dir", str(folder), "doctor", "--offline").out
    command = next(line for line in report.splitlines() if "chmod" in line).partition("Run: ")[2]
    subprocess.run(["bash", "-c", command], check=True, cwd=home)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not (home / "pwned").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "wall").write_text("a file, not a folder")
    monkeypatch.setenv("STERNA_DATA_DIR", str(home / "wall" / "data"))
    for command in (("list",), ("ask", "hi"), ("doctor", "--offline")):
        result = run(*command)
        assert result.code == 1
        assert "cannot be created" in result.out + result.err


def test_the_models_are_listed_as_they_are_asked(run: Run, configured: Path) -> None:
    assert run("models").out == "test/model  (default)\ntest/other\ntest/tiny\nguide/guide\n"
    rows = run("models", "--json").lines()
    assert rows[0] == {
        "ref": "test/model",
        "endpoint": "test",
        "id": "model",
        "name": rows[0]["name"],
        "context_length": 8192,
        "tier": None,
        "allowed": True,
        "limits": None,
        "abilities": [],
        "favourite": False,
        "input_price": None,
        "output_price": None,
    }
    assert run("models", "--favourite", "test/tiny").out == "test/tiny\n"
    assert "test/tiny  (favourite)\n" in run("models").out
    assert run("models", "--favourites", "--json").lines() == [{"ref": "test/tiny"}]
    assert run("models", "--no-favourite", "test/tiny").out == ""
    assert "is not a model" in run("models", "--favourite", "tiny").err


def test_a_key_is_kept_used_and_never_shown(run: Run, server: Server, configured: Path) -> None:
    server.fake.key = "sk-quite-secret"
    assert run("ask", "hello").code == 1
    result = run("keys", "set", "test", stdin=b"sk-quite-secret\n")
    assert result.code == 0
    assert "a file that only you can read" in result.out
    assert run("ask", "hello").out == "You said: hello\n"
    for command in (("doctor",), ("doctor", "--json"), ("models",), ("keys", "--help"), ("export",)):
        printed = run(*command)
        assert "quite-secret" not in printed.out + printed.err
    assert run("keys", "delete", "test").code == 0
    assert run("ask", "hello").code == 1
    again = run("keys", "delete", "test")
    assert (again.code, "There is no stored key of test" in again.err) == (1, True)


def test_a_key_of_a_known_service_adds_its_endpoint(run: Run, home: Path) -> None:
    assert run("keys", "set", "openrouter", stdin=b"sk-or-1\n").code == 0
    written = (home / "config" / "config.toml").read_text()
    assert "https://openrouter.ai/api/v1" in written
    assert 'model = "openrouter/' in written
    assert "sk-or-1" not in written


def test_a_key_of_nobody_is_refused(run: Run) -> None:
    result = run("keys", "set", "nobody", stdin=b"sk-1\n")
    assert (result.code, "[endpoints.nobody]" in result.err) == (2, True)
    empty = run("keys", "set", "openai", stdin=b"\n")
    assert (empty.code, "This is not a valid key" in empty.err) == (1, True)

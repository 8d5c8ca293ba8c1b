"""Two devices and their server as real processes: a conversation gets branches, and both devices show the same one."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sterna.storage import Store, data_dir, open_account
from tests.clients import WORD
from tests.fake_openai import Script, Server
from tests.stories.processes import Home, RunningCommand
from tests.stories.test_serve_story import address


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    command: RunningCommand = Home(folder).start("serve", "--port", "0", "--no-rate-limits")
    yield address(command)
    command.signal(signal.SIGTERM)
    assert command.wait().code == 0


def device(folder: Path, model: str, url: str, *options: str) -> Home:
    """A device of the test's account that has signed in and sends."""
    email = f"{folder.parent.name}@example.org"
    folder.mkdir()
    home = Home(folder)
    home.configure(model)
    command = home.start(
        "login", url, *options, "--email", email, "--password-stdin", "--yes", "--adopt", stdin=subprocess.PIPE
    )
    done = command.wait(f"{WORD}\n")
    assert done.code == 0, done.err
    return home


def sync(*homes: Home) -> None:
    for home in homes:
        done = home.run("sync", "--once")
        assert done.code == 0, done.err


def messages(home: Home) -> dict[str, list[tuple[str, str, str | None]]]:
    """Texts, ids and parents of the messages of each conversation, by its title; of the shown branch first."""
    store = Store.open(open_account(data_dir(home.folder / "data")))
    try:
        return {
            row.title: [
                (message.content, message.id, message.parent_id)
                for read in (store.messages.after, store.messages.all_after)
                for message in read(row.id, None, 99)
            ]
            for row in store.conversations.page(0, 9)
        }
    finally:
        store.close()


def shown(home: Home, title: str) -> list[str]:
    """The prompts of the shown branch."""
    texts = [text for text, _, _ in messages(home)[title]]
    return [text for text in texts[: texts.index("first", 1)] if not text.startswith("You said")]


@pytest.mark.slow
def test_two_devices_show_the_branch_that_was_chosen_last(tmp_path: Path, server: Server, url: str) -> None:
    laptop = device(tmp_path / "laptop", server.url, url, "--create")
    desktop = device(tmp_path / "desktop", server.url, url)
    assert laptop.run("ask", "first").code == 0
    assert laptop.run("ask", "-c", "last", "second").code == 0
    sync(laptop, desktop)
    assert desktop.run("edit", "last", "third").code == 0
    sync(desktop, laptop)
    assert messages(laptop) == messages(desktop)
    assert shown(laptop, "first") == ["first", "third"]
    assert desktop.run("undo").code == 0
    assert laptop.run("fork", "last").code == 0
    sync(desktop, laptop, desktop)
    assert messages(laptop) == messages(desktop)
    assert shown(laptop, "first") == ["first", "second"]
    assert shown(laptop, "first (fork)") == ["first", "third"]


@pytest.mark.slow
def test_an_attached_file_is_there_on_the_other_device(tmp_path: Path, server: Server, url: str) -> None:
    laptop = device(tmp_path / "laptop", server.url, url, "--create")
    desktop = device(tmp_path / "desktop", server.url, url)
    server.fake.reply = lambda _: Script(("It is about terns.",))
    notes = tmp_path / "notes.txt"
    notes.write_text("Küstenseeschwalbe\n" * 100_000, "utf-8")
    assert laptop.run("ask", "-a", str(notes), "Read this").code == 0
    assert "Küstenseeschwalbe" in server.fake.requests[-1]["messages"][-1]["content"]
    sync(laptop, desktop)
    assert messages(laptop) == messages(desktop)
    copied = tmp_path / "copied"
    assert desktop.run("attachments", "-o", str(copied)).code == 0
    assert [path.read_bytes() for path in copied.rglob("*.txt")] == [notes.read_bytes()]
    assert desktop.run("edit", "last", "And this?").code == 0
    sync(desktop, laptop)
    assert messages(laptop) == messages(desktop)

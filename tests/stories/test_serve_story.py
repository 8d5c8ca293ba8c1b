"""``sterna serve`` as an administrator uses it: real processes, a folder of its own."""

from __future__ import annotations

import re
import signal
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from tests.stories.processes import Home, RunningCommand, until

PASSWORD = "a password of the story"


def address(command: RunningCommand) -> str:
    """Return the URL that the server prints."""
    command.wait_for_output("http://127.0.0.1:")
    command.wait_for_output("\n")
    found = re.search(r"http://127\.0\.0\.1:\d+", command.output.decode())
    assert found is not None
    return found[0]


def signed_in(url: str, path: str) -> httpx.Client:
    """Return a client of an account: a new one with ``signup``, else ``token?grant_type=password``."""
    response = httpx.post(
        f"{url}/auth/v1/{path}", json={"email": "ada@example.org", "password": PASSWORD}, timeout=30
    ).json()
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {response['access_token']}"}, timeout=30)


def pushed(client: httpx.Client, number: int) -> bool:
    """Push a message. Return whether it was acknowledged; False when the server is gone."""
    message: dict[str, Any] = {"id": f"m{number}", "role": "user", "content": f"word {number}"}
    message["timestamp"] = f"2026-03-01T10:00:00.{number:03}Z"
    try:
        answer = client.post(
            "/api/chat/sync", json={"conversations": [{"id": "talk", "title": "Talk", "messages": [message]}]}
        )
    except httpx.TransportError:
        return False
    return bool(answer.json()["results"]["synced"] == 1)


@pytest.mark.slow
def test_a_server_stops_cleanly_and_is_restored_from_its_backup(home: Home) -> None:
    command = home.start("serve", "--port", "0")
    command.wait_for_output("http://127.0.0.1:")
    listed = home.run("serve", "user", "list")
    assert (listed.code, "No accounts yet" in listed.err) == (0, True)
    file = home.folder / "kept"
    assert home.run("serve", "backup", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "already exists" in home.run("serve", "backup", str(file)).err
    assert "not empty" in home.run("serve", "restore", str(file)).err
    command.signal(signal.SIGTERM)
    assert command.wait().code == 0
    assert not (home.folder / "data" / "server" / "postgres" / "postmaster.pid").exists()
    new = ("--data-dir", str(home.folder / "another, with spaces"))
    assert home.run(*new, "serve", "restore", str(file)).code == 0
    assert home.run(*new, "serve", "user", "list").code == 0


def test_two_signals_stop_a_server_at_once_without_a_traceback(home: Home) -> None:
    command = home.start("serve", "--port", "0", "--database-url", "postgresql://nobody@127.0.0.1:1/nothing")
    address(command)
    command.signal(signal.SIGINT)
    command.signal(signal.SIGINT)
    ended = command.wait()
    assert ended.code == 0
    assert "Traceback" not in ended.err


def test_every_push_that_was_acknowledged_outlives_kill_9(home: Home) -> None:
    command = home.start("serve", "--port", "0")
    kept: list[str] = []
    enough = Event()

    def push(client: httpx.Client) -> None:
        for number in range(200):
            if not pushed(client, number):
                return
            kept.append(f"m{number}")
            if len(kept) == 40:
                enough.set()

    with signed_in(address(command), "signup") as client:
        pushing = Thread(target=push, args=(client,))
        pushing.start()
        assert enough.wait(60)
        command.signal(signal.SIGKILL)
        pushing.join(60)
    command.wait()
    again = home.start("serve", "--port", "0")
    with signed_in(address(again), "token?grant_type=password") as client:
        response = client.get("/api/chat/messages", params={"session_id": "talk"}).json()["messages"]
        [listed] = client.get("/api/chat/sessions").json()["sessions"]
    there = [message["id"] for message in response]
    assert there[: len(kept)] == kept
    assert len(there) - len(kept) in (0, 1), "at the most the one that was on its way when the server died"
    assert listed["message_count"] == len(there)
    again.signal(signal.SIGINT)
    assert again.wait().code == 0
    folder = home.folder / "data" / "server" / "postgres"
    until(lambda: not (folder / "postmaster.pid").exists(), "PostgreSQL ended")

"""A new user signs up, chats, searches, returns, checks the usage, exports everything and deletes the account."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pexpect
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from sterna.server.database.embedded import Embedded
from sterna.server.database.postgres_process import PostgresProcess
from tests.fake_openai import Server
from tests.stories.processes import STERNA, Home, RunningCommand, until
from tests.stories.terminal import CTRL_L, CTRL_R, EMPTY, ENTER, ESCAPE, F10, Terminal
from tests.stories.test_serve_story import address

EMAIL, WORD = "ada@example.org", "a password of the story"
SHIFT_F2 = "\x1b[1;2Q"
TABLES = """
select n.nspname as schema, c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'auth', 'sterna') and c.relkind in ('r', 'p')
"""


@pytest.fixture
def administrator(tmp_path: Path, server: Server) -> Iterator[tuple[Home, RunningCommand]]:
    """Folders of the server, and its process."""
    folder = tmp_path / "administrator"
    folder.mkdir()
    home = Home(folder)
    command = home.start("serve", "--port", "0", "--no-rate-limits", "--upstream-url", server.url)
    yield home, command
    command.signal(signal.SIGTERM)
    assert command.wait().code == 0


@pytest.fixture
def newcomer(tmp_path: Path) -> Home:
    """Folders of a user without any settings."""
    folder = tmp_path / "newcomer"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.toml").write_text("discover = false\n")
    return Home(folder)


def tables_that_name(home: Home, user_id: str) -> dict[str, int]:
    """Return the server's tables that contain a user's id, with the number of rows."""
    folder = home.folder / "data" / "server" / "postgres"
    found = {}
    with psycopg.connect(Embedded(folder, PostgresProcess(folder).socket).admin_url, row_factory=dict_row) as db:
        for table in db.execute(TABLES).fetchall():
            name = sql.Identifier(table["schema"], table["name"])
            counting = sql.SQL("select count(*) as n from {} as t where t::text like %s").format(name)
            row = db.execute(counting, (f"%{user_id}%",)).fetchone()
            if row and row["n"]:
                found[f"{table['schema']}.{table['name']}"] = int(row["n"])
    return found


def sign_up(home: Home, url: str) -> None:
    """Create an account by answering the questions of the command."""
    talk = pexpect.spawn(
        STERNA, ["login", url, "--create", "--email", EMAIL], env=home.environ, encoding="utf-8", timeout=30
    )
    for question, answer in (
        ("Password for", WORD),
        ("Repeat for confirmation", WORD),
        ("Invitation", ""),
        ("Sync your history to", "y"),
    ):
        talk.expect(question)
        talk.sendline(answer)
    talk.expect(f"Signed in to .* as {EMAIL}")
    talk.expect(pexpect.EOF)
    talk.close()
    assert talk.exitstatus == 0


def synced(home: Home) -> bool:
    response = home.json("sync", "status")
    return bool(response["waiting"] == 0 and response["complete"])


@pytest.mark.slow
def test_a_new_user_signs_up_and_deletes_the_account(
    administrator: tuple[Home, RunningCommand], newcomer: Home
) -> None:
    url = address(administrator[1])
    sign_up(newcomer, url)
    user_id = newcomer.json("whoami")["user_id"]
    assert newcomer.run("analytics", "on").code == 0

    with Terminal(newcomer) as screen:
        screen.wait_for(EMPTY, "synced", f"Connected to {url.partition('://')[2]}", "Using server")
        screen.press(CTRL_L)
        screen.wait_for(f"server  {url.partition('://')[2]}", "DeepSeek R1", "pro only")
        screen.press("deepseek", ENTER)
        screen.wait_for(EMPTY, "server/deepseek")
        screen.press("how far do arctic terns fly in a year", ENTER)
        screen.wait_for("You said: how far do arctic terns fly in a year", EMPTY)
        until(lambda: synced(newcomer), "the first words are at the server")
        screen.press(CTRL_R, "arctic")
        screen.wait_for("how far do arctic terns")
        screen.press(ENTER)
        screen.wait_for("You said: how far do arctic terns fly in a year")
        screen.press(ESCAPE, F10)
        assert screen.wait_for_exit() == 0

    with Terminal(newcomer) as screen:
        screen.wait_for("You said: how far do arctic terns fly in a year", EMPTY, "server/deepseek")
        screen.press("and back?", ENTER)
        screen.wait_for("You said: and back?", EMPTY)
        screen.press(SHIFT_F2)
        screen.wait_for(EMAIL, "Today  2 messages sent, 2 received", "Searches  1")
        screen.kill()
    with Terminal(newcomer) as screen:
        screen.wait_for("You said: and back?", EMPTY, "synced")
        screen.press(F10)
        assert screen.wait_for_exit() == 0
    asked = newcomer.run("ask", "-c", "last", "and from a pipe?")
    assert (asked.code, asked.out) == (0, "You said: and from a pipe?\n")
    until(lambda: newcomer.run("sync", "--once").code == 0 and synced(newcomer), "everything is at the server")

    file = newcomer.folder / "everything.json"
    assert newcomer.run("export", "--everything", "-o", str(file)).code == 0
    response = json.loads(file.read_text())
    for side in ("local", "server"):
        (talk,) = response[side]["conversations"]
        assert [one["content"] for one in talk["messages"]] == [
            "how far do arctic terns fly in a year",
            "You said: how far do arctic terns fly in a year",
            "and back?",
            "You said: and back?",
            "and from a pipe?",
            "You said: and from a pipe?",
        ]
    kinds = Counter(one["event_type"] for one in response["server"]["interactions"])
    assert {"app_started": 3, "message_sent": 2, "reply_finished": 2, "search_opened": 1, "app_closed": 2}.items() <= (
        kinds.items()
    ), kinds
    assert "arctic" not in json.dumps(response["server"]["interactions"])

    named = tables_that_name(administrator[0], user_id)
    assert {"auth.users", "public.profiles", "public.chat_messages", "public.user_interactions"} <= named.keys()
    leaving = newcomer.start("account", "delete", "--yes", EMAIL, "--password-stdin", stdin=-1).wait(f"{WORD}\n")
    assert leaving.code == 0, leaving.err
    assert tables_that_name(administrator[0], user_id) == {}
    left = [one for one in (newcomer.folder / "data").rglob("*") if one.is_file() and b"arctic" in one.read_bytes()]
    assert left == []
    assert newcomer.run("list").out == ""

"""Sync as a person sees it, in the real application, with a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from home import frame, until, write
from textual.pilot import Pilot
from textual.widgets import Button

from sterna.server.admin.users import Users
from sterna.server.database.embedded import Embedded
from sterna.storage import Conflict, Conversations, RejectedChange, Store, SyncMetadata, data_dir, open_account
from sterna.sync.status import SyncReport
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.confirm import Confirm
from sterna.tui.factory import build
from sterna.tui.sync.screen_text import LineAction, Page, page_lines
from tests.clients import Somebody, sign_up
from tests.conftest import serving_settings
from tests.serving import serving
from tests.stories.processes import STERNA

SIZE = (110, 34)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def texts(page: Page) -> list[str]:
    return [line.content.plain for line in page_lines(page, NOW)]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[SternaApp, Pilot[int]]]:
    """The program as it starts, in a folder of its own."""
    (folder / "cfg").mkdir(exist_ok=True)
    if not (folder / "cfg" / "config.toml").exists():
        (folder / "cfg" / "config.toml").write_text("discover = false\n", "utf-8")
    app = build(folder / "data", folder / "cfg", {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"})
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, app.context.ready.is_set, 15)
        yield app, pilot
        await app.save_all()


def conversation(folder: Path, title: str) -> str:
    store = Store.open(open_account(data_dir(folder / "data")))
    session = store.conversations.create(title)
    store.close()
    return session.id


async def sign_in(app: SternaApp, pilot: Pilot[int], address: str, who: Somebody) -> None:
    """What a person does, from the page to the yes."""
    await pilot.press("shift+f9")
    await until(pilot, lambda: "Sign in" in frame(app))
    await pilot.press("enter")
    await until(pilot, lambda: app.focused is not None and app.focused.id == "address")
    for text in (address, who.email, who.password):
        await write(pilot, text)
        await pilot.press("enter")


def count_at(address: str, who: Somebody) -> int:
    """How many conversations the server has of somebody."""
    asked = {"email": who.email, "password": who.password}
    answer = httpx.post(f"{address}/auth/v1/token?grant_type=password", json=asked)
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    count: int = httpx.get(f"{address}/api/chat/sessions", headers=headers).json()["count"]
    return count


def toasts(app: SternaApp) -> str:
    """Return the notices that are shown now."""
    return "\n".join(one.message for one in app._notifications)


async def press(pilot: Pilot[int], name: str) -> None:
    """Press the button of that name, once it is there."""
    await until(pilot, lambda: any(name == str(one.label) for one in pilot.app.screen.query(Button)), 15)
    next(one for one in pilot.app.screen.query(Button) if name == str(one.label)).press()
    await pilot.pause()


async def test_signing_in_takes_the_history_along_and_it_comes_to_the_other_machine(
    tmp_path: Path, sterna_server: str
) -> None:
    who = sign_up(sterna_server)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    conversation(tmp_path / "here", "Sandpipers")
    async with running(tmp_path / "here") as (app, pilot):
        assert "local only" in frame(app)
        await sign_in(app, pilot, sterna_server, who)
        await press(pilot, "Add to my account")
        await press(pilot, "Sync")
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)
        await until(pilot, lambda: who.email in frame(app))
        async with running(tmp_path / "there") as (other, over_there):
            await sign_in(other, over_there, sterna_server, who)
            await press(over_there, "Sync")
            await until(over_there, lambda: other.context.sync.report.phase == "synced", 15)
            await over_there.press("escape")
            await until(over_there, lambda: "Sandpipers" in frame(other), 15)
            # what is changed here is there without anybody asking
            session_id = await app.context.store.run(lambda store: store.conversations.page(0, 1)[0].id)
            await app.context.store.run(Conversations.rename, session_id, "Plovers")
            await until(over_there, lambda: "Plovers" in frame(other), 20)
            await until(over_there, lambda: other.context.sync.report.phase == "synced", 15)


async def test_a_wrong_password_is_a_sentence_and_changes_nothing(tmp_path: Path, sterna_server: str) -> None:
    who = sign_up(sterna_server)
    async with running(tmp_path) as (app, pilot):
        await sign_in(app, pilot, sterna_server, Somebody(who.id, who.email, "not that one"))
        await until(pilot, lambda: "Wrong email or password" in frame(app), 15)
        assert app.context.sync.report.phase == "local"


async def test_a_server_that_wants_an_invitation_is_given_one(tmp_path: Path, postgres: Embedded) -> None:
    users = Users(postgres.admin_url, argon2_memory_kib=64)
    email, code = f"{uuid4().hex}@example.org", await asyncio.to_thread(users.invite, None, "free", 1)
    with serving(replace(serving_settings(postgres), signup="invite")) as address:
        async with running(tmp_path) as (app, pilot):
            await pilot.press("shift+f9")
            await until(pilot, lambda: "Sign in" in frame(app))
            await pilot.press("enter")
            await until(pilot, lambda: app.focused is not None and app.focused.id == "address")
            for text in (address, email):
                await write(pilot, text)
                await pilot.press("enter")
            await write(pilot, "a password of theirs")
            assert "Invitation" not in frame(app)
            await press(pilot, "Create account")
            await until(pilot, lambda: "requires an invitation" in frame(app), 15)
            await until(pilot, lambda: app.focused is not None and app.focused.id == "invitation")
            await write(pilot, code)
            await pilot.press("enter")
            await press(pilot, "Sync")
            await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)


async def test_a_code_for_a_browser_says_how_long_it_is_good(tmp_path: Path, sterna_server: str) -> None:
    async with running(tmp_path) as (app, pilot):
        await sign_in(app, pilot, sterna_server, Somebody("", "", ""))
        await until(pilot, lambda: "in a browser" in " ".join(frame(app).split()), 15)
        first = re.search(r"valid for (\d+:\d\d)", " ".join(frame(app).split()))
        assert first is not None
        await until(pilot, lambda: first[0] not in " ".join(frame(app).split()), 15)


async def test_a_sign_in_from_another_terminal_is_noticed(tmp_path: Path, sterna_server: str) -> None:
    who = sign_up(sterna_server)
    async with running(tmp_path) as (app, pilot):
        assert app.context.sync.report.phase == "local"
        command = ["--data-dir", tmp_path / "data", "--config-dir", tmp_path / "cfg", "login", sterna_server]
        there = await asyncio.create_subprocess_exec(
            STERNA, *command, "--email", who.email, "--password-stdin", "--yes", "--adopt",
            stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        )  # fmt: skip
        _, said = await there.communicate(f"{who.password}\n".encode())
        assert there.returncode == 0, said
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 20)


async def test_signing_out_keeps_the_history(tmp_path: Path, sterna_server: str) -> None:
    who = sign_up(sterna_server)
    conversation(tmp_path, "Sandpipers")
    async with running(tmp_path) as (app, pilot):
        await sign_in(app, pilot, sterna_server, who)
        await press(pilot, "Add to my account")
        await press(pilot, "Sync")
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)
        await until(pilot, lambda: "Sign out" in frame(app))
        await pilot.press("down", "enter")
        await press(pilot, "Sign out")
        await until(pilot, lambda: app.context.sync.report.phase == "signin", 15)
        assert await app.context.store.run(Conversations.count) == 1


async def test_analytics_begin_with_a_sign_in_and_end_with_a_sign_out_in_a_running_chat(
    tmp_path: Path, sterna_server: str, db: Any, caplog: pytest.LogCaptureFixture
) -> None:
    who = sign_up(sterna_server)

    def sessions() -> list[tuple[bool, bool]]:
        """Of each session: whether it says something of the device, and whether it has ended."""
        found = db.execute(
            "select device_info, ended_at from user_sessions where user_id = %s order by started_at", (who.id,)
        ).fetchall()
        return [(row["device_info"].get("product") == "sterna", row["ended_at"] is not None) for row in found]

    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "config.toml").write_text("discover = false\n[analytics]\nenabled = true\n", "utf-8")
    async with running(tmp_path) as (app, pilot):
        await sign_in(app, pilot, sterna_server, who)
        await press(pilot, "Sync")
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)
        await until(pilot, lambda: sessions() == [(True, False)], 20)
        await until(pilot, lambda: "Sign out" in frame(app))
        await pilot.press("down", "enter")
        await press(pilot, "Sign out")
        await until(pilot, lambda: app.context.sync.report.phase == "signin", 15)
        assert sessions() == [(True, True)]
    logged = [(one.name, one.getMessage()) for one in caplog.records if "started successfully" in one.getMessage()]
    assert logged == [("sterna.analytics", "[InteractionTracker] Session started successfully")]


async def test_a_conversation_can_stay_on_this_computer(tmp_path: Path, sterna_server: str) -> None:
    who = sign_up(sterna_server)
    conversation(tmp_path, "Secret plans")
    async with running(tmp_path) as (app, pilot):
        session_id = await app.context.store.run(lambda store: store.conversations.page(0, 1)[0].id)
        app.main.navigation.go_to(session_id)
        await until(pilot, lambda: app.main.conversation.id == session_id)
        await pilot.press("shift+f4")
        await until(pilot, lambda: "on this device only" in frame(app))
        await sign_in(app, pilot, sterna_server, who)
        await press(pilot, "Add to my account")
        await press(pilot, "Sync")
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)
        assert await asyncio.to_thread(count_at, sterna_server, who) == 0
        await until(pilot, lambda: "Secret plans" in frame(app))  # the page lists it


async def test_keeping_a_synced_conversation_here_is_asked_first_told_on_the_other_machine_and_undone_there(
    tmp_path: Path, sterna_server: str
) -> None:
    who = sign_up(sterna_server)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    session_id = conversation(tmp_path / "here", "Plans")
    async with running(tmp_path / "here") as (app, pilot):
        await sign_in(app, pilot, sterna_server, who)
        await press(pilot, "Add to my account")
        await press(pilot, "Sync")
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)
        await pilot.press("escape")
        app.main.navigation.go_to(session_id)
        await until(pilot, lambda: app.main.conversation.id == session_id)
        async with running(tmp_path / "there") as (other, over_there):
            await sign_in(other, over_there, sterna_server, who)
            await press(over_there, "Sync")
            await until(over_there, lambda: other.context.sync.report.phase == "synced", 15)
            await over_there.press("escape")
            await until(over_there, lambda: "Plans" in frame(other), 15)
            other.main.navigation.go_to(session_id)
            await until(over_there, lambda: other.main.conversation.id == session_id)

            await pilot.press("shift+f4")
            await until(pilot, lambda: "this device only" in frame(app) and isinstance(app.screen, Confirm))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Confirm))
            assert not await app.context.store.run(SyncMetadata.is_private, session_id)
            await pilot.press("shift+f4")
            await press(pilot, "Keep here")
            await until(over_there, lambda: other.main.conversation.id is None, 20)
            await until(over_there, lambda: "“Plans” was removed on another device." in toasts(other))
            await over_there.press("ctrl+underscore")
            await until(over_there, lambda: other.main.conversation.id == session_id)
            await until(over_there, lambda: other.context.sync.report.phase == "synced", 15)
            assert await asyncio.to_thread(count_at, sterna_server, who) == 1
            assert await app.context.store.run(SyncMetadata.is_private, session_id)


async def test_a_sign_up_that_is_given_up_says_that_the_account_was_made(tmp_path: Path, sterna_server: str) -> None:
    conversation(tmp_path, "Sandpipers")
    new = Somebody("", f"{uuid4().hex}@example.org", "a password of theirs")
    async with running(tmp_path) as (app, pilot):
        await pilot.press("shift+f9")
        await until(pilot, lambda: "Sign in" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "address")
        for text in (sterna_server, new.email):
            await write(pilot, text)
            await pilot.press("enter")
        await write(pilot, new.password)
        await press(pilot, "Create account")
        await until(pilot, lambda: "Add to my account" in frame(app), 15)
        await pilot.press("escape")
        await until(pilot, lambda: "was created, but you are not signed in" in toasts(app))
        assert "Nothing was changed" not in toasts(app)
        assert app.context.sync.report.phase == "local"
        assert await asyncio.to_thread(count_at, sterna_server, new) == 0  # the account is there
        # the same email again
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "address")
        for text in (sterna_server, new.email):
            await write(pilot, text)
            await pilot.press("enter")
        await write(pilot, new.password)
        await press(pilot, "Create account")
        await until(pilot, lambda: "already has an account" in frame(app), 15)


async def test_of_two_texts_the_other_one_can_be_taken(tmp_path: Path, sterna_server: str) -> None:
    who = sign_up(sterna_server)
    session_id = conversation(tmp_path, "Ours")
    async with running(tmp_path) as (app, pilot):
        await sign_in(app, pilot, sterna_server, who)
        await press(pilot, "Add to my account")
        await press(pilot, "Sync")
        await until(pilot, lambda: app.context.sync.report.phase == "synced", 15)

        def lose(store: Store) -> None:
            with store.db.write():
                store.conflicts.record("c", session_id, session_id, "Mine", 1_772_366_400_000)

        await app.context.store.run(lose)
        app.context.sync._set_report(app.context.sync.report)
        await until(pilot, lambda: "“Mine”" in frame(app))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: "Current version" in frame(app))
        await press(pilot, "Restore this device's version")
        session = None

        async def renamed() -> bool:
            nonlocal session
            session = await app.context.store.run(Conversations.get, session_id)
            return session.title == "Mine"

        async with asyncio.timeout(10):
            while not await renamed():
                await pilot.pause(0.02)


def test_before_a_sign_in_the_page_says_what_there_is_to_gain() -> None:
    found = page_lines(Page(SyncReport()), NOW)
    assert found[0].content.plain == "Local only"
    assert [line.action for line in found if line.action] == [LineAction("sign_in")]


def test_the_page_says_what_went_wrong_and_who_may_act() -> None:
    report = SyncReport("signin", waiting=3, sentence="The sign-in has ended.\x1b[31m")
    lines = texts(Page(report, "ada@example.org at chat.example.org"))
    assert lines[0] == "Needs sign-in · 3 waiting"
    assert "The sign-in has ended." in " ".join(lines)
    assert "\x1b" not in "".join(lines)
    assert "Sign in again" in lines


def test_the_page_says_which_files_stay_on_this_device() -> None:
    page = Page(SyncReport("synced"), "ada", refused_files={"The server has no room left for your files.": 2})
    assert "2 attached files not synced. The server has no room left for your files." in texts(page)


def test_what_is_held_back_and_what_lost_are_listed_with_reasons() -> None:
    at = int((NOW - timedelta(hours=3)).timestamp() * 1000)
    held = RejectedChange("m", "m1", "c1", "put", "Long", "too_large", 1, int(NOW.timestamp() * 1000) + 600_000)
    blocked = RejectedChange("c", "c2", "c2", "put", "Odd", "strange_word", 4, None)
    lost = Conflict(7, at, "c", "c1", "c1", "Terns", "Terns", None)
    page = Page(SyncReport("synced"), "ada", (held, blocked), (lost,))
    lines = texts(page)
    assert "Long  it is too large for the server; retry in 10 min" in lines
    assert "Odd  the server says “strange_word”; press enter to retry" in lines
    assert "180 min" not in lines
    assert any("3 h" in line and "title “Terns”" in line and "now deleted" in line for line in lines)
    assert LineAction("conflict", "7") in [line.action for line in page_lines(page, NOW)]

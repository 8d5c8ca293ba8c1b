"""Whatever a person types into a field is what the file holds: any character but control characters, in any chunks."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from home import SIZE, Home, opened, until
from test_terminal import Terminal, folder, start  # noqa: F401
from textual import events
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, TextArea

from sterna.sync.auth.accounts import Accounts
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.confirm import ConfirmClear
from sterna.tui.pickers.chooser import Chooser
from sterna.tui.screens.conversation_settings import ConversationDialog, ConversationSettings
from sterna.tui.screens.settings import SettingsScreen
from sterna.tui.sync.sign_in import SignIn
from sterna.tui.terminal.input import TerminalParser

SPECIAL = (
    "\u3000\u00a0\u202f\u2009\u205f\u1680"  # spaces
    "\u200b\u200c\u200d\u00ad\u2060\ufeff"  # joiners and what cannot be seen
    "\u200e\u200f\u202e\u2066\u2069\u2028\u2029"  # directions, separators
    "\u0301\u20dd\ufe0f\U0001f3fd\U0001f9d1\U0001f680\U0001f1e9\U000e0067"  # marks and parts of emoji
    "\ue000\U0010ffff\u0378\ufffe"  # private, unassigned
)
WORDS = (
    "東京　タワー",
    "10\u202f€",
    "می‌خواهم",
    "क्‍ष",
    "🧑‍🚀",
    "so­ft",
    "naïve",
    "[/x] [b]",
    "a\u2028b\u2029c",
    "  two  spaces",
)
ESCAPE = "\x1b[27u"
"""The escape key, apart from what follows it."""
SEED = int(os.environ.get("TYPED_SEED", random.randrange(10**6)))


def any_text(chance: random.Random, most: int = 14) -> str:
    """Any string without control characters, surrogates and outer spaces."""
    pool = [chance.choice(WORDS), *chance.sample(SPECIAL, 5)]
    while len(pool) < most:
        character = chr(chance.choice((chance.randrange(0x20, 0x300), chance.randrange(0x110000))))
        if unicodedata.category(character) not in ("Cc", "Cs"):
            pool.append(character)
    chance.shuffle(pool)
    return "x" + "".join(pool) + "x"


def chunks(chance: random.Random, data: bytes) -> list[bytes]:
    """The bytes divided anywhere, inside of characters too."""
    ends = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(6)))
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


class Reader:
    """What the file holds, read by another process's means."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def rows(self, query: str, *values: object) -> list[Any]:
        files = [path for path in self.where.rglob("*.db") if "backup" not in path.name]
        if not files:
            return []
        db = sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True)
        try:
            return [row[0] for row in db.execute(query, values)]
        except sqlite3.OperationalError:  # it is being made
            return []
        finally:
            db.close()


def test_any_text_typed_through_a_terminal_is_in_the_file(
    folder: Path,  # noqa: F811
    start: Callable[..., Terminal],  # noqa: F811
) -> None:
    print(f"TYPED_SEED={SEED}")
    chance, file = random.Random(SEED), Reader(folder)
    prompt, title, search, system = (any_text(chance) for _ in range(4))
    title = title.translate({0x2028: None, 0x2029: None})  # a title is one line
    terminal = start()

    def types(text: str) -> None:
        """Write text in pieces, and each escape sequence at once: a lone escape is a key of its own."""
        for part in re.split("(\x1b(?:O[A-Z]|\\[27u))", text):
            for chunk in [part.encode()] if part.startswith("\x1b") else chunks(chance, part.encode()):
                os.write(terminal.child.fileno(), chunk)
                terminal.read()

    types(prompt + "\r")  # before the first frame
    terminal.until(lambda: file.rows("select content from chat_messages where role = 'user'") == [prompt])
    terminal.until(lambda: len(file.rows("select id from chat_messages")) == 2)
    types("\x1bOQ" + title)
    terminal.shows("x")
    types("\r")
    terminal.until(lambda: file.rows("select title from chat_sessions") == [title])
    draft = any_text(chance)
    types(draft)
    terminal.until(lambda: draft in file.rows("select content from drafts"))
    types("\x1bOR" + search)
    terminal.until(lambda: search in file.rows("select json_extract(filters, '$.query') from search_sessions"))
    types(ESCAPE + "\x1bOS")
    terminal.shows("Temperature")
    types(system)
    types("\x1bOS")
    terminal.until(lambda: system in map(decoded, file.rows("select value from session_settings")))
    types("\x0f/" + any_text(chance) + ESCAPE + ESCAPE + " more")  # through the filter, the list, back to the prompt
    terminal.until(lambda: file.rows("select content from drafts") == [f"{draft} more"])
    terminal.child.send("\x1b[21~")
    terminal.ends()
    assert not (folder / "sterna.log").exists()


def decoded(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def accounts_of(app: SternaApp) -> Accounts:
    """Return the accounts of the test's folder."""
    place = app.context.settings_file.folder
    return Accounts(place or Path(), place, environ={})


SCREENS: dict[str, Callable[[SternaApp], Any]] = {
    "settings": lambda app: SettingsScreen(app.context),
    "conversation": lambda app: ConversationDialog(ConversationSettings("", None), ConversationSettings("", None)),
    "clear": lambda app: ConfirmClear(3),
    "chooser": lambda app: Chooser(),
    "sign in": lambda app: SignIn(accounts_of(app)),
}


def send(app: SternaApp, data: bytes, chance: random.Random) -> None:
    """Bytes as they come from a terminal."""
    from sterna.tui.terminal.driver import tolerant_decoder

    parser, decode = TerminalParser(), tolerant_decoder("utf-8")().decode
    for chunk in chunks(chance, data):
        for event in parser.feed(text) if (text := decode(chunk)) else ():
            app.post_message(event)


def text_of(field: Widget) -> str:
    return field.value if isinstance(field, Input) else field.text if isinstance(field, TextArea) else ""


async def check_field(pilot: Pilot[int], app: SternaApp, field: Widget, chance: random.Random) -> None:
    field.focus()
    await until(pilot, lambda: field.has_focus)
    if isinstance(field, Input):
        field.value, field.type = "", "text"
    elif isinstance(field, TextArea):
        field.text = ""
    text, pasted = any_text(chance), any_text(chance)
    send(app, text.encode(), chance)
    await until(pilot, lambda: text_of(field) == text)
    send(app, f"\x1b[200~{pasted}\x1b[201~".encode(), chance)
    await until(pilot, lambda: text_of(field) == text + pasted)


@pytest.mark.parametrize("name", SCREENS)
async def test_every_field_of_every_dialog_takes_any_text(name: str, home: Home) -> None:
    print(f"TYPED_SEED={SEED}")
    chance, app = random.Random(SEED), home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        screen = SCREENS[name](app)
        app.push_screen(screen)
        await until(pilot, lambda: app.screen is screen and screen.query("Input, TextArea"))
        await pilot.pause()
        for place in screen.query("#invited"):
            place.display = True
        for field in screen.query("Input, TextArea"):
            await check_field(pilot, app, field, chance)


async def test_prompt_filter_and_title_take_any_text(home: Home) -> None:
    print(f"TYPED_SEED={SEED}")
    home.seed(("one", "text"), ("two", "text"))
    chance, app = random.Random(SEED), home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        for _ in range(5):
            await check_field(pilot, app, app.main.prompt, chance)
        await check_field(pilot, app, app.main.sidebar.filter, chance)
        app.main.sidebar.filter.value = ""
        await pilot.press("ctrl+o", "r")
        await until(pilot, lambda: app.main.sidebar.title.has_focus)
        await check_field(pilot, app, app.main.sidebar.title, chance)


async def test_a_paste_of_many_lines_into_a_field_of_one_is_whole(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.screen is not app.main and app.screen.query(Input))
        app.post_message(events.Paste("one\r\ntwo\tand\x1b three\n"))
        field = app.screen.query_one(Input)
        await until(pilot, lambda: field.value == "one two and three")


async def test_a_paste_over_the_list_goes_to_the_prompt(home: Home) -> None:
    home.seed(("one", "text"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        for key in ("ctrl+o", "ctrl+g"):
            await pilot.press(key)
            app.post_message(events.Paste("words "))
            await until(pilot, lambda: app.main.prompt.has_focus)
        await until(pilot, lambda: app.main.prompt.text == "words words ")

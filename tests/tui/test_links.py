"""Links are opened by key, shown in full before."""

from __future__ import annotations

import stat

import pytest
from home import SIZE, Home, frame, says, shown, until
from test_typeahead import in_conversation

from sterna.tui.markdown import Link, blocks, links, plain_blocks
from sterna.tui.pickers.links import LinkPicker
from sterna.tui.terminal.opener import opener

TEXT = (
    "See [the docs](https://example.org/docs?a=1&b=2), <mailto:me@example.org>, https://bare.example/x, "
    "[bad](javascript:alert(1)), [file](file:///etc/passwd).\n\n| a |\n|---|\n| [cell](http://cell.example) |\n\n"
    "```sh\ncurl https://code.example/y\n```\n"
)


def test_only_web_and_mail_addresses_are_links_each_once_in_their_order() -> None:
    found = links(blocks(TEXT + "\nhttps://bare.example/x again"))
    assert found == [
        Link("https://example.org/docs?a=1&b=2", "the docs"),
        Link("mailto:me@example.org", ""),
        Link("https://bare.example/x", ""),
        Link("http://cell.example", "cell"),
        Link("https://code.example/y", ""),
    ]
    assert links(plain_blocks("my https://one.example/a.")) == [Link("https://one.example/a", "")]


@pytest.mark.parametrize(
    ("environ", "platform", "command"),
    [
        ({}, "linux", None),
        ({"DISPLAY": ":0"}, "linux", "xdg-open"),
        ({}, "darwin", "open"),
        ({"WSL_DISTRO_NAME": "x"}, "linux", "wslview"),
    ],
)
def test_a_browser_is_started_only_where_there_is_a_desktop(
    environ: dict[str, str], platform: str, command: str | None, home: Home
) -> None:
    for name in ("xdg-open", "open", "wslview"):
        tool = home.folder / name
        tool.write_text("#!/bin/sh\n", "utf-8")
        tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    found = opener({"PATH": str(home.folder), **environ}, platform)
    assert found == (str(home.folder / command) if command else None)


async def test_a_link_is_shown_in_full_and_opened_by_key(home: Home) -> None:
    tool, opened = home.folder / "xdg-open", home.folder / "opened"
    tool.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n', "utf-8")
    tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    home.environ.update(DISPLAY=":0", PATH=f"{home.folder}:/usr/bin:/bin")
    home.seed(("q", TEXT))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("alt+l")
        await until(pilot, lambda: isinstance(app.screen, LinkPicker))
        await shown(pilot, app, "https://example.org/docs?a=1&b=2")
        assert "javascript" not in frame(app).partition("Open a link")[2]
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: opened.exists() and opened.read_text("utf-8") == "https://bare.example/x")
        await until(pilot, lambda: app.screen is app.main)


async def test_without_a_desktop_the_address_is_copied_and_that_is_said(home: Home) -> None:
    home.environ.update(PATH="")
    home.seed(("q", "https://one.example/a"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("ctrl+x", "o")
        await until(pilot, lambda: isinstance(app.screen, LinkPicker))
        await pilot.press("enter")
        await says(pilot, app, "No browser here. Copied https://one.example/a")
        assert app.clipboard == "https://one.example/a"


async def test_a_conversation_without_links_says_so(home: Home) -> None:
    home.seed(("q", "nothing"))
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await in_conversation(pilot, app)
        await pilot.press("alt+l")
        await says(pilot, app, "No links here.")

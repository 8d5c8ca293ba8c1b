"""A long reply that ends while the user looks elsewhere rings the bell and shows a notice of the desktop."""

from __future__ import annotations

import base64
import re

import pytest
from home import SIZE, Home, no_reply_runs, opened, until, write
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.pilot import Pilot

from sterna.providers import Delta, Failed, FailureKind
from sterna.tui.app import SternaApp
from sterna.tui.terminal.desktop_notice import notice


async def ask(pilot: Pilot[int], app: SternaApp, home: Home, said: list[tuple[str, bool]], *, focus: bool) -> None:
    """Ask with the terminal in focus or not, and note each alert."""

    def alert(title: str, text: str, environ: object, *, on_desktop: bool) -> None:
        said.append((text, on_desktop))

    app.alert = alert  # type: ignore[method-assign, assignment]
    home.model.hold()
    await opened(pilot, app)
    await write(pilot, "a long question")
    await pilot.press("enter")
    await until(pilot, lambda: home.model.requests)
    if not focus:
        app.post_message(events.AppBlur())
        await until(pilot, lambda: not app.app_focus)
    home.model.release()
    await until(pilot, lambda: no_reply_runs(app) and not app.context.tasks.is_running("reply.notice"))


@pytest.mark.parametrize(
    ("settings", "focus", "alerts"),
    [
        ("notify_after = 0", False, [True]),
        ('notify_after = 0\nnotify = "bell"', False, [False]),
        ('notify_after = 0\nnotify = "off"', False, []),
        ("notify_after = 0", True, []),
        ("notify_after = 600", False, []),
    ],
)
async def test_only_a_long_reply_out_of_sight_calls(home: Home, settings: str, focus: bool, alerts: list[bool]) -> None:
    home.write_config(f"[ui]\n{settings}\n")
    said: list[tuple[str, bool]] = []
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, app, home, said, focus=focus)
    assert [on_desktop for _, on_desktop in said] == alerts


async def test_a_failed_reply_says_so(home: Home) -> None:
    home.write_config("[ui]\nnotify_after = 0\n")
    home.model.say([Delta("It "), Failed(FailureKind.SERVER, "The server is ill.")])
    said: list[tuple[str, bool]] = []
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await ask(pilot, app, home, said, focus=False)
    ((text, _),) = said
    assert text.startswith("The reply in “")
    assert text.endswith("failed.")


TERMINALS: list[dict[str, str]] = [
    {"TERM": "xterm-kitty"},
    {"TERM": "foot"},
    {"TERM": "xterm-256color", "VTE_VERSION": "7600"},
    {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"},
    {"TERM": "tmux-256color", "TMUX": "/tmp/x"},
    {"TERM": "screen", "STY": "1.x"},
]


@pytest.mark.parametrize("environ", TERMINALS, ids=lambda environ: "+".join(environ.values()))
@given(title=st.text(), text=st.text())
def test_no_text_ends_the_sequence_or_begins_another(environ: dict[str, str], title: str, text: str) -> None:
    reference = notice("t", "x", environ)
    for hostile in ("", "\x1b\\", "\a", "\x9c", "\x1b]52;c;x\a", ";;"):
        sequence = notice(title + hostile, text + hostile, environ)
        assert re.sub("[^\x00-\x1f\x7f-\x9f]", "", sequence) == re.sub("[^\x00-\x1f\x7f-\x9f]", "", reference)
        if environ["TERM"] == "foot":
            assert sequence.count(";") == reference.count(";")


def test_each_terminal_gets_its_own_sequence() -> None:
    kitty, foot, _, wezterm, tmux, _ = (notice("Sterna", "done; really", environ) for environ in TERMINALS)
    assert base64.b64encode(b"done; really").decode() in kitty
    assert foot == "\x1b]777;notify;Sterna;done, really\x1b\\"
    assert wezterm == "\x1b]9;Sterna: done; really\x1b\\"
    assert tmux == "\x1bPtmux;\x1b\x1b]9;Sterna: done; really\x1b\x1b\\\x1b\\"

"""Every screen of both shipped themes can be read: its colours are measured, and what has the focus shows it."""

from __future__ import annotations

from itertools import cycle

import pytest
from contrast import CONTROL, difference, painted, too_faint
from home import Home, until
from scenes import DIALOGS, PARTS, back
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, TextArea

from sterna.storage import Settled
from sterna.tui.app import SternaApp
from sterna.tui.terminal.themes import DARK, LIGHT, OFFERED

THEMES = (DARK.name, LIGHT.name)

SIZE = (100, 70)


async def unfocused(pilot: Pilot[int], app: SternaApp) -> list[str]:
    """Return the controls of a screen that look the same with and without the focus."""
    faults = []
    chain = list(app.screen.focus_chain)
    for widget in chain if len(chain) > 1 else ():
        app.screen.set_focus(widget, scroll_visible=True)
        await pilot.pause()
        if isinstance(widget, OptionList):
            widget.action_first()
        if isinstance(widget, Input | TextArea):  # a cursor blinks: the focus has to show without it
            widget.cursor_blink = False
            widget._cursor_visible = False
        await pilot.pause()
        with_focus = painted(app, widget)
        app.screen.set_focus(None)
        if isinstance(widget, OptionList):
            widget.highlighted = None
        await pilot.pause()
        if (contrast := difference(with_focus, painted(app, widget))) < CONTROL:
            faults.append(f"{type(widget).__name__}#{widget.id} with and without focus: {contrast:.2f}")
    return faults


def add_endings(home: Home) -> None:
    """Add a reply of every kind to the conversation that is open at the start."""
    store = home.open()
    session_id = store.local_state.get("last_conversation")
    for ended in (
        Settled("failed", "", error_message="The network is down. Check it."),
        Settled("stopped", "Half of", reasoning="First I think."),
        Settled("interrupted", "A part"),
        Settled("done", "So $x^2$:\n\n```diff\n@@ -1 +1 @@\n-before\n+after\n the same\n```"),
        Settled(
            "done", "> A quote with `code` and a [link](https://example.org)\n\n- [ ] open\n- [x] done", output_tokens=7
        ),
    ):
        begun = store.live_replies.begin_turn(session_id, "And then?", model="test/small")
        store.live_replies.settle(begun.reply.id, ended)
    store.conversations.mark_read(session_id)
    store.close()


ROUNDS = {name: (name,) for name in THEMES} | {"offered": tuple(name for name in OFFERED if name not in THEMES)}
"""Themes by round: Sterna's own on every screen, the others in turn, each chosen while a screen is shown. Whether the
focus shows is measured in the former."""


@pytest.mark.slow
@pytest.mark.parametrize("themes", ROUNDS.values(), ids=ROUNDS)
async def test_every_screen_can_be_read(shelf: Home, themes: tuple[str, ...]) -> None:
    add_endings(shelf)
    app = shelf.app()
    faults: list[str] = []
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, app.context.ready.is_set)
        await until(pilot, lambda: app.main.conversation.id is not None and app.main.status.activity == "")
        for (name, scene), theme in zip({**PARTS, **DIALOGS}.items(), cycle(themes)):
            await scene(pilot, app)
            app.theme = theme
            await until(pilot, lambda: all(work.is_finished for work in app.workers if work.node is app.screen))
            await pilot.pause()
            faults += [f"{theme} {name}: {fault}" for fault in too_faint(app)]
            if name in DIALOGS and theme in THEMES:
                faults += [f"{theme} {name}: {fault}" for fault in await unfocused(pilot, app)]
            await back(pilot, app)
    assert not faults, "\n".join(faults)

"""Histories with branches, and what the file and the screen have of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from home import Home, frame, no_reply_runs, until
from textual.pilot import Pilot

from sterna.storage import Settled, Store
from sterna.tui.app import SternaApp

T = TypeVar("T")


def read_file(home: Home, read: Callable[[Store], T]) -> T:
    """What another program reads in the file."""
    store = home.open()
    try:
        return read(store)
    finally:
        store.close()


def shown_texts(home: Home) -> list[str]:
    """The shown branch of the newest conversation."""

    def read(store: Store) -> list[str]:
        return [one.content for one in store.messages.before(store.conversations.page(0, 1)[0].id, None, 99)]

    return read_file(home, read)


def loaded_texts(app: SternaApp) -> list[str]:
    """The messages that the screen has."""
    return [view.content for view in app.main.transcript.loaded]


def all_texts(home: Home) -> set[str]:
    return read_file(
        home,
        lambda store: {one.content for one in store.messages.all_after(store.conversations.page(0, 1)[0].id, None, 99)},
    )


def add_conversation(home: Home, *prompts: str, answer: Callable[[str], str] = str.upper) -> str:
    """A conversation of prompts, each answered in capitals; gives its id."""

    def write(store: Store) -> str:
        session_id = None
        for prompt in prompts:
            turn = store.live_replies.begin_turn(session_id, prompt, model="test/small")
            store.live_replies.settle(turn.reply.id, Settled("done", answer(prompt), model="test/small"))
            session_id = turn.session.id
            home.clock.forward(minutes=1)
        assert session_id is not None
        store.conversations.mark_read(session_id)
        return session_id

    return read_file(home, write)


def add_edit(home: Home, old: str, new: str) -> str:
    """Another program edits a message; gives the id of the new one."""

    def write(store: Store) -> str:
        session_id = store.conversations.page(0, 1)[0].id
        message = next(one for one in store.messages.all_after(session_id, None, 999) if one.content == old)
        turn = store.live_replies.begin_edit(message.id, new)
        store.live_replies.settle(turn.reply.id, Settled("done", new.upper(), model="test/small"))
        home.clock.forward(minutes=1)
        return turn.user_message.id

    return read_file(home, write)


async def wait_until_idle(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, lambda: no_reply_runs(app) and app.main.status.activity == "")


def is_editing(app: SternaApp) -> bool:
    return app.main.prompt.edited is not None and "Edit your message" in frame(app)

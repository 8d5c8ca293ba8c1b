"""Sources of a reply: shown in the terminal and on the screen, and in every exported form."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sterna.storage import Settled, Store, open_account
from sterna.tui.markdown import Link
from sterna.tui.transcript.message_view import MessageView
from sterna.tui.transcript.parts import MessageOptions
from tests.cli.conftest import Run

A, ODD = "https://a.example/terns", "javascript:alert(1)"
CITED = {"citations": [{"url": A, "title": "Terns [a]", "at": [11]}, {"url": ODD, "title": "<b>", "at": [11]}]}


@pytest.fixture(autouse=True)
def history(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    with closing(Store.open(open_account(home / "data"))) as store:
        turn = store.live_replies.begin_turn(None, "Do terns dive?", model=None)
        store.live_replies.settle(turn.reply.id, Settled("done", "Terns dive. Yes.", metadata=CITED))


def test_they_are_numbered_and_listed_in_every_form(run: Run) -> None:
    shown = run("show").out
    assert "Terns dive.[1][2] Yes.\n" in shown
    assert f"[1] Terns [a] {A}\n[2] <b> {ODD}\n" in shown
    document = run("export", "--format", "markdown").out
    assert f"Terns dive.[[1]](<{A}>)[2] Yes." in document
    assert f"1. [Terns \\[a\\]](<{A}>)" in document
    assert ODD not in document
    page = run("export", "--format", "html").out
    assert f'Terns dive.<a href="{A}"' in page
    assert (f'<li><a href="{A}"' in page, "javascript:" in page) == (True, False)
    (chat,) = json.loads(run("export", "--format", "chatgpt").out)
    (cited,) = next(
        node["message"]["metadata"]["citations"]
        for node in chat["mapping"].values()
        if node["message"] and "citations" in node["message"]["metadata"]
    )
    assert (cited["start_ix"], cited["metadata"]["url"]) == (11, A)
    reply = json.loads(run("export", "--format", "json", "last").out)["messages"][1]
    assert (reply["content"], reply["citations"]) == ("Terns dive. Yes.", CITED["citations"])
    trained = json.loads(run("export", "--format", "jsonl").out)["messages"][1]
    assert trained == {"role": "assistant", "content": "Terns dive. Yes."}


def test_they_are_opened_by_key_in_the_chat(home: Path) -> None:
    with closing(Store.open(open_account(home / "data"))) as store:
        (conversation,) = store.conversations.page(0, 1)
        reply = store.messages.after(conversation.id, None, 9)[1]
    view = MessageView(reply, MessageOptions(), datetime(2026, 1, 1, tzinfo=UTC))
    assert view.links == [Link(A, "[1] Terns [a]")]
    assert view.content == "Terns dive. Yes."

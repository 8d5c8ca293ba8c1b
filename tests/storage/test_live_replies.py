"""From a prompt to a settled reply, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders import exchange, outbox
from ticking import Ticking

from sterna.storage import Invalid, NotFound, Settled, Store
from sterna.storage.database.migrations import HERE


def test_a_prompt_is_kept_with_its_conversation_before_anything_is_asked(store: Store) -> None:
    begun = store.live_replies.begin_turn(
        None, "hello\0 \ud83d\ude00", model="acme/small", settings={"temperature": 0.1}
    )
    assert begun.created
    assert begun.session.title == "New Chat"
    assert begun.user_message.content == "hello 😀"
    assert begun.session.id.startswith("conv_")
    assert begun.user_message.id.startswith("msg_")
    assert begun.reply.message_timestamp > begun.user_message.message_timestamp
    assert store.conversations.settings(begun.session.id) == {"temperature": 0.1}
    assert store.arriving_replies.of(begun.session.id) == [begun.reply] == store.arriving_replies.of()
    assert store.arriving_replies.of("other") == []
    assert outbox(store) >= {("c", begun.session.id, "put"), ("m", begun.user_message.id, "put")}
    assert not any(thing == begun.reply.id for _, thing, _ in outbox(store))


@pytest.mark.parametrize("text", ["", "  \n", "\0"])
def test_an_empty_prompt_stores_nothing(store: Store, text: str) -> None:
    with pytest.raises(Invalid, match="nothing to send"):
        store.live_replies.begin_turn(None, text, model=None)
    assert store.conversations.count() == 0


def test_a_prompt_for_a_conversation_that_is_gone_stores_nothing(store: Store) -> None:
    with pytest.raises(NotFound):
        store.live_replies.begin_turn("gone", "hello", model=None)
    assert (store.conversations.count(), store.arriving_replies.of()) == (0, [])


def test_what_no_engine_can_keep_in_a_models_name_or_its_details_is_replaced(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/\ud800small\0")
    assert begun.reply.model == "acme/\ufffdsmall"
    ended = Settled("done", "hi", model="acme/\ud800small\0", metadata={"answered_by": "\ud800x\0"})
    message = store.live_replies.settle(begun.reply.id, ended)
    assert (message.model, dict(message.metadata)) == ("acme/\ufffdsmall", {"answered_by": "\ufffdx"})


def test_a_ten_megabyte_prompt_is_kept_whole(store: Store) -> None:
    text = "word " * 2_000_000
    assert store.live_replies.begin_turn(None, text, model=None).user_message.content == text


def test_a_settled_reply_has_all_that_is_known_of_it_and_enters_the_outbox_once(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    store.live_replies.save(begun.reply.id, "He", "hm")
    store.live_replies.save(begun.reply.id, "Hello", "hmm")
    assert [(live.content, live.reasoning, live.mine) for live in store.arriving_replies.of()] == [
        ("Hello", "hmm", True)
    ]
    message = store.live_replies.settle(
        begun.reply.id,
        Settled("done", "Hello!", "hmm!", "acme/small-1", 7, 33, 40, 5200, "gen-1", metadata={"finish_reason": "stop"}),
    )
    assert (message.id, message.key) == (begun.reply.id, (begun.reply.message_timestamp, begun.reply.id))
    assert (message.role, message.content, message.reasoning, message.model) == (
        "assistant",
        "Hello!",
        "hmm!",
        "acme/small-1",
    )
    assert (message.input_tokens, message.output_tokens, message.total_tokens, message.elapsed_ms) == (7, 33, 40, 5200)
    assert (message.completion_id, message.content_type, message.is_streaming) == ("gen-1", "markdown", True)
    assert (message.finish, message.failed, dict(message.metadata)) == ("done", False, {"finish_reason": "stop"})
    assert message.user_message_id == begun.user_message.id
    assert store.arriving_replies.of() == []
    session = store.conversations.get(begun.session.id)
    assert (session.message_count, session.total_tokens, session.last_model) == (2, 40, "acme/small-1")
    revisions = {row["id"]: row["rev"] for row in store.db.rows("select id, rev from sync_outbox where kind = 'm'")}
    assert revisions[message.id] == 1
    today = store.usage.usage_today()
    assert (today["input_tokens"], today["output_tokens"], today["messages_received"]) == (7, 33, 1)
    with pytest.raises(NotFound, match="settled already"):
        store.live_replies.settle(begun.reply.id, Settled("done", "twice"))


@pytest.mark.parametrize(
    ("settled", "error", "counted"),
    [
        (Settled("stopped", "half"), None, 2),
        (Settled("stopped", " "), "Stopped before a reply came.", 1),
        (Settled("interrupted", "half"), None, 2),
        (Settled("interrupted", ""), "Interrupted before a reply came.", 1),
        (Settled("failed", "half", error_message="The server hung up."), "The server hung up.", 1),
        (Settled("failed", ""), "The reply failed.", 1),
    ],
)
def test_how_a_reply_ended_is_kept_with_what_came_of_it(
    store: Store, settled: Settled, error: str | None, counted: int
) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    message = store.live_replies.settle(begun.reply.id, settled)
    assert (message.content, message.error_message, message.finish) == (settled.content, error, settled.finish)
    assert store.conversations.get(begun.session.id).message_count == counted


def test_a_reply_asked_for_again_takes_the_place_of_the_old_one(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model="acme/small")
    failed = store.live_replies.settle(begun.reply.id, Settled("failed", "half", error_message="cut"))
    again = store.live_replies.begin_retry(failed.id)
    assert (again.created, again.user_message, again.reply.model) == (False, begun.user_message, "acme/small")
    assert [m.content for m in store.messages.before(begun.session.id, None, 9)] == ["hello", "half"]
    with pytest.raises(Invalid, match="already arriving"):
        store.live_replies.begin_retry(begun.user_message.id)
    store.live_replies.settle(again.reply.id, Settled("done", "whole"))
    said = [m.content for m in store.messages.before(begun.session.id, None, 9)]
    assert said == ["hello", "whole"]
    trashed = store.trash.latest()
    assert trashed is not None
    store.undo.undo(trashed.token)
    assert [m.content for m in store.messages.before(begun.session.id, None, 9)] == ["hello", "half"]
    assert store.trash.latest() is None


def test_a_prompt_that_never_got_a_reply_can_be_asked_again(store: Store) -> None:
    reply = exchange(store, "hello")
    store.trash.delete_message(reply.id)
    prompt = store.messages.before(reply.session_id, None, 1)[0]
    assert store.live_replies.begin_retry(prompt.id, model="acme/large").reply.model == "acme/large"


def test_several_replies_may_arrive_at_once(store: Store) -> None:
    one = store.live_replies.begin_turn(None, "one", model=None)
    two = store.live_replies.begin_turn(None, "two", model=None)
    three = store.live_replies.begin_turn(one.session.id, "three", model=None)
    store.live_replies.settle(three.reply.id, Settled("done", "THREE"))
    store.live_replies.settle(one.reply.id, Settled("done", "ONE"))
    assert [live.id for live in store.arriving_replies.of()] == [two.reply.id]
    assert [m.content for m in store.messages.before(one.session.id, None, 9)] == ["one", "ONE", "three", "THREE"]


def test_a_reply_to_a_conversation_deleted_meanwhile_comes_back_with_it(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    trashed = store.trash.delete_conversation(begun.session.id)
    message = store.live_replies.settle(begun.reply.id, Settled("done", "late", output_tokens=5))
    assert (message.content, store.conversations.count(), store.arriving_replies.of()) == ("late", 0, [])
    assert store.undo.undo(trashed.token) == [begun.session.id]
    assert [m.content for m in store.messages.before(begun.session.id, None, 9)] == ["hello", "late"]
    assert store.conversations.get(begun.session.id).message_count == 2
    assert ("m", message.id, "put") in outbox(store)
    assert store.search.search("late") != []


def test_a_reply_whose_conversation_is_gone_for_good_says_so(store: Store) -> None:
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    with store.db.write():
        store.db.execute("delete from chat_sessions")
    with pytest.raises(NotFound):
        store.live_replies.settle(begun.reply.id, Settled("done", "late"))


DYING = """
import sys, pathlib, time
from sterna.storage import Store
store = Store.open(pathlib.Path(sys.argv[1]))
for text in ("with text", "without"):
    begun = store.live_replies.begin_turn(None, text, model="acme/small")
    if text == "with text":
        store.live_replies.save(begun.reply.id, "So far I", "thinking")
print("ready", flush=True)
sys.stdin.read()
"""


def dying(path: Path) -> subprocess.Popen[str]:
    """Another process with two replies arriving."""
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(path)],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_replies_of_a_killed_process_are_kept_and_those_of_a_living_one_left_alone(store: Store) -> None:
    mine = store.live_replies.begin_turn(None, "mine", model=None)
    process = dying(store.db.path)
    assert store.live_replies.recover_interrupted() == []
    assert sorted(live.mine for live in store.arriving_replies.of()) == [False, False, True]

    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    recovered = {m.content: m for m in store.live_replies.recover_interrupted()}
    assert set(recovered) == {"So far I", ""}
    kept, empty = recovered["So far I"], recovered[""]
    assert (kept.finish, kept.failed, kept.reasoning) == ("interrupted", False, "thinking")
    assert (empty.finish, empty.error_message) == ("interrupted", "Interrupted before a reply came.")
    assert [live.id for live in store.arriving_replies.of()] == [mine.reply.id]
    assert store.live_replies.recover_interrupted() == []
    assert len(list(store.db.path.parent.glob("*.live"))) == 1


def test_a_store_that_closes_leaves_its_replies_to_the_next_start(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    begun = store.live_replies.begin_turn(None, "hello", model=None)
    store.live_replies.save(begun.reply.id, "so far", "")
    store.close()
    assert list(tmp_path.glob("*.live")) == []
    store = Store.open(tmp_path / "a.db", clock=Ticking())
    assert [m.content for m in store.live_replies.recover_interrupted()] == ["so far"]
    assert list(tmp_path.glob("*.live")) == []
    store.close()

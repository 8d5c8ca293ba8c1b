"""What an import keeps, and what it does the second time: whatever the source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from itertools import pairwise

import pytest
from imports import AT, conversation, line, shown, statuses, take

from sterna.importers import Attachment, Message, Skipped, Text, ToolCall, Unsupported
from sterna.importers.incoming import conversation_id
from sterna.storage import LabelChange, NotFound, Settled, Store, Taken
from tests.storage.builders import acknowledge, outbox

C1 = conversation_id("given", "c1")


def test_a_conversation_stands_where_its_age_puts_it_and_counts_on_its_days(store: Store) -> None:
    messages = line("What is a tern?", "A bird.")
    messages[1] = replace(messages[1], model="gpt-4o", input_tokens=4, output_tokens=6, cost=0.25, elapsed_ms=900)
    account, taken = take(store, conversation("c1", *messages, created_at=AT, is_pinned=True, tags=("Sea birds",)))
    assert taken == [Taken(C1, "new", 2)]
    row = store.conversations.get(C1)
    assert row.title == "Title c1"
    assert row.created_at == row.last_activity == "2024-05-01T09:00:00.000000Z"
    assert (row.message_count, row.total_tokens, row.last_model) == (2, 10, "gpt-4o")
    assert row.last_message_timestamp == "2024-05-01T09:01:00.000000Z"
    reply = store.messages.after(C1, None, 9)[1]
    assert (reply.model, reply.input_tokens, reply.output_tokens, reply.total_tokens) == ("gpt-4o", 4, 6, 10)
    assert store.costs.by_model(C1)[0].stated == 0.25
    assert store.labels.of(C1).tags == ("sea-birds",)
    assert store.labels.of(C1).pinned
    settings = store.conversations.settings(C1)
    assert (settings["source"], settings["source_id"]) == ("given", "c1")
    assert store.usage.usage_today()["messages_sent"] == 0
    day = store.db.one("select * from user_usage_daily")
    assert day is not None
    assert (day["usage_date"], day["messages_sent"], day["messages_received"], day["output_tokens"]) == (
        "2024-05-01", 1, 1, 6,
    )  # fmt: skip
    assert [hit.session_id for hit in store.search.search("tern", limit=5)] == [C1]
    assert account.total("new") == 1
    kinds = [row["kind"] for row in store.db.rows("select kind from sync_outbox")]
    assert (kinds.count("c"), kinds.count("m"), kinds.count("s")) == (1, 2, 5)


def test_everything_again_changes_nothing(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b")), conversation("c2", *line("c")))
    before = list(store.db.connection.iterdump())
    account, taken = take(store, conversation("c1", *line("a", "b")), conversation("c2", *line("c")))
    assert statuses(taken) == ["unchanged", "unchanged"]
    assert account.total("new") == account.total("messages") == 0
    same = [row for row in before if "write_context" not in row and "sqlite_sequence" not in row]
    assert same == [
        row for row in store.db.connection.iterdump() if "write_context" not in row and "sqlite_sequence" not in row
    ]


def test_a_newer_export_brings_its_changes_and_an_older_one_takes_none_back(store: Store) -> None:
    old = conversation("c1", *line("a", "b"))
    new = conversation(
        "c1", *line("a", "b, in other words", "c", "d"), title="Other", updated_at=AT + timedelta(days=1),
        is_archived=True,
    )  # fmt: skip
    take(store, old)
    _, taken = take(store, new)
    assert taken == [Taken(C1, "updated", 2)]
    assert shown(store, C1) == ["a", "b, in other words", "c", "d"]
    assert store.conversations.get(C1).title == "Other"
    assert store.labels.of(C1).archived
    assert store.shown_branch.is_line(C1)
    _, taken = take(store, old)
    assert statuses(taken) == ["older"]
    assert shown(store, C1) == ["a", "b, in other words", "c", "d"]
    _, taken = take(store, conversation("c1", *line("a"), updated_at=AT + timedelta(days=2)))  # the rest is gone there
    assert len(shown(store, C1)) == 4


def test_what_a_person_changed_here_stays(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b")))
    store.conversations.rename(C1, "Mine")
    store.labels.change([C1], LabelChange(pinned=True, add=("own",)))
    second = store.messages.after(C1, None, 9)[1]
    with store.db.write():
        store.db.execute("update chat_messages set content = 'mine' where id = :id", {"id": second.id})
    newer = conversation("c1", *line("a", "theirs", "c"), title="Theirs", updated_at=AT + timedelta(days=1))
    account, _ = take(store, newer)
    assert shown(store, C1) == ["a", "mine", "c"]
    assert store.conversations.get(C1).title == "Mine"
    assert store.labels.of(C1) == store.labels.of(C1).__class__(True, False, ("own",))
    assert account.total("kept") == 2


def test_a_conversation_that_was_continued_here_shows_what_was_said_here(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b")))
    turn = store.live_replies.begin_turn(C1, "my question", model="acme/small")
    store.live_replies.settle(turn.reply.id, Settled("done", "my answer"))
    take(store, conversation("c1", *line("a", "b", "c", "d"), updated_at=AT + timedelta(days=1)))
    assert shown(store, C1) == ["a", "b", "my question", "my answer"]
    assert len(store.branches.ends(C1)) == 2


def test_what_was_deleted_here_stays_deleted_unless_it_is_wanted_back(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b", "c")), conversation("c2", *line("x")))
    store.trash.delete_conversation(conversation_id("given", "c2"))
    store.trash.delete_message(store.messages.after(C1, None, 9)[1].id)
    newer = conversation("c1", *line("a", "b", "c", "d"), updated_at=AT + timedelta(days=1))
    _, taken = take(store, newer, conversation("c2", *line("x")))
    assert statuses(taken) == ["updated", "deleted"]
    assert shown(store, C1) == ["a", "c", "d"]
    _, taken = take(store, newer, conversation("c2", *line("x")), restore=True)
    assert statuses(taken) == ["updated", "new"]
    assert sorted(shown(store, C1)) == ["a", "b", "c", "d"]


def test_branches_show_the_one_that_the_source_shows_and_follow_it(store: Store) -> None:
    first, old, new = line("question", "old", "new")
    old, new = replace(old, parent="m0"), replace(new, role="assistant", parent="m0")
    take(store, conversation("c1", first, old, new, shown="m1"))
    assert shown(store, C1) == ["question", "old"]
    take(store, conversation("c1", first, old, new, shown="m2", updated_at=AT + timedelta(days=1)))
    assert shown(store, C1) == ["question", "new"]
    store.branches.show(store.messages.all_after(C1, None, 9)[1].id)
    last = replace(new, id="m3", parent="m2", parts=[Text("more")])
    take(store, conversation("c1", first, old, new, last, shown="m3", updated_at=AT + timedelta(days=2)))
    assert shown(store, C1) == ["question", "old"]


def test_what_a_source_went_back_from_is_not_shown_before_it_goes_on(store: Store) -> None:
    messages = line("a", "b", "c", "d")
    for before, message in pairwise(messages):
        message.parent = before.id
    take(store, conversation("c1", *messages, shown="m1"))
    assert shown(store, C1) == ["a", "b"]
    store.live_replies.begin_turn(C1, "mine", model="acme/small")
    assert shown(store, C1) == ["a", "b", "mine"]
    other = conversation_id("given", "c2")
    take(store, conversation("c2", *messages))
    assert shown(store, other) == ["a", "b", "c", "d"]
    part = partial(conversation, "c2", *messages[2:], title="", is_partial=True)
    take(store, part(shown="m1", updated_at=AT + timedelta(days=1)))
    assert shown(store, other) == ["a", "b"]
    store.import_runs.undo()
    assert shown(store, other) == ["a", "b", "c", "d"]
    take(store, part(shown="m1", updated_at=AT + timedelta(days=2)))
    on = replace(messages[2], id="m4", parent="m1", parts=[Text("e")])
    take(store, conversation("c2", on, title="", is_partial=True, shown="m4", updated_at=AT + timedelta(days=3)))
    assert shown(store, other) == ["a", "b", "e"]
    assert len(store.branches.ends(other)) == 2


def test_parts_that_are_no_text_stand_in_metadata_and_hidden_context_is_not_shown(store: Store) -> None:
    call = ToolCall("search", {"q": "tern"}, "x" * 10_000, id="t1")
    parts = [Text("Let me look."), call, Text("Found."), Unsupported("hologram", {"deep": [1]})]
    context = Message("h", "user", [Text("<environment>")], hidden=True)
    reply = Message("m1", "assistant", parts, reasoning="hm", sources=[("Terns", "https://a.example")], stopped=True)
    take(store, conversation("c1", context, Message("m0", "user", [Text("?")]), reply))
    question, answer = store.messages.after(C1, None, 9)
    assert question.metadata["hidden"] == [{"role": "user", "content": "<environment>"}]
    assert answer.content == "Let me look.\n\nFound.\n\n[unsupported: hologram]"
    assert answer.metadata["unsupported"] == [{"kind": "hologram", "raw": {"deep": [1]}}]
    (entry,) = answer.metadata["tool_calls"]
    assert (entry["name"], entry["at"], entry["cut"], len(entry["result"])) == ("search", 12, 10_000, 8_000)
    assert [item.name for item in answer.attachments] == ["tool-results.txt"]
    assert store.attachment_files.read(answer.attachments[0].id).decode().count("x") == 10_000
    assert (answer.reasoning, answer.finish, answer.failed) == ("hm", "stopped", False)
    assert answer.metadata["citations"] == [{"title": "Terns", "url": "https://a.example"}]


def test_a_whole_import_can_be_taken_back(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b")), conversation("c2", *line("x")))
    store.conversations.rename(conversation_id("given", "c2"), "Mine")
    take(
        store,
        conversation("c1", *line("a", "B", "c"), title="New", updated_at=AT + timedelta(days=1), is_archived=True),
        conversation("c3", *line("y")),
    )
    undone = store.import_runs.undo()
    assert (undone.removed, undone.restored, undone.kept) == (1, 1, 0)
    assert shown(store, C1) == ["a", "b"]
    assert store.conversations.get(C1).title == "Title c1"
    assert not store.labels.of(C1).archived
    undone = store.import_runs.undo()
    assert (undone.removed, undone.kept) == (1, 1)
    assert [row.title for row in store.conversations.page(0, 9)] == ["Mine"]
    assert undone.token is not None
    store.undo.undo(undone.token)
    assert shown(store, C1) == ["a", "b"]
    store.trash.delete_conversation(C1)
    _, taken = take(store, conversation("c3", *line("y")))
    assert statuses(taken) == ["new"]  # an undo is no deletion by a person


def test_an_undo_goes_on_where_it_was_ended_and_one_deletion_has_all_of_it(store: Store) -> None:
    names = [f"c{number}" for number in range(6)]
    take(store, *(conversation(name, *line(name, "a", "b")) for name in names))
    ids = [conversation_id("given", name) for name in names]
    mine = sorted(ids)[2]
    store.conversations.rename(mine, "Mine")
    step = store.import_runs.undo_some(messages=7)
    assert (step.removed, step.after) == (2, sorted(ids)[1])
    step = store.import_runs.undo_some(step.run, step, messages=1)
    assert (step.removed, step.kept, store.conversations.total()) == (2, 1, 4)
    store.db.execute("insert into search_backlog values (1000, 1001)")  # another import begins to be indexed
    undone = store.import_runs.undo()
    assert (undone.run, undone.removed, undone.kept) == (step.run, 3, 1)
    assert [row.title for row in store.conversations.page(0, 9)] == ["Mine"]
    with pytest.raises(NotFound, match="no import to take back"):
        store.import_runs.undo()
    tokens = [row["token"] for row in store.db.rows("select token from trash order by token")]
    assert undone.token == tokens[-1]
    for token in tokens:
        store.undo.undo(token)
    assert store.conversations.total() == 6
    store.db.execute("insert into message_search (message_search, rank) values ('integrity-check', 1)")


def test_an_undo_takes_back_a_branch_beside_what_a_person_said(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b")))
    turn = store.live_replies.begin_turn(C1, "my question", model="acme/small")
    store.live_replies.settle(turn.reply.id, Settled("done", "my answer"))
    take(store, conversation("c1", *line("a", "b", "c", "d"), updated_at=AT + timedelta(days=1)))
    assert len(store.branches.ends(C1)) == 2
    store.import_runs.undo()
    assert [end.id for end in store.branches.ends(C1)] == [turn.reply.id]
    assert shown(store, C1) == ["a", "b", "my question", "my answer"]
    take(store, conversation("c1", *line("a", "b", "c", "d"), updated_at=AT + timedelta(days=2)))
    assert len(store.branches.ends(C1)) == 2


def test_conversations_without_ids_are_known_by_how_they_begin(store: Store) -> None:
    take(store, conversation("", *line("hi", "Hello!")), conversation("", *line("hi", "Hello!", "more")))
    assert store.conversations.total() == 2
    _, taken = take(store, conversation("", *line("hi", "Hello!", "and", "so on"), updated_at=AT + timedelta(days=1)))
    assert statuses(taken) == ["updated"]
    assert store.conversations.total() == 2


def test_one_bad_conversation_never_stops_the_others(store: Store) -> None:
    broken = conversation("bad", Message("m", "user", [Text(17)]))  # type: ignore[arg-type]
    skipped = Skipped("It has no messages.", "s")
    account, taken = take(store, broken, skipped, conversation("empty"), conversation("c1", *line("a")))
    assert statuses(taken) == ["new"]
    assert account.total("found") == 4
    assert [item.id for _, item in account.skipped] == ["bad", "s", "empty"]


def test_times_that_cannot_be_true_come_from_the_neighbours(store: Store) -> None:
    times = [None, AT, datetime(2099, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), AT]
    messages = [replace(m, created_at=t) for m, t in zip(line(*"abcde"), times, strict=True)]
    take(store, conversation("c1", *messages, updated_at=None))
    assert {m.message_timestamp[:20] for m in store.messages.after(C1, None, 9)} == {"2024-05-01T09:00:00."}
    assert shown(store, C1) == ["a", "b", "c", "d", "e"]
    take(store, conversation("c2", *line("x", begin=None), updated_at=None), file_time=AT.timestamp())
    assert store.conversations.get(conversation_id("given", "c2")).created_at == "2024-05-01T09:00:00.000000Z"


def test_a_part_of_a_conversation_goes_on_where_the_last_one_ended(store: Store) -> None:
    messages = line("a", "b", "c", "d", "e")
    for before, message in pairwise(messages):
        message.parent = before.id
    take(store, conversation("c1", *messages[:2]))
    part = conversation("c1", *messages[2:4], title="", is_partial=True, updated_at=AT + timedelta(days=1))
    _, taken = take(store, part)
    assert taken == [Taken(C1, "updated", 2)]
    assert (shown(store, C1), store.conversations.get(C1).title) == (["a", "b", "c", "d"], "Title c1")
    assert store.shown_branch.is_line(C1)
    fork = replace(messages[4], parent="m1")
    take(store, conversation("c1", fork, title="Other", is_partial=True, shown="m4", updated_at=AT + timedelta(days=2)))
    assert (shown(store, C1), store.conversations.get(C1).title) == (["a", "b", "e"], "Other")
    assert statuses(take(store, part)[1]) == ["older"]


def test_what_comes_back_is_told_to_the_server_as_a_restore(store: Store) -> None:
    take(store, conversation("c1", *line("a", "b")))
    acknowledge(store)
    store.trash.delete_conversation(C1)
    acknowledge(store)
    take(store, conversation("c1", *line("a", "b")), restore=True)
    assert ("c", C1, "restore") in outbox(store)
    assert {kind for kind, _, op in outbox(store) if op == "put"} == {"m", "s"}
    assert store.db.one("select 1 from sync_tombstones") is None


def test_files_are_kept_up_to_a_limit_and_what_is_left_out_is_said(store: Store) -> None:
    files = [Attachment(f"{n}.txt", open=partial(BytesIO, b"text %d" % n)) for n in range(22)]
    gone = Attachment("gone.png", open=partial(open, "/nowhere/gone.png", "rb"))
    voice = Attachment("voice.wav", "audio/wav", partial(BytesIO, b"RIFF\0\0\0\0WAVE"))
    account, _ = take(
        store,
        conversation("c1", Message("m0", "user", [Text("?"), *files])),
        conversation("c2", Message("m0", "user", [Text("?"), gone, voice, Attachment("lost.png")])),
    )
    (message,) = store.messages.after(C1, None, 9)
    assert [item.name for item in message.attachments] == [f"{n}.txt" for n in range(20)]
    assert store.attachment_files.read(message.attachments[3].id) == b"text 3"
    (message,) = store.messages.after(conversation_id("given", "c2"), None, 9)
    assert [(item.name, item.media_type) for item in message.attachments] == [("voice.wav", "audio/wav")]
    assert message.content == "?\n\n[not in the export: lost.png]"
    assert account.notes[0] == "Title c1: A message has more than 20 files: 2 are left out."
    assert account.notes[1].startswith("Title c2: The file gone.png cannot be read.")
    assert len(store.attachments.used()) == 21


def test_a_title_of_the_source_replaces_one_that_was_made_from_the_question(store: Store) -> None:
    take(store, conversation("c1", *line("a"), title=""))
    take(store, conversation("c1", *line("other"), title="", updated_at=AT + timedelta(days=1)))
    assert store.conversations.get(C1).title == "a"
    take(store, conversation("c1", *line("other"), title="Named", updated_at=AT + timedelta(days=2)))
    assert store.conversations.get(C1).title == "Named"


def test_an_import_that_was_killed_is_listed_with_what_it_had_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, conversation("c1", *line("Is a tern a bird?")))
    monkeypatch.setattr(store.import_runs, "finish", lambda *_: None)
    take(store, conversation("c1", *line("Is a tern a bird?", "Yes.")), conversation("c2", *line("Hi")))
    newest = store.import_runs.recent()[0]
    assert (newest.state, newest.counts) == ("running", {"new": 1, "updated": 1})

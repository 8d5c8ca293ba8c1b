"""Push to an upstream server: as little as possible, and nothing that does harm there."""

from __future__ import annotations

from typing import Any

import pytest
from ticking import Ticking

from sterna.storage import Attachment, LabelChange, Labels, Settled
from sterna.sync.upstream.rate_limit import Budget
from tests.sync.upstream_device import Crashed, Device
from tests.upstream import ServerRequest, ServerResponse, Upstream


@pytest.fixture
def old(clock: Ticking) -> Device:
    """A device whose server is upstream's early form."""
    up = Upstream("S", clock=clock)
    return Device(up, up.join(), clock, seed=3)


def sent(device: Device, path: str = "sync") -> list[dict[str, Any]]:
    """The bodies that were posted, oldest first."""
    return [one.json() for one in device.upstream.asked if (one.method, one.path) == ("POST", f"/api/chat/{path}")]


def exchange(device: Device, session_id: str | None, question: str = "Why?", **settled: Any) -> tuple[str, str, str]:
    begun = device.store.live_replies.begin_turn(session_id, question, model="a/b")
    answer = {"finish": "done", "content": "Because.", "output_tokens": 5, "input_tokens": 2} | settled
    device.store.live_replies.settle(begun.reply.id, Settled(**answer))
    return begun.session.id, begun.user_message.id, begun.reply.id


def test_a_new_conversation_goes_with_title_owner_counters_and_messages(laptop: Device) -> None:
    session_id, question, reply = exchange(laptop, None)
    cycle = laptop.cycle()
    assert (cycle.complete, cycle.problem) == (True, None)
    [body] = sent(laptop)
    [answer] = body["conversations"]
    assert (answer["id"], answer["userId"], answer["title"]) == (session_id, laptop.person.id, "Why?")
    assert (answer["messageCount"], answer["totalTokens"], answer["lastModel"]) == (2, 7, "a/b")
    assert answer["lastMessagePreview"] == "Because."
    assert [one["id"] for one in answer["messages"]] == [question, reply]
    assert answer["messages"][0]["model"] == answer["messages"][0]["originalModel"] == "a/b"
    assert laptop.store.sync_metadata.waiting() == 0


def test_afterwards_only_what_changed_goes_and_no_title(laptop: Device) -> None:
    session_id, *_ = exchange(laptop, None)
    laptop.cycle()
    exchange(laptop, session_id, "And why not?")
    laptop.cycle()
    answer = sent(laptop)[1]["conversations"][0]
    assert [one["content"] for one in answer["messages"]] == ["And why not?", "Because."]
    assert "title" not in answer
    assert answer["messageCount"] == 4


def test_nothing_is_said_twice_and_nothing_is_asked_when_there_is_nothing_to_say(laptop: Device) -> None:
    exchange(laptop, None)
    laptop.cycle()
    asked = len(laptop.upstream.asked)
    laptop.cycle()
    assert len(laptop.upstream.asked) == asked


def test_a_title_alone_is_renamed_where_that_is_possible(laptop: Device, old: Device) -> None:
    for device in (laptop, old):
        session_id, *_ = exchange(device, None)
        device.cycle()
        device.store.conversations.rename(session_id, "By hand")
        device.cycle()
        assert device.upstream.tables.sessions[session_id]["title"] == "By hand"
        assert device.upstream.tables.sessions[session_id]["message_count"] == 2, "the true number went along"
    assert sent(laptop, "session") == [{"id": next(iter(laptop.titles())), "title": "By hand"}]
    assert len(sent(laptop)) == 1
    answer = sent(old)[1]["conversations"][0]
    assert (answer["title"], answer["messages"], answer["messageCount"], answer["totalTokens"]) == ("By hand", [], 2, 7)


def test_a_server_that_cannot_rename_is_found_out_by_its_page(old: Device) -> None:
    session_id, *_ = exchange(old, None)
    old.cycle()
    old.sync.requests.form = "H"
    old.store.conversations.rename(session_id, "By hand")
    old.cycle()
    assert old.sync.requests.form == "S"
    assert old.upstream.tables.sessions[session_id]["title"] == "By hand"


def test_why_a_message_failed_is_kept_and_does_not_count(laptop: Device, desktop: Device) -> None:
    session_id, _, reply = exchange(laptop, None, finish="failed", content="", error_message="No credit left.")
    laptop.cycle()
    row = laptop.upstream.tables.messages[session_id][reply]
    assert row["error_message"] == "No credit left."
    assert laptop.upstream.tables.sessions[session_id]["message_count"] == 1
    desktop.cycle()
    assert desktop.store.messages.get(reply).failed


def test_a_failed_message_alone_brings_its_conversation_with_its_title(laptop: Device) -> None:
    session_id, question, reply = exchange(laptop, None, finish="failed", content="", error_message="No credit.")
    laptop.store.trash.delete_message(question)
    laptop.store.conversations.rename(session_id, "Poor")
    laptop.cycle()
    assert laptop.upstream.tables.sessions[session_id]["title"] == "Poor"
    assert list(laptop.upstream.tables.messages[session_id]) == [reply]
    assert sent(laptop) == []
    assert laptop.store.sync_metadata.waiting() == 0


def test_in_upstream_s_early_form_a_failed_message_goes_without_its_text(old: Device) -> None:
    session_id, _, reply = exchange(old, None, finish="failed", content="", error_message="No credit left.")
    old.cycle()
    assert old.upstream.tables.messages[session_id][reply]["error_message"] == "Message failed"
    old.look()
    assert old.store.messages.get(reply).error_message == "No credit left.", "here it keeps its text"


def test_what_upstream_has_no_words_for_stays_here_and_waits_for_nothing(laptop: Device, desktop: Device) -> None:
    session_id, question, _ = exchange(laptop, None)
    laptop.store.conversations.set_setting(session_id, "temperature", 0.5)
    laptop.store.db.execute(
        """insert into chat_messages (id, session_id, role, content, message_timestamp)
        values ('sys', ?, 'system', 'Be brief.', '2020-01-01T00:00:00.000000Z')""",
        (session_id,),
    )
    laptop.cycle()
    assert laptop.store.sync_metadata.waiting() == 0
    assert "sys" not in laptop.upstream.tables.messages[session_id]
    laptop.store.trash.delete_message(question)
    laptop.look()
    assert laptop.store.sync_metadata.waiting() == 0
    assert question in laptop.upstream.tables.messages[session_id], "no endpoint deletes one message"
    assert question not in {one.id for one in laptop.store.messages.after(session_id, None, 10)}, "it stays hidden"


def test_pins_archive_and_tags_stay_here_whatever_comes_from_there(laptop: Device, desktop: Device) -> None:
    session_id, *_ = exchange(laptop, None)
    laptop.cycle()
    asked = len(sent(laptop))
    laptop.store.labels.change([session_id], LabelChange(pinned=True, add=("birds",)))
    laptop.cycle()
    assert (laptop.store.sync_metadata.waiting(), len(sent(laptop))) == (0, asked)
    desktop.look()
    desktop.store.conversations.rename(session_id, "Renamed there")
    exchange(desktop, session_id, "More?")
    desktop.cycle()
    laptop.look()
    (row,) = laptop.store.conversations.page(0, 9, "#birds is:pinned")
    assert row.title == "Renamed there"
    assert desktop.store.labels.of(session_id) == Labels()


def test_a_private_conversation_is_never_mentioned(laptop: Device) -> None:
    session_id, *_ = exchange(laptop, None, "the canary sings")
    laptop.store.privacy.set_private(session_id, True)
    exchange(laptop, session_id, "the canary sleeps")
    exchange(laptop, None, "Hello")
    laptop.cycle()
    laptop.look()
    wire = b"".join(one.body + str(one.query).encode() for one in laptop.upstream.asked)
    assert b"canary" not in wire
    assert session_id.encode() not in wire


def test_a_conversation_that_becomes_private_is_deleted_there_and_kept_here(laptop: Device) -> None:
    session_id, *_ = exchange(laptop, None)
    laptop.cycle()
    laptop.store.privacy.set_private(session_id, True)
    laptop.cycle()
    assert session_id not in laptop.upstream.tables.sessions
    laptop.look()
    assert session_id in laptop.titles()
    laptop.store.privacy.set_private(session_id, False)
    laptop.cycle()
    assert len(laptop.upstream.tables.messages[session_id]) == 2


def test_an_edit_made_while_the_answer_is_on_its_way_is_sent_after_it(laptop: Device) -> None:
    session_id, question, _ = exchange(laptop, None)

    def edit(asked: ServerRequest) -> None:
        if asked.path.endswith("sync") and laptop.upstream.before is not None:
            laptop.upstream.before = None
            laptop.store.messages.edit(question, "Why indeed?")
            laptop.store.conversations.rename(session_id, "Indeed")

    laptop.upstream.before = edit  # type: ignore[assignment]
    laptop.cycle()
    assert laptop.upstream.tables.messages[session_id][question]["content"] == "Why indeed?"
    assert laptop.upstream.tables.sessions[session_id]["title"] == "Indeed"
    assert len(sent(laptop)) + len(sent(laptop, "session")) > 1
    assert laptop.store.sync_metadata.waiting() == 0


def test_many_conversations_go_twenty_at_a_time_and_a_long_one_in_hundreds(laptop: Device) -> None:
    laptop.unlimited()
    long = laptop.say(None, "first")[0]
    for n in range(120):
        laptop.say(long, f"message {n}")
    for n in range(25):
        laptop.say(None, f"talk {n}")
    laptop.cycle()
    bodies = sent(laptop)
    assert max(len(body["conversations"]) for body in bodies) == 20
    assert max(len(one["messages"]) for body in bodies for one in body["conversations"]) == 100
    assert len(laptop.upstream.tables.messages[long]) == 121
    assert len(laptop.upstream.tables.sessions) == 26
    assert laptop.store.sync_metadata.waiting() == 0


def test_no_request_is_larger_than_a_megabyte(laptop: Device) -> None:
    for _ in range(5):
        laptop.say(None, "ü\n" * 90_000)
    laptop.cycle()
    bodies = [one.body for one in laptop.upstream.asked if one.method == "POST"]
    assert max(map(len, bodies)) <= 2**20
    assert len(laptop.upstream.tables.sessions) == 5


def test_a_message_that_no_request_can_carry_stays_here_and_is_named(laptop: Device) -> None:
    session_id, message_id = laptop.say(None, "x" * (2**20 + 1))
    other, _ = laptop.say(None, "small")
    laptop.cycle()
    assert set(laptop.upstream.tables.sessions) == {session_id, other}
    assert [(one.id, one.code, one.next_at) for one in laptop.store.acknowledgements.rejected()] == [
        (message_id, "too_large", None)
    ]


def test_a_host_that_takes_less_gets_less(laptop: Device) -> None:
    laptop.upstream._body_cap = 3_000
    place = laptop.say(None, "x" * 500)[0]
    for n in range(7):
        laptop.say(place, f"{n}" * 500)
        laptop.say(None, f"{n}" * 500)
    big, too_big = laptop.say(None, "y" * 5_000)
    laptop.unlimited().cycle()
    assert len(laptop.upstream.tables.messages[place]) == 8
    assert len(laptop.upstream.tables.sessions) == 8
    assert {one.id for one in laptop.store.acknowledgements.rejected()} == {big, too_big}


# refusals


def foreign(up: Upstream, message_id: str) -> None:
    """Somebody else has that id already: the database refuses it, and the answer does not say why."""
    eve = up.join("eve@example.org")
    up.tables.upsert_session(eve.id, "eves", {"title": "t"})
    one = {"id": message_id, "session_id": "eves", "role": "user", "content": "x", "message_timestamp": up.clock()}
    up.tables.upsert_messages(eve.id, [one])


def test_the_one_message_that_is_refused_is_found_and_the_others_are_stored(laptop: Device, clock: Ticking) -> None:
    place, first = laptop.say(None, "one")
    ids = [first, *(laptop.say(place, f"{n}")[1] for n in range(7))]
    other, _ = laptop.say(None, "fine")
    foreign(laptop.upstream, ids[3])
    laptop.cycle()
    assert set(laptop.upstream.tables.messages[place]) == set(ids) - {ids[3]}
    assert other in laptop.upstream.tables.messages
    [refused] = laptop.store.acknowledgements.rejected()
    assert (refused.id, refused.code) == (ids[3], "refused")
    asked = len(laptop.upstream.asked)
    clock.move(minutes=1)
    laptop.cycle()
    assert not [one for one in laptop.upstream.asked[asked:] if one.method == "POST"], "it waits an hour"


def test_a_conversation_that_is_refused_does_not_hold_the_others(laptop: Device) -> None:
    eve = laptop.upstream.join("eve@example.org")
    bad, _ = laptop.say(None, "mine")
    good, _ = laptop.say(None, "mine too")
    laptop.upstream.tables.upsert_session(eve.id, bad, {"title": "hers"})
    laptop.cycle()
    assert laptop.upstream.tables.sessions[bad]["user_id"] == eve.id
    assert laptop.upstream.tables.sessions[good]["user_id"] == laptop.person.id
    assert {one.session_id for one in laptop.store.acknowledgements.rejected()} == {bad}


def forbid(*ids: str) -> Any:
    def before(asked: ServerRequest) -> ServerResponse | None:
        if asked.method == "POST" and any(id_.encode() in asked.body for id_ in ids):
            body = b'{"error":"Unauthorized conversation access","code":"insufficient_permissions"}'
            return ServerResponse(403, [("content-type", "application/json")], body)
        return None

    return before


def test_a_batch_that_is_forbidden_for_one_conversation_is_halved_once(laptop: Device) -> None:
    bad, _ = laptop.say(None, "bad")
    good, _ = laptop.say(None, "good")
    laptop.upstream.before = forbid(bad)
    cycle = laptop.cycle()
    assert cycle.problem is None
    assert set(laptop.upstream.tables.sessions) == {good}
    assert {one.session_id for one in laptop.store.acknowledgements.rejected()} == {bad}


def test_when_everything_is_forbidden_it_waits_longer_each_time(laptop: Device) -> None:
    ids = [laptop.say(None, f"{n}")[0] for n in range(8)]
    laptop.upstream.before = forbid(*ids)
    waits = [laptop.cycle().problem for _ in range(4)]
    assert [one.wait_ms // 60_000 for one in waits if one is not None and one.wait_ms] == [15, 60, 360, 360]
    assert laptop.store.sync_metadata.waiting() == 16


def test_an_answer_that_leaves_a_conversation_out_acknowledges_nothing_of_it(laptop: Device) -> None:
    place, _ = laptop.say(None, "hello")
    other, _ = laptop.say(None, "there")

    def before(asked: ServerRequest) -> ServerResponse | None:
        if asked.method != "POST":
            return None
        details = b'[{"conversationId":"%s","status":"synced"}]' % other.encode()
        body = b'{"success":true,"results":{"synced":1,"errors":0,"details":%s}}' % details
        return ServerResponse(200, [("content-type", "application/json")], body)

    laptop.upstream.before = before
    assert laptop.cycle().problem is None
    waiting = {row["conv_id"] for row in laptop.store.db.rows("select conv_id from sync_outbox")}
    assert waiting == {place}


@pytest.mark.parametrize(
    ("status", "head", "body", "phase"),
    [
        (200, "text/html", b"<html>Welcome", "portal"),
        (302, "text/html", b"", "portal"),
        (511, "text/html", b"", "portal"),
        (200, "application/json", b'{"success":true', "portal"),
        (200, "application/json", b'{"success":true,"results":{}}', "blocked"),
        (200, "application/json", b'{"success":false,"results":{"details":[]}}', "blocked"),
        (500, "application/json", b'{"error":"x","code":"profile_fetch_failed"}', "offline"),
        (502, "text/html", b"bad gateway", "offline"),
        (401, "application/json", b'{"error":"x","code":"auth_required"}', "signin"),
        (402, "application/json", b'{"error":"x"}', "paused"),
        (403, "application/json", b'{"error":"x","code":"account_banned"}', "blocked"),
        (429, "application/json", b'{"error":"x","retryAfter":60}', "paused"),
    ],
)
def test_nothing_is_acknowledged_by_an_answer_that_is_none(
    laptop: Device, status: int, head: str, body: bytes, phase: str
) -> None:
    laptop.say(None, "hello")
    laptop.upstream.before = lambda asked: (
        ServerResponse(status, [("content-type", head)], body) if asked.body else None
    )
    cycle = laptop.cycle()
    assert cycle.problem is not None
    assert (cycle.problem.phase, cycle.pushed, cycle.complete) == (phase, 0, False)
    assert laptop.store.sync_metadata.waiting() == 2
    laptop.upstream.before = None
    assert laptop.look().complete
    assert laptop.store.sync_metadata.waiting() == 0


def test_the_hour_that_a_server_asks_for_is_waited(laptop: Device) -> None:
    head = [("content-type", "application/json"), ("retry-after", "3600")]
    laptop.upstream.before = lambda asked: ServerResponse(429, head, b'{"error":"x","retryAfter":60}')
    laptop.say(None, "hello")
    problem = laptop.cycle().problem
    assert problem is not None
    assert problem.phase == "paused"
    assert problem.wait_ms is not None
    assert 3_600_000 <= problem.wait_ms <= 1.2 * 3_600_000


# deletions


def test_what_is_deleted_here_is_deleted_there_and_again_when_it_shows_up(laptop: Device, desktop: Device) -> None:
    session_id, *_ = exchange(laptop, None)
    laptop.cycle()
    desktop.cycle()
    laptop.store.trash.delete_conversation(session_id)
    laptop.cycle()
    assert laptop.upstream.tables.sessions == {}
    exchange(desktop, session_id, "I did not know")
    desktop.cycle()  # between two looks: it makes the conversation again
    assert session_id in laptop.upstream.tables.sessions
    laptop.look()
    assert laptop.upstream.tables.sessions == {}
    desktop.look()
    assert desktop.titles() == {}
    assert desktop.store.trash.latest() is not None


def test_what_is_brought_back_is_sent_whole(laptop: Device, desktop: Device) -> None:
    session_id, *_ = exchange(laptop, None)
    laptop.cycle()
    laptop.store.trash.delete_conversation(session_id)
    laptop.cycle()
    trashed = laptop.store.trash.latest()
    assert trashed is not None
    laptop.store.undo.undo(trashed.token)
    laptop.cycle()
    desktop.cycle()
    assert desktop.texts(session_id) == ["Why?", "Because."]


def clear_calls(device: Device) -> int:
    return sum(one.path.endswith("clear-all") for one in device.upstream.asked)


def test_all_is_cleared_with_one_request_where_nothing_else_is_there(laptop: Device) -> None:
    laptop.unlimited()
    for n in range(25):
        laptop.say(None, f"{n}")
    laptop.cycle()
    laptop.store.trash.clear_all()
    laptop.cycle()
    assert clear_calls(laptop) == 1
    assert laptop.upstream.tables.sessions == {}
    assert laptop.store.sync_metadata.waiting() == 0


def test_what_this_device_has_not_seen_survives_a_clear(laptop: Device, desktop: Device) -> None:
    laptop.unlimited()
    for n in range(25):
        laptop.say(None, f"{n}")
    laptop.cycle()
    unseen, _ = desktop.say(None, "unseen")
    desktop.sync._compared_ms = int(desktop.clock().timestamp() * 1000)
    desktop.unlimited().cycle()
    laptop.store.trash.clear_all()
    laptop.cycle()
    assert clear_calls(laptop) == 0
    assert set(laptop.upstream.tables.sessions) == {unseen}
    assert laptop.store.sync_metadata.waiting() == 0


def test_a_clear_that_fails_is_done_one_by_one(laptop: Device) -> None:
    laptop.unlimited()
    laptop.upstream.clear_cap = 3
    for n in range(22):
        laptop.say(None, f"{n}")
    laptop.cycle()
    laptop.store.trash.clear_all()
    laptop.cycle()
    assert clear_calls(laptop) == 1
    assert laptop.upstream.tables.sessions == {}
    assert laptop.store.sync_metadata.waiting() == 0


# between sending and hearing


@pytest.mark.parametrize("where", ["http", "answered POST sync", "frozen", "tx"])
def test_a_crash_anywhere_loses_and_doubles_nothing(laptop: Device, desktop: Device, where: str) -> None:
    exchange(laptop, None)
    left = 30
    while left:
        count = [31 - left]

        def crash(name: str, count: list[int] = count) -> None:
            count[0] -= name == where
            if count[0] < 0:
                raise Crashed

        laptop.points = crash
        try:
            laptop.look()
        except Crashed:
            laptop.begin()
        left -= 1
    laptop.points = lambda name: None
    laptop.look()
    desktop.look()
    [session_id] = desktop.titles()
    assert desktop.texts(session_id) == ["Why?", "Because."]
    assert laptop.store.sync_metadata.waiting() == 0


def test_the_request_after_the_last_of_the_hour_waits(laptop: Device) -> None:
    laptop.sync.requests.budget = Budget(left=1.5)
    laptop.say(None, "hello")
    problem = laptop.cycle().problem
    assert problem is not None
    assert (problem.phase, laptop.store.sync_metadata.waiting()) == ("paused", 2)
    assert problem.wait_ms is not None
    assert 0 < problem.wait_ms < 10 * 60_000


def test_a_parcel_is_cut_without_losing_a_message(laptop: Device) -> None:
    place, _ = laptop.say(None, "ü\n" * 90_000)
    for _ in range(6):
        laptop.say(place, "ü\n" * 90_000)
    laptop.unlimited().cycle()
    assert len(laptop.upstream.tables.messages[place]) == 7


def test_a_message_with_files_says_so_and_names_the_first_ones(laptop: Device) -> None:
    files = [Attachment(f"{number:064d}", f"{number}.png", "image/png", 9) for number in range(5)]
    begun = laptop.store.live_replies.begin_turn(None, "Look", model="a/b", attachments=files)
    laptop.store.live_replies.settle(begun.reply.id, Settled("done", "A tern."))
    assert laptop.cycle().complete
    [body] = sent(laptop)
    told = body["conversations"][0]["messages"][0]
    assert (told["has_attachments"], told["attachment_ids"]) == (True, [file.id for file in files[:3]])
    laptop.cycle()
    assert list(laptop.store.messages.get(begun.user_message.id).attachments) == files
    assert not [one for one in laptop.upstream.asked if "attachments" in one.path]

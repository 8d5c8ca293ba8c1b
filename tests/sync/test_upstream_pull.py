"""Pull from an upstream server: changes are found by comparison, and a missing item proves nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ticking import Ticking

from sterna.storage import Settled
from sterna.sync.protocol.effects import Request, Response
from sterna.sync.upstream.protocol import COMPARE_MS
from tests.sync.upstream_device import Device
from tests.upstream import Upstream


def asked(device: Device, since: int = 0) -> list[str]:
    return [f"{one.method} {one.path.removeprefix('/api/chat/')}" for one in device.upstream.asked[since:]]


def write(device: Device, session_id: str, message_id: str, content: str, **columns: Any) -> None:
    """Another client writes a message there."""
    tables = device.upstream.tables
    row = {"id": message_id, "session_id": session_id, "role": "user", "message_timestamp": device.upstream.clock()}
    tables.upsert_messages(device.person.id, [row | {"content": content} | columns])


def test_everything_comes_to_a_new_device_and_afterwards_only_what_changed(laptop: Device, desktop: Device) -> None:
    places = [laptop.say(None, f"talk {n}")[0] for n in range(3)]
    laptop.cycle()
    assert desktop.cycle().pulled == 3
    assert desktop.titles().keys() == set(places)
    since = len(desktop.upstream.asked)
    assert desktop.look().pulled == 0
    assert asked(desktop, since) == ["GET sessions"]
    write(laptop, places[1], "m_web", "more")
    since = len(desktop.upstream.asked)
    assert desktop.look().pulled == 1
    assert asked(desktop, since) == ["GET sessions", "GET messages"]
    assert desktop.texts(places[1]) == ["talk 1", "more"]
    assert desktop.store.sync_metadata.waiting() == 0


def test_between_two_looks_only_what_waits_is_sent(laptop: Device, clock: Ticking) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    laptop.say(place, "two")
    since = len(laptop.upstream.asked)
    laptop.cycle()
    assert asked(laptop, since) == ["POST sync"]
    clock.move(seconds=COMPARE_MS / 1000)
    laptop.say(place, "three")
    since = len(laptop.upstream.asked)
    laptop.cycle()
    assert asked(laptop, since)[0] == "GET sessions"


def test_a_large_account_is_looked_at_by_its_first_page_and_swept_every_six_hours(
    laptop: Device, clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.sync.upstream.pull.SMALL", 2)
    places = [laptop.say(None, f"talk {n}")[0] for n in range(4)]
    laptop.cycle()
    laptop.look()
    laptop.look()
    since = len(laptop.upstream.asked)
    write(laptop, places[0], "m_web", "more")
    assert laptop.look().pulled == 1
    assert asked(laptop, since) == ["GET sync", "GET messages"]
    clock.move(hours=6)
    since = len(laptop.upstream.asked)
    laptop.look()
    assert asked(laptop, since) == ["GET sessions"]


def test_a_rename_and_an_edit_elsewhere_arrive(laptop: Device, desktop: Device) -> None:
    place, message_id = laptop.say(None, "one")
    laptop.cycle()
    desktop.cycle()
    laptop.store.conversations.rename(place, "Renamed")
    laptop.store.messages.edit(message_id, "edited")
    laptop.cycle()
    desktop.look()
    assert desktop.titles() == {place: "Renamed"}
    assert desktop.texts(place) == ["edited"]
    assert desktop.store.sync_metadata.waiting() == 0


def test_an_older_creation_stays(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    made = laptop.store.conversations.get(place).created_at
    laptop.cycle()
    laptop.look()
    assert laptop.store.conversations.get(place).created_at == made


# messages


def test_what_the_server_does_not_say_stays_as_it_is_here(laptop: Device) -> None:
    place, _ = laptop.say(None, "one")
    begun = laptop.store.live_replies.begin_turn(place, "two", model="a/b")
    response = Settled(
        "done", "Because.", "I think", output_tokens=5, metadata={"finish_reason": "stop"}, elapsed_ms=1830
    )
    reply = laptop.store.live_replies.settle(begun.reply.id, response)
    before = laptop.store.db.rows("select * from chat_messages order by id")
    laptop.cycle()
    for change in ({"reasoning": None}, {"total_tokens": None}, {"elapsed_ms": 0}):
        kept = dict(laptop.upstream.tables.messages[place][reply.id])
        laptop.upstream.tables.upsert_messages(laptop.person.id, [kept | change])
        laptop.look()
    assert [tuple(row) for row in laptop.store.db.rows("select * from chat_messages order by id")] == [
        tuple(row) for row in before
    ]


def test_what_the_server_says_beside_our_columns_goes_back_with_an_edit(laptop: Device, desktop: Device) -> None:
    place, message_id = laptop.say(None, "one")
    laptop.cycle()

    def more(step: Request, server: Any) -> Response:
        answer: Response = server(step)
        body = answer.body.replace(b'"attachment_ids":[]', b'"attachment_ids":["a1","a2"],"cited_by":[7]')
        return Response(answer.status, answer.headers, body)

    desktop.net = more
    desktop.cycle()
    desktop.store.messages.edit(message_id, "edited")
    desktop.cycle()
    [response] = desktop.upstream.asked[-1].json()["conversations"][0]["messages"]
    assert (response["content"], response["attachment_ids"], response["cited_by"]) == ("edited", ["a1", "a2"], [7])
    assert desktop.upstream.tables.messages[place][message_id]["attachment_count"] == 2


def test_a_reply_that_succeeded_is_not_replaced_by_its_failure(laptop: Device) -> None:
    place, message_id = laptop.say(None, "one")
    laptop.cycle()
    write(laptop, place, message_id, "", error_message="Message failed")
    laptop.look()
    assert laptop.texts(place) == ["one"]


def test_both_edited_one_message_and_the_words_that_lose_are_filed(laptop: Device, desktop: Device) -> None:
    place, message_id = laptop.say(None, "one")
    laptop.cycle()
    desktop.cycle()
    laptop.store.messages.edit(message_id, "by the laptop")
    laptop.cycle()
    desktop.store.messages.edit(message_id, "by the desktop")
    desktop.look()
    laptop.look()
    assert laptop.texts(place) == desktop.texts(place) == ["by the laptop"]
    assert [one.mine for one in desktop.store.conflicts.list_open()] == ["by the desktop"]


def test_the_longer_reply_wins_whoever_looks(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    begun = laptop.store.live_replies.begin_turn(place, "two", model="a/b")
    reply = laptop.store.live_replies.settle(begun.reply.id, Settled("done", "Short.", output_tokens=2))
    laptop.cycle()
    desktop.cycle()
    write(laptop, place, reply.id, "Shorter", role="assistant", output_tokens=1, model="a/b")
    with desktop.store.db.write():
        desktop.store.db.execute(
            "update chat_messages set content = 'Long.', output_tokens = 9 where id = ?", (reply.id,)
        )
    desktop.look()
    assert desktop.upstream.tables.messages[place][reply.id]["content"] == "Long."
    laptop.look()
    assert laptop.store.messages.get(reply.id).content == "Long."
    assert [one.mine for one in desktop.store.conflicts.list_open()] == ["Shorter"]


def test_a_list_that_is_cut_is_followed_to_its_end(clock: Ticking) -> None:
    up = Upstream(clock=clock, row_cap=4)
    laptop = Device(up, up.join(), clock, seed=1).unlimited()
    place, _ = laptop.say(None, "0")
    for n in range(1, 15):
        laptop.say(place, str(n))
    laptop.cycle()
    desktop = Device(up, laptop.person, clock, seed=2).unlimited()
    desktop.cycle()
    assert desktop.texts(place) == [str(n) for n in range(15)]


def test_messages_that_are_not_all_that_were_counted_are_fetched_again_but_not_for_ever(clock: Ticking) -> None:
    up = Upstream("S", clock=clock, row_cap=4)
    laptop = Device(up, up.join(), clock, seed=1).unlimited()
    laptop.sync.pull.row_cap = 4
    place, _ = laptop.say(None, "0")
    for n in range(1, 6):
        laptop.say(place, str(n))
    laptop.cycle()
    desktop = Device(up, laptop.person, clock, seed=2).unlimited()
    desktop.sync.pull.row_cap = 4
    for _ in range(8):
        desktop.look()
    assert desktop.store.db.one("select 1 from sync_remote where fingerprint is not null") is None
    fetched = [one for one in up.asked if one.path.endswith("messages") and one.method == "GET"]
    assert len(fetched) <= 6, "three times by each"
    assert desktop.texts(place) == ["0", "1", "2", "3"]
    assert laptop.texts(place) == [str(n) for n in range(6)], "nothing is concluded from what is not there"


def test_a_message_made_meanwhile_is_not_hidden_by_the_fingerprint(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()

    def late(step: Request, server: Any) -> Response:
        answer: Response = server(step)
        if step.path.endswith("sessions"):
            write(laptop, place, "m_late", "late")
        return answer

    desktop.net = late
    desktop.cycle()
    assert desktop.texts(place) == ["one", "late"]
    desktop.net = lambda step, server: server(step)
    write(laptop, place, "m_later", "later")
    desktop.look()
    assert desktop.texts(place) == ["one", "late", "later"]


def test_one_message_that_cannot_be_read_keeps_no_other_out(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.say(place, "two")
    laptop.cycle()

    def odd(step: Request, server: Any) -> Response:
        answer: Response = server(step)
        return Response(answer.status, answer.headers, answer.body.replace(b'"content":"one"', b'"content":null'))

    desktop.net = odd
    desktop.cycle()
    assert desktop.texts(place) == ["two"]


# what is missing


def test_a_conversation_deleted_elsewhere_goes_to_the_trash(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    desktop.cycle()
    laptop.store.trash.delete_conversation(place)
    laptop.cycle()
    assert desktop.look().pulled == 1
    assert desktop.titles() == {}
    assert asked(desktop)[-1] == "GET session"
    trashed = desktop.store.trash.latest()
    assert trashed is not None
    assert desktop.store.undo.undo(trashed.token) == [place]
    assert desktop.texts(place) == ["one"]
    assert desktop.store.db.one("select 1 from sync_tombstones") is None, "a tombstone is for what was deleted here"


@pytest.mark.parametrize("lie", ["short list", "other status", "page"])
def test_only_the_answer_to_its_own_id_says_that_a_conversation_is_gone(laptop: Device, lie: str) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()

    def net(step: Request, server: Any) -> Response:
        json_head = {"content-type": "application/json", "x-request-id": "1"}
        if step.path.endswith("sessions"):
            return Response(200, json_head, b'{"sessions":[],"count":0}')
        if step.path.endswith("session") and lie == "other status":
            return Response(403, json_head, b'{"error":"no"}')
        if step.method == "GET" and lie == "page":
            return Response(404, {"content-type": "text/html"}, b"<html>")
        answer: Response = server(step)
        return answer

    laptop.net = net
    laptop.look()
    assert laptop.titles().keys() == {place}


def test_a_list_that_may_be_cut_says_nothing_of_what_it_lacks(clock: Ticking) -> None:
    up = Upstream(clock=clock, row_cap=3)
    laptop = Device(up, up.join(), clock, seed=1).unlimited()
    laptop.sync.pull.row_cap = 3
    for n in range(5):
        laptop.say(None, f"{n}")
    laptop.cycle()
    since = len(up.asked)
    laptop.look()
    assert "GET session" not in asked(laptop, since)
    assert len(laptop.titles()) == 5


def wiped(laptop: Device, number: int = 8) -> list[str]:
    places = [laptop.say(None, f"{n}")[0] for n in range(number)]
    laptop.unlimited().cycle()
    laptop.look()
    for place in places:
        laptop.upstream.tables.delete_session(laptop.person.id, place)
    return places


def test_when_many_are_missing_a_person_is_asked_and_nothing_is_touched(laptop: Device) -> None:
    places = wiped(laptop)
    laptop.say(places[0], "more")
    cycle = laptop.look()
    assert cycle.problem is not None
    assert cycle.problem.phase == "blocked"
    assert "8 conversations" in cycle.problem.sentence
    assert laptop.store.upstream_pull.missing() == 8
    assert laptop.titles().keys() == set(places)
    assert laptop.upstream.tables.sessions == {}, "nor is one made again with half of its messages"
    new, _ = laptop.say(None, "new")
    laptop.look()
    assert set(laptop.upstream.tables.sessions) == {new}, "what does not hang on the answer goes on"


def test_a_few_missing_ones_need_no_question(laptop: Device) -> None:
    wiped(laptop, 5)
    assert laptop.look().problem is None
    assert laptop.titles() == {}


def test_that_person_says_keep(laptop: Device) -> None:
    places = wiped(laptop)
    laptop.look()
    laptop.store.upstream_pull.answer_missing(keep=True)
    assert laptop.store.upstream_pull.missing() == 0
    assert laptop.look().problem is None
    assert set(laptop.upstream.tables.sessions) == set(places)
    assert all(len(rows) == 1 for rows in laptop.upstream.tables.messages.values())


def test_that_person_says_delete(laptop: Device) -> None:
    wiped(laptop)
    laptop.look()
    laptop.store.upstream_pull.answer_missing(keep=False)
    assert laptop.look().problem is None
    assert laptop.titles() == {}
    assert laptop.store.trash.latest() is not None


def test_what_came_back_with_half_of_its_messages_is_completed(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.store.conversations.rename(place, "Named")
    laptop.cycle()
    desktop.cycle()
    laptop.upstream.tables.delete_session(laptop.person.id, place)
    laptop.say(place, "two")
    laptop.cycle()
    assert [one["content"] for one in laptop.upstream.tables.messages[place].values()] == ["two"]
    laptop.look()
    assert laptop.upstream.tables.sessions[place]["title"] == "Named"
    desktop.look()
    assert desktop.titles() == {place: "Named"}
    assert desktop.texts(place) == ["one", "two"]


def test_a_list_of_somebody_else_stops_everything(laptop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    eve = laptop.upstream.join("eve@example.org")
    laptop.session = laptop.upstream.sign_in(eve)
    laptop.upstream.tables.upsert_session(eve.id, "hers", {"title": "Hers"})
    laptop.say(place, "two")
    cycle = laptop.look()
    assert cycle.problem is not None
    assert cycle.problem.phase == "signin"
    assert laptop.titles().keys() == {place}
    assert asked(laptop)[-1] == "GET sessions", "and nothing is sent"


# titles


def lose_answer_to(path: str) -> Any:
    from sterna.sync.protocol.effects import Unreachable

    def net(step: Request, server: Any) -> Response:
        answer: Response = server(step)
        if step.method == "POST" and step.path.endswith(path):
            raise Unreachable("timeout")
        return answer

    return net


def test_a_title_whose_answer_was_lost_does_not_come_back_over_its_successor(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    desktop.cycle()
    laptop.store.conversations.rename(place, "First")
    laptop.net = lose_answer_to("session")
    assert laptop.cycle().problem is not None
    desktop.look()
    assert desktop.titles()[place] == "First"
    desktop.store.conversations.rename(place, "Second")
    desktop.cycle()
    laptop.net = lambda step, server: server(step)
    laptop.cycle()
    assert laptop.titles()[place] == laptop.upstream.tables.sessions[place]["title"] == "Second"
    assert [one.mine for one in laptop.store.conflicts.list_open()] == ["First"]


def test_a_title_that_was_changed_again_after_a_lost_answer_goes_out(laptop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    laptop.store.conversations.rename(place, "First")
    laptop.net = lose_answer_to("session")
    laptop.cycle()
    laptop.store.conversations.rename(place, "Third")
    laptop.net = lambda step, server: server(step)
    laptop.cycle()
    assert laptop.upstream.tables.sessions[place]["title"] == "Third"
    assert laptop.store.conflicts.list_open() == []


def test_an_automatic_title_never_replaces_one_given_by_hand(laptop: Device, desktop: Device) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    desktop.cycle()
    desktop.store.conversations.rename(place, "By hand")
    desktop.cycle()
    begun = laptop.store.live_replies.begin_turn(place, "two", model="a/b")
    laptop.store.live_replies.settle(begun.reply.id, Settled("done", "Because."))
    assert laptop.titles()[place] == "one"
    laptop.cycle()
    assert laptop.titles()[place] == laptop.upstream.tables.sessions[place]["title"] == "By hand"


# how much is asked


def test_many_conversations_come_in_without_ever_meeting_the_limit(
    laptop: Device, desktop: Device, clock: Ticking
) -> None:
    for n in range(150):
        laptop.upstream.tables.upsert_session(laptop.person.id, f"c{n}", {"title": f"t{n}"})
        write(laptop, f"c{n}", f"m{n}", "x")
    statuses = []

    def net(step: Request, server: Any) -> Response:
        answer: Response = server(step)
        statuses.append(answer.status)
        return answer

    desktop.net = net
    minutes = 0
    while not desktop.cycle().complete:
        clock.move(minutes=1)
        minutes += 1
        assert minutes < 180
    assert set(statuses) == {200}
    assert len(desktop.titles()) == 150
    assert desktop.store.sync_metadata.pull_is_complete()
    assert minutes > 30, "it took its time"


def test_what_somebody_wants_to_read_comes_first(laptop: Device, desktop: Device) -> None:
    for n in range(3):
        laptop.upstream.tables.upsert_session(laptop.person.id, f"c{n}", {"title": f"t{n}"})
        write(laptop, f"c{n}", f"m{n}", f"text {n}")
    desktop.sync.requests.budget.left = 11
    assert not desktop.cycle().complete
    assert desktop.store.sync_metadata.is_partial("c1")
    assert desktop.store.conversations.get("c1").last_message_preview == "text 1"
    desktop.drive(desktop.sync.fetch_conversation("c1", desktop.fence))
    assert desktop.texts("c1") == ["text 1"]
    assert not desktop.store.sync_metadata.is_partial("c1")
    desktop.begin()
    desktop.drive(desktop.sync.fetch_conversation("c2", desktop.fence))
    assert desktop.texts("c2") == ["text 2"]


def test_a_clock_that_goes_back_stops_no_look(laptop: Device, desktop: Device, clock: Ticking) -> None:
    place, _ = laptop.say(None, "one")
    laptop.cycle()
    desktop.cycle()
    clock.at -= timedelta(days=400)
    write(laptop, place, "m_web", "more")
    assert desktop.cycle().pulled == 1

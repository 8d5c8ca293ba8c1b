"""Use that the program counts itself, and reading what was counted."""

from __future__ import annotations

import pytest
from recount import USER, Mirror, day, mirror, profile, run, say, session

from sterna.storage import Invalid, NotFound
from sterna.storage.specification.functions import SpecifiedFunctions


@pytest.fixture
def store() -> Mirror:
    made = mirror()
    run(made, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)
    return made


def test_use_is_added_to_the_day_and_to_the_profile(store: Mirror) -> None:
    SpecifiedFunctions(store).track_user_usage(USER, 1, 2, 30, 40, 'g"/m', True, 61_000)
    SpecifiedFunctions(store).track_user_usage(USER, 1, 0, 3, 4, 'g"/m')
    assert store.usage.usage_today() == {
        "usage_date": "2026-03-01",
        "messages_sent": 2,
        "messages_received": 2,
        "input_tokens": 33,
        "output_tokens": 44,
        "total_tokens": 77,
        "models_used": {'g"/m': 2},
        "sessions_created": 2,
        "active_minutes": 2,
        "generation_ms": 61_000,
    }
    stats = profile(store)["usage_stats"]
    assert (stats["total_messages"], stats["total_tokens"], stats["sessions_created"]) == (4, 77, 2)
    assert profile(store)["token_usage"] == 77


def test_what_is_not_known_counts_as_nothing(store: Mirror) -> None:
    SpecifiedFunctions(store).track_user_usage(USER, None, None, None, None, None, None, None)
    assert store.usage.usage_today()["total_tokens"] == 0
    assert profile(store)["usage_stats"]["total_messages"] == 0


def test_a_poisoned_counter_starts_again_from_nothing(store: Mirror) -> None:
    run(store, "update user_usage_daily set messages_sent = null, models_used = null")
    run(store, "update profiles set usage_stats = null")
    SpecifiedFunctions(store).track_user_usage(USER, 1, model_used="m")
    assert (day(store)["messages_sent"], day(store)["models_used"]) == (1, {"m": 1})
    assert profile(store)["usage_stats"]["total_messages"] == 1


@pytest.mark.parametrize(
    "name", ["messages_sent", "messages_received", "input_tokens", "output_tokens", "generation_ms"]
)
def test_use_cannot_be_taken_away(store: Mirror, name: str) -> None:
    with pytest.raises(Invalid, match=name):
        SpecifiedFunctions(store).track_user_usage(USER, **{name: -1})
    assert store.usage.usage_today()["total_tokens"] == 0


def test_a_stranger_uses_nothing(store: Mirror) -> None:
    with pytest.raises(NotFound):
        SpecifiedFunctions(store).track_user_usage("nobody", 1)


def test_use_makes_the_account_active(store: Mirror) -> None:
    store.clock.move(hours=3)
    SpecifiedFunctions(store).track_user_usage(USER, 1)
    assert profile(store)["last_active"] == profile(store)["updated_at"] == "2026-03-01T15:00:00.000000Z"


def test_a_day_begins_at_midnight_in_utc(store: Mirror) -> None:
    store.clock.move(hours=11, minutes=59)
    say(store, "m1")
    store.clock.move(minutes=1)
    say(store, "m2")
    assert [row["messages_sent"] for row in store.usage.usage_days(2)] == [1, 1]
    assert [row["usage_date"] for row in store.usage.usage_days(2)] == ["2026-03-02", "2026-03-01"]
    assert [row["usage_date"] for row in store.usage.usage_days(1)] == ["2026-03-02"]


def test_a_day_without_use_is_all_zeros(store: Mirror) -> None:
    store.clock.move(days=3)
    today = store.usage.usage_today()
    assert today["usage_date"] == "2026-03-04"
    assert today["models_used"] == {}
    assert {value for key, value in today.items() if key not in ("usage_date", "models_used")} == {0}


def test_more_tokens_than_fit_in_32_bits_are_no_failure(store: Mirror) -> None:
    say(store, "m1", role="assistant", output_tokens=2**31 - 1, total_tokens=2**31 - 1)
    say(store, "m2", role="assistant", output_tokens=2**31 - 1, total_tokens=2**31 - 1)
    assert session(store)["total_tokens"] == day(store)["total_tokens"] == 2**32 - 2
    with pytest.raises(Invalid, match="integer out of range"):  # of one message, as at the server
        say(store, "m3", role="assistant", output_tokens=2**31)


def test_a_drifted_conversation_is_counted_again(store: Mirror) -> None:
    say(store, "m1", total_tokens=5)
    run(store, "update session_counts set messages = 40, tokens = 1")
    run(store, "update chat_sessions set last_message_preview = 'wrong', message_count = 40")
    store.usage.recompute_sessions(["s"])
    shown = session(store)
    assert (shown["message_count"], shown["total_tokens"], shown["last_message_preview"]) == (1, 5, "")
    say(store, "m2", total_tokens=5)
    assert session(store)["total_tokens"] == 10


def test_counting_again_what_is_not_there_does_nothing(store: Mirror) -> None:
    store.usage.recompute_sessions(["gone", "s", "s"])
    assert store.db.rows("select session_id, messages from session_counts")[0][1] == 0


def test_an_import_adds_what_its_rows_would_have_added_one_by_one(store: Mirror) -> None:
    one_by_one = mirror()
    for made in (store, one_by_one):
        run(made, "insert into chat_sessions (id, user_id) values ('gone', :user)", user=USER)
        run(made, "delete from chat_sessions where id = 'gone'")
    run(one_by_one, "insert into chat_sessions (id, user_id) values ('s', :user)", user=USER)

    def write(made: Mirror) -> None:
        for session_id in ("a", "gone"):
            run(made, "insert into chat_sessions (id, user_id) values (:id, :user)", id=session_id, user=USER)
            say(made, f"{session_id}1", session_id, input_tokens=3, total_tokens=3)
            say(made, f"{session_id}2", session_id, role="assistant", model="g/m", output_tokens=4, elapsed_ms=7)
            say(made, f"{session_id}3", session_id, role="system")
            say(made, f"{session_id}4", session_id, role="assistant", model="g/m", error_message="no")

    with store.db.write():
        before = store.usage.counted_usage(["a", "gone"])
        store.db.execute("update write_context set bulk = 1")
        write(store)
        store.db.execute("update write_context set bulk = 0")
        store.usage.recompute_sessions(["a", "gone"])
        store.usage.recompute_usage(["a", "gone"], before)
    write(one_by_one)

    drop = ("local_id", "created_at")  # made by SQLite
    for session_id in ("a", "gone"):
        mine, theirs = session(store, session_id), session(one_by_one, session_id)
        assert {k: v for k, v in mine.items() if k not in drop} == {k: v for k, v in theirs.items() if k not in drop}
    assert {k: v for k, v in day(store).items() if k != "id"} == {k: v for k, v in day(one_by_one).items() if k != "id"}
    assert profile(store) == profile(one_by_one)


def test_an_import_of_what_is_there_already_adds_nothing(store: Mirror) -> None:
    say(store, "m1", input_tokens=3)
    before = (day(store), profile(store))
    store.clock.move(days=1)
    store.usage.recompute_usage(["s"], store.usage.counted_usage(["s"]))
    assert len(store.usage.usage_days(30)) == 1
    assert (day(store, "2026-03-01"), {**profile(store), "updated_at": before[1]["updated_at"]}) == before

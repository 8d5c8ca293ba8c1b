"""Daily usage, and models of tiers."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from accounts import Db, acting_as, connect, make_user

from sterna.server.database.embedded import Embedded
from sterna.server.identity import SERVER, Identity


@pytest.fixture
def al(db: Db) -> Identity:
    return Identity("authenticated", *make_user(db))


def track(db: Db, arguments: str, *values: Any) -> None:
    with acting_as(db, SERVER):
        db.execute(f"select track_user_usage({arguments})", values)


def delta(db: Db, arguments: str, *values: Any) -> None:
    with acting_as(db, SERVER):
        db.execute(f"select track_user_usage_delta({arguments})", values)


def days(db: Db, who: Identity) -> list[dict[str, Any]]:
    return db.execute(
        """
        select usage_date::text as day, messages_sent, messages_received, input_tokens, output_tokens, total_tokens,
            models_used, sessions_created, generation_ms, active_minutes
        from user_usage_daily
        where user_id = %s
        order by usage_date
        """,
        (who.user_id,),
    ).fetchall()


def total(db: Db, who: Identity) -> dict[str, Any]:
    row = db.execute("select usage_stats, token_usage from profiles where id = %s", (who.user_id,)).fetchone()
    assert row is not None
    return {"token_usage": row["token_usage"], **row["usage_stats"]}


def test_the_published_call_adds_to_today_and_to_the_totals(db: Db, al: Identity) -> None:
    for _ in range(2):
        track(db, "%s, 1, 1, 7, 33, 'g/m', true, 30001", al.user_id)
    (day,) = days(db, al)
    today = db.execute("select (now() at time zone 'UTC')::date::text as day").fetchone()
    assert today is not None
    assert day == {
        "day": today["day"],
        "messages_sent": 2,
        "messages_received": 2,
        "input_tokens": 14,
        "output_tokens": 66,
        "total_tokens": 80,
        "models_used": {"g/m": 2},
        "sessions_created": 2,
        "generation_ms": 60002,
        "active_minutes": 2,
    }
    sums = total(db, al)
    assert (sums["total_messages"], sums["total_tokens"], sums["sessions_created"]) == (4, 80, 2)
    assert sums["token_usage"] == 80
    assert "last_reset" in sums


def test_counters_that_are_not_known_are_nought(db: Db, al: Identity) -> None:
    """Null poisoned the totals: docs/specification/functions.md#null-counters."""
    db.execute("update profiles set usage_stats = null where id = %s", (al.user_id,))
    track(db, "%s, null, null, null, null, null, null, null", al.user_id)
    track(db, "%s, 1", al.user_id)
    assert [day["messages_sent"] for day in days(db, al)] == [1]
    assert total(db, al)["total_messages"] == 1


@pytest.mark.parametrize("arguments", ["-1", "0, -1", "0, 0, -1", "0, 0, 0, -1", "0, 0, 0, 0, null, false, -1"])
def test_use_is_only_ever_added_to(db: Db, al: Identity, arguments: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        track(db, f"%s, {arguments}", al.user_id)
    assert days(db, al) == []


def test_nobody_unknown_uses_anything(db: Db) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        track(db, "gen_random_uuid(), 1")


def test_a_correction_takes_away_and_no_counter_falls_below_nought(db: Db, al: Identity) -> None:
    delta(db, """%s, 1, 1, 7, 33, '{"g/m": 1, "h": 2}', 0, 5000, '2025-07-24'""", al.user_id)
    delta(db, """%s, 0, -1, 0, -30, '{"g/m": -1, "i": -4}', 0, -4000, '2025-07-24'""", al.user_id)
    (day,) = days(db, al)
    assert (day["messages_received"], day["output_tokens"], day["models_used"]) == (0, 3, {"h": 2})
    assert (day["generation_ms"], day["active_minutes"]) == (1000, 1)
    delta(db, "%s, -9, -9, -99, -99, '{}', -9, -9999, '2025-07-24'", al.user_id)
    (day,) = days(db, al)
    counters = {name: value for name, value in day.items() if name not in ("day", "models_used")}
    assert set(counters.values()) == {0}
    assert total(db, al)["total_messages"] == total(db, al)["token_usage"] == 0


def test_a_day_that_was_named_is_the_day_that_counts(db: Db, al: Identity) -> None:
    track(db, "%s, 1, p_usage_date => '2024-02-29'", al.user_id)
    assert [day["day"] for day in days(db, al)] == ["2024-02-29"]


def test_sums_go_past_what_an_integer_holds(db: Db, al: Identity) -> None:
    """docs/specification/schema.md#integers."""
    for _ in range(2):
        track(db, "%s, 0, 0, 2147483647, 2147483647", al.user_id)
    assert total(db, al)["total_tokens"] == 4 * 2147483647


def test_no_model_is_lost_when_two_count_at_once(db: Db, postgres: Embedded, al: Identity) -> None:
    """docs/specification/triggers.md#models-used."""
    together = Barrier(4)

    def count() -> None:
        with connect(postgres.admin_url) as own:
            together.wait()
            for _ in range(10):
                own.execute("select track_user_usage(%s, 0, 1, 0, 0, 'g/m')", (al.user_id,))

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(day["models_used"], day["messages_received"]) for day in days(db, al)] == [({"g/m": 40}, 40)]


@pytest.mark.parametrize(("tier", "models", "large"), [("free", 2, False), ("pro", 5, False), ("enterprise", 8, True)])
def test_a_tier_has_its_models_and_those_below(db: Db, al: Identity, tier: str, models: int, large: bool) -> None:
    """docs/specification/vectors.md#vector-11."""
    db.execute("update profiles set subscription_tier = %s where id = %s", (tier, al.user_id))
    with acting_as(db, al):
        allowed = db.execute("select * from get_user_allowed_models(%s)", (al.user_id,)).fetchall()
        row = db.execute("select can_user_use_model(%s, 'openai/gpt-4o') as may", (al.user_id,)).fetchone()
    assert (len(allowed), row) == (models, {"may": large})
    assert [item["model_id"] for item in allowed][:2] == [
        "deepseek/deepseek-r1-0528:free",
        "google/gemini-flash-1.5:free",
    ]


def test_somebody_unknown_has_the_free_models_and_nobody_an_unknown_one(db: Db) -> None:
    with acting_as(db, SERVER):
        for unknown in ("gen_random_uuid()", "null"):
            allowed = db.execute(f"select model_id from get_user_allowed_models({unknown})").fetchall()
            assert len(allowed) == 2
        row = db.execute("select can_user_use_model(null, 'no/such') as may").fetchone()
    assert row == {"may": False}

"""Profiles and activity logs: creation at sign-up, and changes by the account."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from accounts import Db, acting_as, make_user

from sterna.server.identity import SERVER, Identity


def somebody(db: Db, **metadata: Any) -> Identity:
    user_id, email = make_user(db, **metadata)
    return Identity("authenticated", user_id, email)


def profile(db: Db, user_id: UUID | None) -> dict[str, Any]:
    row = db.execute("select * from profiles where id = %s", (user_id,)).fetchone()
    assert row is not None
    return row


def log_entries(db: Db, user_id: UUID | None, action: str) -> list[dict[str, Any]]:
    rows = db.execute(
        "select details from user_activity_log where user_id = %s and action = %s order by timestamp", (user_id, action)
    )
    return [row["details"] for row in rows.fetchall()]


def call(db: Db, statement: str, *values: Any) -> Any:
    row = db.execute(f"select {statement} as answer", values).fetchone()
    assert row is not None
    return row["answer"]


def test_a_first_sign_in_makes_a_profile(db: Db) -> None:
    """docs/specification/vectors.md#vector-1."""
    al = somebody(db, name="Al", avatar_url="https://example.org/al.png")
    made = profile(db, al.user_id)
    assert (made["full_name"], made["subscription_tier"], made["credits"]) == ("Al", "free", 0)
    assert (made["email"], made["avatar_url"]) == (al.email, "https://example.org/al.png")
    assert made["usage_stats"].keys() == {"total_messages", "total_tokens", "sessions_created", "last_reset"}
    assert made["clerk_id"] == str(al.user_id)
    assert log_entries(db, al.user_id, "profile_created") == [
        {"sync_source": "google_oauth", "created_from_oauth": True}
    ]


def test_without_a_name_the_address_names_the_profile(db: Db) -> None:
    user_id, _ = make_user(db, "local.part@example.org")
    try:
        assert profile(db, user_id)["full_name"] == "local.part"
    finally:
        db.execute("delete from auth.users where id = %s", (user_id,))


def test_a_sign_in_without_an_address_makes_a_profile_too(db: Db) -> None:
    row = db.execute("insert into auth.users (email) values (null) returning id").fetchone()
    assert row is not None
    made = profile(db, row["id"])
    assert (made["email"], made["full_name"]) == ("", "")


def test_two_sign_ins_within_a_minute_are_told_once_and_a_new_address_again(db: Db) -> None:
    """docs/specification/vectors.md#vector-2."""
    al = somebody(db, full_name="Al")
    for _ in range(2):
        db.execute(
            "update auth.users set last_sign_in_at = now(), raw_user_meta_data = '{}' where id = %s", (al.user_id,)
        )
    db.execute("update auth.users set email = %s where id = %s", (f"new.{al.email}", al.user_id))
    assert [item["email_updated"] for item in log_entries(db, al.user_id, "profile_synced")] == [False, True]
    assert profile(db, al.user_id)["full_name"] == "Al"
    assert profile(db, al.user_id)["email"] == f"new.{al.email}"


def test_a_profile_is_made_again_from_the_sign_in(db: Db) -> None:
    al = somebody(db, name="Al")
    with acting_as(db, al):
        again = call(db, "sync_profile_from_auth(%s)", al.user_id)
    assert (again["success"], again["updated"], again["changes"]["email_synced"]) == (True, True, True)
    assert len(log_entries(db, al.user_id, "profile_manual_sync")) == 1
    db.execute("delete from profiles where id = %s", (al.user_id,))
    with acting_as(db, SERVER):
        assert call(db, "sync_profile_from_auth(%s)", al.user_id)["changes"]["profile_created"] is True
        missing = call(db, "sync_profile_from_auth('00000000-0000-4000-8000-000000000000')")
    assert missing == {"success": False, "error": "User not found in auth.users"}


@pytest.mark.parametrize(
    "change",
    [
        "subscription_tier = 'enterprise'",
        "subscription_status = 'gold'",
        "credits = 1000",
        "usage_stats = '{}'",
        "email = 'else@example.org'",
        "clerk_id = 'someone'",
        "token_usage = 0 - 5",
        "message_count = 7",
        "total_conversations = 7",
        "total_searches = 7",
        "id = gen_random_uuid()",
    ],
)
def test_nobody_gives_themselves_what_the_server_gives(db: Db, change: str) -> None:
    al = somebody(db)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(db, al):
        db.execute(f"update profiles set {change} where id = %s", (al.user_id,))


def test_people_change_what_is_theirs_and_nobody_elses(db: Db) -> None:
    al, bo = somebody(db), somebody(db)
    with acting_as(db, al):
        assert db.execute("update profiles set full_name = 'Al'").rowcount == 1
        assert db.execute("update profiles set full_name = 'x' where id = %s", (bo.user_id,)).rowcount == 0
    assert profile(db, bo.user_id)["full_name"] != "x"
    with acting_as(db, SERVER):
        db.execute("update profiles set credits = 5 where id = %s", (al.user_id,))
    assert profile(db, al.user_id)["credits"] == 5


def test_another_sign_in_has_its_own_name_for_a_person(db: Db) -> None:
    al = somebody(db)
    db.execute("update profiles set clerk_id = %s where id = %s", (f"clerk_{al.user_id}", al.user_id))
    with db.transaction():
        claims = json.dumps({"role": "authenticated", "sub": f"clerk_{al.user_id}"})
        db.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)", (claims,)
        )
        assert call(db, "current_profile_id()") == al.user_id
        assert call(db, "auth.uid()") is None
        assert [row["id"] for row in db.execute("select id from profiles").fetchall()] == [al.user_id]


def test_a_tier_is_changed_by_the_server_and_told(db: Db) -> None:
    al = somebody(db)
    with acting_as(db, SERVER):
        changed = call(db, "update_user_tier(%s, 'pro')", al.user_id)
        assert (changed["success"], changed["old_tier"], changed["new_tier"]) == (True, "free", "pro")
        assert call(db, "update_user_tier(%s, 'admin')", al.user_id)["success"] is False
        unknown = call(db, "update_user_tier(gen_random_uuid(), 'pro')")
    assert unknown == {"success": False, "error": "User not found"}
    assert log_entries(db, al.user_id, "tier_updated") == [{"old_tier": "free", "new_tier": "pro"}]


def test_preferences_merge_and_leave_what_they_do_not_name(db: Db) -> None:
    al = somebody(db)
    with acting_as(db, al):
        ui = call(db, """update_user_preferences(%s, 'ui', '{"theme": "light", "panes": {"left": 1}}')""", al.user_id)
        call(db, """update_user_preferences(%s, 'ui', '{"panes": {"right": 2}}')""", al.user_id)
        call(db, """update_user_preferences(%s, 'model', '{"temperature": 1.2}')""", al.user_id)
    assert ui["success"] is True
    stored = profile(db, al.user_id)
    assert (stored["ui_preferences"]["theme"], stored["ui_preferences"]["sidebar_width"]) == ("light", 280)
    assert stored["ui_preferences"]["panes"] == {"left": 1, "right": 2}
    assert stored["temperature"] == Decimal("1.20")
    assert stored["allowed_models"] == ["deepseek/deepseek-r1-0528:free"]
    assert len(log_entries(db, al.user_id, "preferences_updated")) == 3


@pytest.mark.parametrize(
    ("kind", "preferences"),
    [
        ("model", '{"temperature": 2.1}'),
        ("model", '{"temperature": "hot"}'),
        ("model", '{"allowed_models": "all"}'),
        ("colours", "{}"),
        ("ui", "[]"),
    ],
)
def test_wrong_preferences_are_answered_and_change_nothing(db: Db, kind: str, preferences: str) -> None:
    al = somebody(db)
    before = profile(db, al.user_id)
    with acting_as(db, al):
        answer = call(db, "update_user_preferences(%s, %s, %s::jsonb)", al.user_id, kind, preferences)
    assert (answer["success"], bool(answer["error"])) == (False, True)
    assert profile(db, al.user_id) == before


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        (
            '{"a": {"x": 1}, "b": [1]}',
            '{"a": {"y": 2}, "b": [2], "c": null}',
            {"a": {"x": 1, "y": 2}, "b": [2], "c": None},
        ),
        (None, '{"a": 1}', {"a": 1}),
        ('{"a": 1}', None, {"a": 1}),
        ('{"a": 1}', "{}", {"a": 1}),
    ],
)
def test_objects_merge_deeply(db: Db, left: str | None, right: str | None, merged: dict[str, Any]) -> None:
    """docs/specification/vectors.md#vector-10; an empty left side is no null.

    See docs/specification/functions.md#jsonb-deep-merge.
    """
    assert call(db, "jsonb_deep_merge(%s::jsonb, %s::jsonb)", left, right) == merged


def test_temperatures_are_rounded_before_they_are_checked(db: Db) -> None:
    """docs/specification/vectors.md#vector-13."""
    al = somebody(db)
    for given, stored in (("2.004", "2.00"), ("0.755", "0.76")):
        with acting_as(db, al):
            db.execute("update profiles set temperature = %s::numeric", (given,))
        assert profile(db, al.user_id)["temperature"] == Decimal(stored)
    with pytest.raises(psycopg.errors.CheckViolation), acting_as(db, al):
        db.execute("update profiles set temperature = 2.005")

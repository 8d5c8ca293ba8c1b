"""Differences that were found once, each with the value that both engines have to keep."""

from __future__ import annotations

import json
from typing import Any

import pytest
from both import NOBODY, Both
from histories import check
from operations import happen
from tables import Postgres

INT4 = 2**31 - 1
ROW = {"id": "m0", "session_id": "a", "role": "assistant", "content": "x"}


def message(both: Both, message_id: str = "m0") -> dict[str, Any]:
    return both.messages()[message_id]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"elapsed_ms": None}, (None, None)),
        ({"elapsed_ms": 499, "elapsed_time": 2}, (499, 0)),
        ({"elapsed_time": INT4}, (INT4, 2_147_484)),
    ],
)
def test_a_message_that_is_written_over_keeps_what_was_said(
    server: Postgres, sent: dict[str, Any], kept: tuple[int | None, int | None]
) -> None:
    both = check(server, [("put", ROW | {"elapsed_ms": 1500}), ("put", ROW | sent)])
    assert (message(both)["elapsed_ms"], message(both)["elapsed_time"]) == kept


@pytest.mark.parametrize("name", ["elapsed_ms", "elapsed_time", "total_tokens", "input_tokens", "output_image_tokens"])
def test_a_number_of_more_than_four_bytes_is_refused(server: Postgres, name: str) -> None:
    both = check(server, [("put", ROW | {name: INT4 + 1}), ("put", ROW | {"id": "m1"})])
    assert (both.refused, list(both.messages())) == (1, ["m1"])


def test_setting_what_is_there_already_is_activity(server: Postgres) -> None:
    with Both(server) as both:
        both.signed_up(both.email, None)
        happen(both, ("put", ROW | {"elapsed_time": 2}))
        for name in ("elapsed_time", "content", "reasoning"):
            before = both.known["public.chat_sessions"]["a"]["updated_at"]
            happen(both, ("same", "m0", [name]))
            assert both.known["public.chat_sessions"]["a"]["updated_at"] > before


def test_a_name_of_more_than_255_characters_is_cut(server: Postgres) -> None:
    with Both(server) as both:
        both.signed_up(both.email, {"full_name": "🦜" * 300})
        (profile,) = both.known["public.profiles"].values()
        assert profile["full_name"] == "🦜" * 255


@pytest.mark.parametrize("keys", ["drop", "without keys"])
@pytest.mark.parametrize("how", ["here", "applying"])
def test_the_last_conversation_that_goes_is_no_more_the_last(server: Postgres, keys: str, how: str) -> None:
    gone: tuple[Any, ...] = ("drop", "a") if keys == "drop" else ("without keys", ("drop", "a"))
    with Both(server) as both:
        both.signed_up(both.email, None)
        happen(both, ("put", ROW))
        (before,) = both.known["public.profiles"].values()
        assert before["last_session_id"] == "a"
        happen(both, gone if how == "here" else ("applying", gone))
        (after,) = both.known["public.profiles"].values()
        assert after["last_session_id"] is None
        assert (after["updated_at"] == before["updated_at"]) == (how == "applying")
        assert list(both.known["public.deleted_items"]) == ["session/a"]
        assert both.messages() == {}


def test_times_by_default_are_those_of_the_transaction(server: Postgres) -> None:
    both = check(server, [("put", ROW)])  # neither names a time
    assert message(both)["message_timestamp"] == both.known["public.chat_sessions"]["a"]["last_message_timestamp"]
    assert not message(both)["message_timestamp"].endswith("000Z") or both.store.clock.at.microsecond % 1000 == 0


def test_a_message_without_text_reads_as_its_json_and_an_edit_shows(server: Postgres) -> None:
    answer = {"type": "ai", "content": {"bb": 1, "a": [1, 2.5, None, {"é": 'x"'}]}}
    with Both(server) as both:
        both.signed_up(both.email, None)
        for key in ("r1", "r2"):
            happen(both, ("remember", key, "a", answer if key == "r1" else [1, "x"], "2026-03-01T10:00:00.000000Z"))
        assert message(both, "r1")["content"] == (
            '{"type": "ai", "content": {"a": [1, 2.5, null, {"é": "x\\""}], "bb": 1}}'
        )
        happen(both, ("edit memory", "r1", {"content": "edited"}))
        happen(both, ("edit memory", "r2", {"content": "edited"}))
        shown = {key: row["message"] for key, row in both.known["public.chat_memory"].items()}
        assert shown["r1"] == {"type": "ai", "role": "assistant", "content": "edited", "model": None}
        assert shown["r2"] == {"id": "r2", "role": "user", "content": "edited", "model": None}


def test_an_account_that_goes_takes_everything_along_also_without_foreign_keys(server: Postgres) -> None:
    with Both(server) as both:
        both.signed_up(both.email, None)
        happen(both, ("put", ROW))
        both.foreign_keys = False
        both.both("delete from auth.users where id = :user", "delete from auth_users where id = :user", who=NOBODY)
        assert {name: rows for name, rows in both.known.items() if rows} == {}
        assert json.dumps(both.server.tables(both.user)) == json.dumps(both.known)

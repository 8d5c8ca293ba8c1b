"""Requests to an upstream server within its limits, its responses, and its form of a message."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import OutgoingMessage, stamp
from sterna.storage.sync.columns import DEFAULTS, MESSAGE_COLUMNS
from sterna.storage.sync.upstream.records import ConversationEntry, digest, enriched, rank
from sterna.sync.protocol.effects import Response, Unreachable
from sterna.sync.protocol.response_errors import retry_after_ms
from sterna.sync.upstream.codec import WrongOwner, decode_entry, decode_message, encode_message
from sterna.sync.upstream.rate_limit import HOUR_MS, Budget
from sterna.sync.upstream.responses import CycleStopped, ResponseReader
from sterna.sync.wire import BadItem

NOW = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
JSON = {"content-type": "application/json; charset=utf-8"}


@given(st.lists(st.integers(0, 120_000), max_size=400), st.integers(0, 10))
def test_no_hour_has_more_requests_than_the_server_lets_a_free_account_ask(gaps: list[int], keep: int) -> None:
    budget, now, taken = Budget(), NOW, []
    for gap in gaps:
        now += gap
        budget.fill(now)
        if budget.take(keep):
            taken.append(now)
    assert all(sum(at <= other < at + HOUR_MS for other in taken) <= 200 for at in taken)


def test_the_limit_that_the_server_names_is_what_counts() -> None:
    budget = Budget()
    budget.note_limits({"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "900"})
    assert budget.rate == 600
    budget.note_limits({"x-ratelimit-limit": "50", "x-ratelimit-remaining": "40"})
    assert (budget.rate, budget.left) == (30, 15)
    for odd in ("", "many", "-3", "9" * 20):
        budget.note_limits({"x-ratelimit-limit": odd, "x-ratelimit-remaining": odd})
    assert budget.rate == 30


def test_the_last_tenth_is_left_to_the_others() -> None:
    budget = Budget()
    budget.fill(NOW)
    budget.note_limits({"x-ratelimit-limit": "200", "x-ratelimit-remaining": "19"})
    assert not budget.take()
    budget.fill(NOW + budget.wait_ms(1))
    assert budget.take()
    assert budget.wait_ms(1) <= 60_000


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    budget = Budget(left=5)
    budget.fill(NOW)
    budget.fill(NOW - 10 * HOUR_MS)
    assert budget.left == 5


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("3600", 3_600_000), ("0", 0), (None, None), ("soon", None), ("-1", None), ("9" * 12, None),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60_000), ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str | None, wait: int | None) -> None:
    assert retry_after_ms({} if header is None else {"retry-after": header}, NOW) == wait


def stopped(status: int, headers: dict[str, str], body: bytes = b"{}", judge: ResponseReader | None = None) -> Any:
    with pytest.raises(CycleStopped) as caught:
        (judge or ResponseReader(random.Random(1))).read(Response(status, JSON | headers, body), NOW)
    return caught.value.problem


def test_a_limit_without_a_time_is_waited_a_quarter_of_an_hour_and_its_reset_is_read() -> None:
    assert 900_000 <= stopped(429, {}).wait_ms <= 1_080_000
    reset = stopped(429, {"x-ratelimit-reset": "2026-03-01T12:30:00.000Z"})
    assert 1_800_000 <= reset.wait_ms <= 2_160_000
    assert 60_000 <= stopped(429, {"x-ratelimit-reset": "60"}).wait_ms <= 72_000
    assert 900_000 <= stopped(429, {"x-ratelimit-reset": "2001-01-01T00:00:00Z"}).wait_ms <= 1_080_000
    assert 900_000 <= stopped(429, {"x-ratelimit-reset": "tomorrow"}).wait_ms <= 1_080_000


def test_each_failure_may_wait_longer_and_none_longer_than_five_minutes() -> None:
    judge = ResponseReader(random.Random(1))
    waits = [stopped(503, {}, judge=judge).wait_ms for _ in range(40)]
    assert max(waits[:3]) <= 8_000 < max(waits) <= 300_000
    judge.read(Response(200, JSON, b"{}"), NOW)
    assert stopped(503, {}, judge=judge).wait_ms <= 2_000
    assert 10_000 <= stopped(503, {"retry-after": "10"}).wait_ms <= 12_000


def test_a_certificate_that_is_not_accepted_is_said() -> None:
    problem = ResponseReader(random.Random(1), "host").unreachable(Unreachable("tls"))
    assert "certificate of host" in problem.sentence
    assert problem.wait_ms == 300_000


def test_a_handler_that_fails_by_what_was_asked_is_told_apart_from_a_server_that_cannot() -> None:
    judge = ResponseReader(random.Random(1))
    crashed = Response(500, JSON, b'{"error":"An internal error occurred.","code":"internal_server_error"}')
    assert judge.read(crashed, NOW, tolerant=True).kind == "other"
    no_profile = Response(500, JSON, b'{"error":"x","code":"profile_fetch_failed"}')
    with pytest.raises(CycleStopped):
        judge.read(no_profile, NOW, tolerant=True)
    assert judge.read(Response(404, JSON, b'{"error":"x"}'), NOW).kind == "gone"
    assert judge.read(Response(404, {"content-type": "text/html"}, b"<html>"), NOW).kind == "no_endpoint"
    assert judge.read(Response(400, JSON, b'{"error":"x"}'), NOW).kind == "other"


# words


def value(**columns: Any) -> dict[str, Any]:
    answer = dict.fromkeys(MESSAGE_COLUMNS) | dict(DEFAULTS)
    answer |= {"role": "user", "content": "x", "message_timestamp": "2026-03-01T12:00:00.123456Z"}
    return answer | columns


def round_trip(columns: dict[str, Any]) -> dict[str, Any]:
    return dict(decode_message(encode_message(OutgoingMessage("m1", 1, columns))).value)


def test_a_message_in_upstreams_words_is_the_same_when_it_comes_back() -> None:
    full = value(
        role="assistant", content="Because. 🐦", model="a/b", total_tokens=9, input_tokens=2, output_tokens=7,
        user_message_id="m0", content_type="markdown", completion_id="gen", is_streaming=1, elapsed_ms=1830,
        metadata='{"requested_web_search":true,"upstream_retry_after":60}', reasoning="So.",
        reasoning_details='[{"a":1}]', has_attachments=1, attachment_count=2, has_websearch=1,
        websearch_result_count=3, output_image_tokens=4, annotations='[{"url":"u"}]',
    )  # fmt: skip
    assert round_trip(full) == full
    item = encode_message(OutgoingMessage("m1", 1, full, {"cited_by": [1]}))
    assert (item["requested_web_search"], item["retry_after"], item["cited_by"]) == (True, 60, [1])
    assert (item["elapsed_ms"], item["elapsed_time"]) == (1830, 2)


def test_numbers_that_do_not_fit_there_are_cut_and_halves_of_a_character_replaced() -> None:
    item = encode_message(OutgoingMessage("m1", 1, value(total_tokens=2**40, content="a\0b\ud83d")))
    assert item["total_tokens"] == 2**31 - 1
    assert item["content"] == "ab\ufffd"


ROW = {
    "id": "c1", "user_id": "ada", "title": "T", "created_at": "2026-03-01T12:00:00.5+00:00",
    "updated_at": "2026-03-01T12:00:01+00:00", "message_count": 2, "total_tokens": None, "last_model": None,
    "last_message_preview": "p" * 500, "last_message_timestamp": None,
}  # fmt: skip


def test_a_raw_row_and_a_summary_have_one_fingerprint() -> None:
    summary = {
        "id": "c1", "userId": "ada", "title": "T", "createdAt": ROW["created_at"], "updatedAt": ROW["updated_at"],
        "messageCount": 2, "totalTokens": 0, "lastModel": None, "lastMessagePreview": None,
        "lastMessageTimestamp": "2026-03-01T12:00:00+00:00",
    }  # fmt: skip
    raw = decode_entry(ROW, "ada")
    assert raw.fingerprint == decode_entry(summary, "ada").fingerprint
    assert (raw.created_at, len(raw.last_message_preview or "")) == ("2026-03-01T12:00:00.500000Z", 200)
    assert isinstance(raw, ConversationEntry)
    assert raw.fingerprint != decode_entry(ROW | {"updated_at": "2026-03-01T12:00:01.000001+00:00"}, "ada").fingerprint


@pytest.mark.parametrize(
    "odd", [None, 7, ROW | {"id": ""}, ROW | {"title": None}, ROW | {"updated_at": None}, ROW | {"created_at": "soon"}]
)
def test_a_row_that_cannot_be_read_is_no_row(odd: Any) -> None:
    with pytest.raises(BadItem):
        decode_entry(odd, "ada")


def test_a_row_of_somebody_else_is_said_to_be() -> None:
    with pytest.raises(WrongOwner):
        decode_entry(ROW, "bob")


@given(st.data())
def test_what_was_taken_once_changes_nothing_the_second_time(data: st.DataObject) -> None:
    def some() -> dict[str, Any]:
        at = stamp(datetime.fromtimestamp(data.draw(st.integers(0, 2_000_000)) / 1000, UTC))
        return value(
            content=data.draw(st.sampled_from("ab")),
            output_tokens=data.draw(st.integers(0, 2)),
            error_message=data.draw(st.sampled_from([None, "Message failed", "No credit."])),
            message_timestamp=at,
            metadata=data.draw(st.sampled_from(["{}", '{"a":1}', '{"a":2}'])),
            reasoning=data.draw(st.sampled_from([None, "So."])),
        )

    mine, theirs = some(), some()
    once = enriched(mine, theirs)
    assert enriched(once, theirs) == once
    assert digest(once) == digest(theirs)
    assert rank(once)[0] == rank(theirs)[0]

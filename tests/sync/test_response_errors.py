"""Every row of the table of answers that are none: the phase, when to try again, and a sentence for a person."""

from __future__ import annotations

import pytest

from sterna.sync.protocol.effects import Response, Unreachable
from sterna.sync.protocol.response_errors import problem_of, retry_after_ms

NOW = 1_772_000_000_000
DAY = 86_400_000
LATER = 4000


def said(status: int, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


@pytest.mark.parametrize(
    ("found", "phase", "wait"),
    [
        (Unreachable("network"), "offline", LATER),
        (Unreachable("timeout"), "offline", LATER),
        (Unreachable("tls"), "blocked", 300_000),
        (said(500), "offline", LATER),
        (said(502), "offline", LATER),
        (said(503, retry_after="120"), "offline", 120_000),
        (said(503, retry_after="1"), "offline", LATER),
        (said(504), "offline", LATER),
        (said(408), "offline", LATER),
        (said(200), "portal", 60_000),
        (said(204), "portal", 60_000),
        (said(301, location="https://portal.example.net/"), "portal", 60_000),
        (said(307), "portal", 60_000),
        (said(418), "portal", 60_000),
        (said(511), "portal", 60_000),
        (said(401), "signin", None),
        (said(402), "blocked", 900_000),
        (said(403), "blocked", 900_000),
        (said(404), "update", 900_000),
        (said(405), "update", 900_000),
        (said(426), "update", None),
        (said(429), "paused", 900_000),
        (said(429, retry_after="120"), "paused", 120_000),
        (said(429, retry_after="Wed, 25 Feb 2026 06:14:20 GMT"), "paused", 60_000),
        (said(429, x_ratelimit_reset="2026-02-25T06:15:20.000Z"), "paused", 120_000),
        (said(429, x_ratelimit_reset="2026-02-25T06:15:20"), "paused", 120_000),
        (said(429, x_ratelimit_reset="2099-02-25T06:15:20Z"), "paused", DAY),
        (said(429, x_ratelimit_reset="90"), "paused", 90_000),
        (said(429, x_ratelimit_reset="soon"), "paused", 900_000),
        (said(429, retry_after="120", x_ratelimit_reset="2099-02-25T06:15:20Z"), "paused", 120_000),
    ],
)
def test_what_an_answer_means(found: Response | Unreachable, phase: str, wait: int | None) -> None:
    problem = problem_of(found, NOW, LATER)
    assert (problem.phase, problem.wait_ms) == (phase, wait)
    assert problem.sentence.endswith((".", "sterna login"))


def test_a_server_that_says_no_is_asked_again_ever_later_up_to_six_hours() -> None:
    waits = [problem_of(said(403), NOW, LATER, fails).wait_ms for fails in range(8)]
    assert waits == [60_000 * minutes for minutes in (15, 30, 60, 120, 240, 360, 360, 360)]


def test_a_sentence_of_the_network_is_told_as_it_is() -> None:
    assert (
        problem_of(Unreachable("tls", "The certificate of x ended."), NOW, 0).sentence == "The certificate of x ended."
    )
    assert problem_of(Unreachable("network", "x is not known."), NOW, 0).sentence == "x is not known."


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        ("120", 120_000),
        ("0", 0),
        (" 7 ", 7_000),
        ("Wed, 25 Feb 2026 06:14:20 GMT", 60_000),
        ("Wed, 25 Feb 2020 06:14:20 GMT", 0),
        ("Wed, 25 Feb 2099 06:14:20 GMT", DAY),
        ("9999999", DAY),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("99999999999999999999", None),
        ("", None),
        ("١٢", None),
    ],
)
def test_a_wish_to_wait_is_seconds_or_a_date(answer: str, wait: int | None) -> None:
    assert retry_after_ms({"retry-after": answer}, NOW) == wait

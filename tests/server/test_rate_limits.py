"""Rate limits and their headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from accounts import Db, make_user, token_for
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from sterna.server.errors import ApiError
from sterna.server.http.rate_limits import RateLimits
from sterna.server.identity import Caller, Identity
from sterna.server.settings import ServerSettings

Serve = Callable[..., str]
START = datetime.now(UTC).replace(microsecond=0)

TABLE = {
    "A": {"anonymous": 10, "free": 20, "pro": 200, "enterprise": 500},
    "B": {"anonymous": 20, "free": 50, "pro": 500, "enterprise": 1000},
    "C": {"anonymous": 50, "free": 200, "pro": 1000, "enterprise": 2000},
    "D": {"anonymous": 0, "free": 100, "pro": 100, "enterprise": 100},
}
ENDPOINTS = {
    "A": [("POST", "/api/chat"), ("POST", "/api/chat/stream")],
    "B": [("GET", "/api/chat/search?q=x"), ("GET", "/api/user/data")],
    "C": [
        ("GET", "/api/chat/sync"),
        ("GET", "/api/chat/messages?session_id=x"),
        ("POST", "/api/chat/messages"),
        ("GET", "/api/chat/session?id=x"),
        ("GET", "/api/chat/sessions"),
        ("DELETE", "/api/chat/clear-all"),
    ],
}


@dataclass
class Time:
    """The hour of a test."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **more: float) -> None:
        self.now += timedelta(**more)


@pytest.fixture
def time() -> Time:
    return Time()


@contextmanager
def client(address: str, db: Db, tier: str = "free") -> Iterator[httpx.Client]:
    """Somebody new of ``tier``, whose token outlives the test's hours."""
    headers = {}
    if tier != "anonymous":
        user_id, email = make_user(db)
        db.execute("update profiles set subscription_tier = %s where id = %s", (tier, user_id))
        token = token_for(user_id, email, ServerSettings(access_seconds=10**6))
        headers["authorization"] = f"Bearer {token}"
    with httpx.Client(base_url=address, headers=headers, timeout=20) as opened:
        yield opened


def limit(answer: httpx.Response) -> tuple[int, int]:
    return int(answer.headers["x-ratelimit-limit"]), int(answer.headers["x-ratelimit-remaining"])


def request_from(*forwarded: str, peer: str = "10.0.0.1") -> Request:
    headers = [(b"x-forwarded-for", item.encode()) for item in forwarded]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "client": (peer, 1)})


def caller(tier: str, user_id: UUID | None = None) -> Caller:
    return Caller(Identity("authenticated", user_id or uuid4()) if tier != "anonymous" else Identity(), tier)


ROWS = [(kind, tier, amount) for kind, tiers in TABLE.items() for tier, amount in tiers.items()]


@pytest.mark.parametrize(("kind", "tier", "amount"), ROWS)
async def test_each_class_and_tier_has_the_specified_amount(time: Time, kind: str, tier: str, amount: int) -> None:
    limits, who = RateLimits(ServerSettings(), time), caller(tier)
    for n in range(amount):
        request = request_from()
        await limits.count(request, who, kind)  # type: ignore[arg-type]
        scope = request.scope["sterna.headers"]
        assert (scope["X-RateLimit-Limit"], scope["X-RateLimit-Remaining"]) == (str(amount), str(amount - n - 1))
        assert ("Retry-After" in scope) == (n == amount - 1)
    with pytest.raises(ApiError) as refused:
        await limits.count(request_from(), who, kind)  # type: ignore[arg-type]
    assert (refused.value.status, refused.value.retry_after) == (429, 3600)
    await limits.count(request_from(), caller("free"), "A")


@pytest.mark.parametrize("tier", ["anonymous", "free", "pro", "enterprise"])
def test_each_endpoint_spends_from_the_pool_of_its_class(served: Serve, db: Db, tier: str) -> None:
    address = served(rate_limits=True)
    with client(address, db, tier) as http:
        for kind, endpoints in ENDPOINTS.items():
            amount = TABLE[kind][tier]
            for n, (method, path) in enumerate(endpoints, 1):
                json = {} if method == "POST" else None
                assert limit(http.request(method, path, json=json)) == (amount, amount - n), (method, path)


def test_over_the_limit_header_and_body_say_the_same_wait(served: Serve, db: Db, time: Time) -> None:
    address = served(time, rate_limits=True)
    with client(address, db) as http:
        for _ in range(50):
            assert http.get("/api/user/data").status_code == 200
            time.passes(seconds=10)
        refused = http.get("/api/user/data")
        assert refused.status_code == 429
        body = refused.json()
        assert body["code"] == "rate_limit_exceeded"
        assert "50" in body["details"]
        assert body["retryAfter"] == int(refused.headers["retry-after"]) == 3600 - 500 + 10
        assert refused.headers["x-ratelimit-reset"] == (START + timedelta(hours=1, seconds=10)).isoformat(
            timespec="milliseconds"
        ).replace("+00:00", "Z")
        assert limit(refused) == (50, 0)
        # another class, and another person, are not concerned
        assert http.get("/api/chat/sessions").status_code == 200
        with client(address, db) as other:
            assert limit(other.get("/api/user/data")) == (50, 49)
            assert limit(other.get("/api/chat/search?q=x")) == (50, 48)
    told_of = {
        sample.labels["class"]: sample.value
        for family in text_string_to_metric_families(httpx.get(f"{address}/metrics").text)
        for sample in family.samples
        if sample.name == "sterna_rate_limit_refusals_total"
    }
    assert told_of == {"B": 1}


@pytest.mark.slow
def test_an_hour_later_there_is_room_again_but_not_for_who_went_on_asking(served: Serve, db: Db, time: Time) -> None:
    address = served(time, rate_limits=True)
    with client(address, db, "free") as patient, client(address, db, "free") as hammering:
        for _ in range(50):
            assert patient.get("/api/user/data").status_code == 200
            assert hammering.get("/api/user/data").status_code == 200
        assert patient.get("/api/user/data").status_code == 429
        time.passes(minutes=30)
        for _ in range(60):
            assert hammering.get("/api/user/data").status_code == 429
        time.passes(minutes=30, seconds=1)
        assert patient.get("/api/user/data").status_code == 200
        refused = hammering.get("/api/user/data")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 29 * 60
        time.passes(minutes=61)
        assert hammering.get("/api/user/data").status_code == 200


def test_who_did_not_sign_in_is_counted_by_address_and_a_header_changes_nothing(served: Serve) -> None:
    address = served(rate_limits=True)
    seen = [
        limit(httpx.get(f"{address}/api/chat/sessions", headers={"x-forwarded-for": f"198.51.100.{n}"}))[1]
        for n in range(3)
    ]
    assert seen == [49, 48, 47]


def test_a_trusted_proxy_says_who_asks(served: Serve) -> None:
    address = served(rate_limits=True, trusted_proxies=1)

    def left(forwarded: str) -> int:
        return limit(httpx.get(f"{address}/api/chat/sessions", headers={"x-forwarded-for": forwarded}))[1]

    assert left("198.51.100.1") == 49
    assert left("198.51.100.2") == 49
    assert left("invented, 198.51.100.1") == 48
    assert left("198.51.100.1, 198.51.100.3") == 49


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        (0, ["198.51.100.1"], "10.0.0.1"),
        (1, [], "10.0.0.1"),
        (1, ["198.51.100.1"], "198.51.100.1"),
        (2, ["198.51.100.1"], "10.0.0.1"),
        (2, ["made up, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (2, ["made up, 198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        (1, ["198.51.100.1:4711"], "198.51.100.1"),
        (1, ["[2001:db8:1:2::3]:4711"], "2001:db8:1:2::"),
        (1, ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::"),
        (1, ["2001:DB8:1:2::7"], "2001:db8:1:2::"),
        (1, ["2001:db8:1:3::7"], "2001:db8:1:3::"),
        (1, ["x" * 500], "x" * 64),
    ],
)
def test_an_address_is_that_of_the_hop_that_is_trusted(trusted: int, forwarded: list[str], expected: str) -> None:
    limits = RateLimits(ServerSettings(trusted_proxies=trusted), Time())
    assert limits.address(request_from(*forwarded)) == expected


def test_neighbours_in_one_network_of_ipv6_are_one_and_mapped_ipv4_are_not() -> None:
    limits = RateLimits(ServerSettings(), Time())
    assert limits.address(request_from(peer="2001:db8::1")) == limits.address(request_from(peer="2001:db8::ffff:1"))
    assert limits.address(request_from(peer="::ffff:192.0.2.1")) != limits.address(
        request_from(peer="::ffff:192.0.2.2")
    )


def test_sign_in_is_tried_ten_times_for_one_name_from_anywhere(served: Serve) -> None:
    address = served(rate_limits=True, trusted_proxies=1)

    def tried(n: int, email: str) -> int:
        return httpx.post(
            f"{address}/auth/v1/token?grant_type=password",
            json={"email": email, "password": "not the one"},
            headers={"x-forwarded-for": f"198.51.100.{n}"},
        ).status_code

    assert [tried(n, "ada@example.org") for n in range(10)] == [400] * 10
    assert tried(11, " ADA@example.org ") == 429
    assert tried(11, "bob@example.org") == 400


def test_sign_in_is_tried_thirty_times_from_one_address_whoever_it_names(served: Serve, time: Time) -> None:
    address = served(time, rate_limits=True)
    paths = ["/auth/v1/token?grant_type=password", "/auth/v1/signup", "/auth/v1/device/code"]

    def tried(n: int) -> int:
        path = paths[n % 3]
        return httpx.post(f"{address}{path}", json={"email": f"{n}@example.org", "password": "short"}).status_code

    assert 429 not in [tried(n) for n in range(30)]
    assert [tried(n) for n in range(3)] == [429] * 3
    time.passes(minutes=61)
    assert tried(0) != 429


def test_who_asked_too_often_is_told_what_to_do(served: Serve) -> None:
    with httpx.Client(base_url=served(rate_limits=True)) as http:
        result = [http.get("/api/chat/sessions") for _ in range(51)][-1]
    assert (result.status_code, result.json()["error"]) == (429, "Rate limit exceeded")
    assert result.json()["suggestions"]


def test_health_is_for_everybody_at_any_rate(served: Serve) -> None:
    address = served(rate_limits=True)
    with httpx.Client(base_url=address) as http:
        answers = [http.get("/healthz") for _ in range(120)]
    assert {answer.status_code for answer in answers} == {200}
    assert "x-ratelimit-limit" not in answers[-1].headers

"""Access to models, and reply limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest
from accounts import SECRET, Db, Person, connect

from sterna.server.auth.tokens import Tokens
from sterna.server.database.embedded import Embedded
from sterna.server.settings import ServerSettings, Upstream
from tests.fake_openai import Script, Server

FREE = "deepseek/deepseek-r1-0528:free"
At = Callable[..., httpx.Client]


def ask(client: httpx.Client, model: str | None = None, message: str = "x") -> httpx.Response:
    return client.post("/api/chat", json={"message": message, "model": model})


@contextmanager
def listed(db: Db, tier: str = "free", model: str = "", **columns: Any) -> Iterator[str]:
    """Add a model to model_access for the duration of the block."""
    name = model or f"test/{uuid4().hex}"
    row = {"daily_limit": None, "monthly_limit": None, "is_active": True} | columns
    db.execute(
        "insert into model_access (model_id, tier, daily_limit, monthly_limit, is_active)"
        " values (%(name)s, %(tier)s, %(daily_limit)s, %(monthly_limit)s, %(is_active)s)",
        row | {"name": name, "tier": tier},
    )
    try:
        yield name
    finally:
        db.execute("delete from model_access where model_id = %s", (name,))


@pytest.fixture
def home(model: Server, served: Callable[..., str]) -> str:
    """Start a server whose default model is not listed, as with Ollama."""
    return served(upstream=Upstream(model.url, default_model="llama3.2:latest"), anonymous_chat=True)


def test_the_default_model_that_nobody_listed_is_everybodys(at: At, home: str, ada: Person, model: Server) -> None:
    for who in (ada, None):
        assert ask(at(who, home)).status_code == 200
        assert ask(at(who, home), "llama3.2:latest").headers["x-model"] == "llama3.2:latest"
    assert {request["model"] for request in model.fake.requests} == {"llama3.2:latest"}


def test_other_models_that_nobody_listed_stay_refused(at: At, home: str, ada: Person) -> None:
    result = ask(at(ada, home), "llama3.2:70b")
    assert (result.status_code, result.json()["code"]) == (403, "feature_not_available")
    assert result.json()["error"].endswith("llama3.2:latest.")


def test_a_default_model_that_is_listed_is_its_tiers(
    at: At, home: str, ada: Person, person: Callable[..., Person], db: Db
) -> None:
    with listed(db, "pro", "llama3.2:latest"):
        result = ask(at(ada, home))
        assert (result.status_code, result.json()["code"]) == (402, "tier_upgrade_required")
        assert ask(at(None, home)).status_code == 402
        assert ask(at(person("pro"), home)).status_code == 200


def test_a_default_model_that_is_switched_off_is_nobodys(at: At, home: str, ada: Person, db: Db) -> None:
    with listed(db, "free", "llama3.2:latest", is_active=False):
        assert ask(at(ada, home)).status_code == 403


def test_models_of_a_higher_tier_and_unknown_ones_are_refused(chat: httpx.Client) -> None:
    higher, unknown = ask(chat, "openai/gpt-4o-mini"), ask(chat, "no/such")
    assert (higher.status_code, higher.json()["code"]) == (402, "tier_upgrade_required")
    assert (unknown.status_code, unknown.json()["code"]) == (403, "feature_not_available")
    assert unknown.json()["error"].startswith("Your tier may not use the model no/such. Allowed models: ")
    assert FREE in unknown.json()["error"]


def test_a_name_longer_than_any_model_has_is_an_unknown_model(chat: httpx.Client) -> None:
    assert ask(chat, "x" * 5_000).status_code == 403


def test_strangers_are_answered_where_the_operator_allows_it(at: At, home: str, model: Server) -> None:
    stranger = at(None, home)
    assert ask(stranger).json()["data"]["response"] == "You said: x"
    assert ask(stranger, FREE).status_code == 200
    assert ask(stranger, "openai/gpt-4o").status_code == 402
    response = stranger.post("/api/chat", json={"message": "x", "attachmentIds": ["a"]})
    assert (response.status_code, response.json()["error"]) == (401, "Sign in to send attachments.")
    response = stranger.post("/api/chat", json={"message": "x", "webSearch": True})
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


def test_strangers_may_send_five_thousand_tokens(at: At, home: str, model: Server) -> None:
    model.fake.reply = lambda body: Script(("yes",))
    stranger = at(None, home)
    assert ask(stranger, message="x" * 20_000).status_code == 200
    turns = [{"role": "assistant", "content": "x"}, {"role": "user", "content": "x" * 20_000}]
    response = stranger.post("/api/chat", json={"messages": turns})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
    assert "The limit of the tier anonymous is 5,000." in response.json()["error"]


def test_a_stranger_may_ask_ten_times_an_hour(at: At, model: Server, served: Callable[..., str]) -> None:
    stranger = at(None, served(upstream=Upstream(model.url), anonymous_chat=True, rate_limits=True))
    assert [ask(stranger).status_code for _ in range(11)] == [200] * 10 + [429]


def test_a_daily_limit_holds_without_any_sync_and_failures_are_given_back(chat: httpx.Client, db: Db) -> None:
    with listed(db, daily_limit=2) as name:
        statuses = [ask(chat, name, "!fail 500").status_code]
        statuses += [ask(chat, name).status_code for _ in range(3)]
        result = ask(chat, name)
    assert statuses == [502, 200, 200, 429]
    assert result.json()["code"] == "rate_limit_exceeded"
    assert result.json()["error"].startswith(f"Your limit of 2 replies a day from {name} is reached. It resets at ")
    assert result.headers["retry-after"] == str(result.json()["retryAfter"])


def test_of_ten_questions_at_once_a_limit_of_three_lets_three_pass(chat: httpx.Client, db: Db) -> None:
    with listed(db, daily_limit=3) as name, ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(lambda _: ask(chat, name).status_code, range(10)))
    assert statuses == [200] * 3 + [429] * 7


def test_the_limit_of_the_highest_tier_that_somebody_has_counts(at: At, person: Callable[..., Person], db: Db) -> None:
    with listed(db, "free", daily_limit=1) as name, listed_too(db, "pro", name, 2):
        free, pro = at(person()), at(person("pro"))
        assert [ask(free, name).status_code for _ in range(2)] == [200, 429]
        assert [ask(pro, name).status_code for _ in range(3)] == [200, 200, 429]


@contextmanager
def listed_too(db: Db, tier: str, name: str, daily: int) -> Iterator[None]:
    """Add the model to another tier; its row is removed with the first one."""
    db.execute("insert into model_access (model_id, tier, daily_limit) values (%s, %s, %s)", (name, tier, daily))
    yield


@pytest.fixture
def calendar() -> list[datetime]:
    """Times of the server's clock; the last one counts."""
    return [datetime(2031, 5, 15, 12, tzinfo=UTC)]


@pytest.fixture
def then(
    model: Server, served: Callable[..., str], ada: Person, calendar: list[datetime]
) -> Iterator[Callable[[], httpx.Client]]:
    """Ada's client at a server of that time, with a token of that time."""
    address = served(lambda: calendar[-1], upstream=Upstream(model.url))
    with httpx.Client(base_url=address, timeout=30) as client:

        def now() -> httpx.Client:
            token = Tokens(ServerSettings(), SECRET, lambda: calendar[-1]).access(ada.id, ada.email)
            client.headers["authorization"] = f"Bearer {token}"
            return client

        yield now


def synced(db: Db, who: Person, day: str, model: str, replies: int) -> None:
    db.execute(
        "insert into user_usage_daily (user_id, usage_date, models_used)"
        " values (%s, %s, jsonb_build_object(%s::text, %s::int))",
        (who.id, day, model, replies),
    )


def test_a_monthly_limit_counts_what_was_synced_and_ends_with_the_month(
    then: Callable[[], httpx.Client], calendar: list[datetime], ada: Person, db: Db
) -> None:
    with listed(db, monthly_limit=5) as name:
        synced(db, ada, "2031-04-30", name, 9)
        synced(db, ada, "2031-05-01", name, 3)
        statuses = [ask(then(), name).status_code for _ in range(2)]
        result = ask(then(), name)
        assert [*statuses, result.status_code] == [200, 200, 429]
        assert result.json()["error"] == (
            f"Your limit of 5 replies a month from {name} is reached. It resets at 2031-06-01T00:00:00.000Z."
        )
        assert result.json()["retryAfter"] == pytest.approx(16.5 * 86_400, abs=2)
        calendar.append(datetime(2031, 6, 1, tzinfo=UTC))
        assert ask(then(), name).status_code == 200


def test_a_daily_limit_counts_what_was_synced_once_and_ends_with_the_day(
    then: Callable[[], httpx.Client], calendar: list[datetime], ada: Person, db: Db
) -> None:
    with listed(db, daily_limit=4) as name:
        assert ask(then(), name).status_code == 200
        synced(db, ada, "2031-05-15", name, 3)  # that reply, and two that another device asked elsewhere
        assert [ask(then(), name).status_code for _ in range(2)] == [200, 200]
        db.execute("update user_usage_daily set models_used = jsonb_build_object(%s::text, 4)", (name,))
        result = ask(then(), name)
        assert result.status_code == 429
        assert result.json()["error"].endswith("2031-05-16T00:00:00.000Z.")
        calendar.append(datetime(2031, 5, 16, tzinfo=UTC))
        assert ask(then(), name).status_code == 200


def test_a_question_whose_counting_meets_another_transaction_is_counted_again(
    chat: httpx.Client, ada: Person, db: Db, postgres: Embedded
) -> None:
    waited = Event()
    with ThreadPoolExecutor(1) as pool, connect(postgres.admin_url) as other:
        # who waits longest for a deadlock is not its victim
        other.execute("set deadlock_timeout = '60s'")
        with other.transaction(force_rollback=True):
            other.execute("select id from profiles where id = %s for update", (ada.id,))
            request = pool.submit(ask, chat, FREE)
            for _ in range(1000):
                row = db.execute("select count(*) as n from pg_stat_activity where wait_event_type = 'Lock'").fetchone()
                if row is not None and row["n"]:
                    break
                waited.wait(0.005)
            other.execute(
                "insert into sterna.relay_usage (user_id, usage_date, model_id) values (%s, %s, %s)",
                (ada.id, datetime.now(UTC).date(), FREE),
            )
        assert request.result(30).status_code == 200
    rows = db.execute("select replies from sterna.relay_usage where user_id = %s", (ada.id,)).fetchall()
    assert rows == [{"replies": 1}]

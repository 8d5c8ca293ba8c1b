"""What a client sees of /api/models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fake_openai import Server
from people import Db, Person

from server.settings import Upstream

MODELS = "/api/models"


@pytest.fixture
def offered(db: Db) -> Iterator[Callable[..., None]]:
    """Adds a row of model_access; taken away again."""

    def offer(model_id: str, tier: str, **columns: Any) -> None:
        values = {
            "model_id": f"test/{model_id}",
            "tier": tier,
            "is_active": True,
            "name": model_id,
            "cost": 0,
            "daily": None,
        }
        db.execute(
            "insert into model_access (model_id, tier, is_active, model_name, input_cost_per_token, daily_limit)"
            " values (%(model_id)s, %(tier)s, %(is_active)s, %(name)s, %(cost)s, %(daily)s)",
            values | columns,
        )

    yield offer
    db.execute("delete from model_access where model_id like 'test/%%'")


def models(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get(MODELS)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["models"])


def test_a_model_is_told_with_all_its_keys(ada: Person, offered: Callable[..., None]) -> None:
    offered("priced", "free", cost="0.00000015", daily=20)
    assert [one for one in models(ada.http) if one["id"] == "test/priced"] == [
        {
            "id": "test/priced",
            "name": "priced",
            "description": None,
            "context_length": None,
            "pricing": {"prompt": "0.00000015", "completion": "0"},
            "tier": "free",
            "daily_limit": 20,
            "monthly_limit": None,
        }
    ]


def test_who_is_not_signed_in_sees_what_is_free(http: httpx.Client, ada: Person) -> None:
    free = models(http)
    assert {one["tier"] for one in free} == {"free"}
    assert free == models(ada.http)


def test_a_higher_tier_sees_more(person: Callable[..., Person]) -> None:
    tiers = [{one["tier"] for one in models(person(tier).http)} for tier in ("free", "pro", "enterprise")]
    assert tiers == [{"free"}, {"free", "pro"}, {"free", "pro", "enterprise"}]


def test_a_model_of_two_tiers_is_told_once_with_the_limits_of_the_callers_own(
    http: httpx.Client, person: Callable[..., Person], offered: Callable[..., None]
) -> None:
    offered("both", "free", daily=5)
    offered("both", "pro", daily=500)
    clients = [http, person("free").http, person("pro").http, person("enterprise").http]
    told = [[(one["tier"], one["daily_limit"]) for one in models(who) if one["id"] == "test/both"] for who in clients]
    assert told == [[("free", 5)], [("free", 5)], [("free", 500)], [("free", 500)]]


def test_a_model_that_is_switched_off_is_not_told(ada: Person, offered: Callable[..., None]) -> None:
    offered("off", "free", is_active=False)
    assert "test/off" not in [one["id"] for one in models(ada.http)]


def test_free_models_come_first_and_then_by_name(person: Callable[..., Person]) -> None:
    told = [
        (["free", "pro", "enterprise"].index(one["tier"]), one["name"]) for one in models(person("enterprise").http)
    ]
    assert told == sorted(told)


def test_the_default_model_that_nobody_listed_is_told_first_and_to_everybody(
    model: Server, served: Callable[..., str], at: Callable[..., httpx.Client], ada: Person
) -> None:
    home = served(upstream=Upstream(model.url, default_model="model"), anonymous_chat=True)
    for who in (ada, None):
        first, *others = models(at(who, home))
        assert first == {
            "id": "model",
            "name": "model",
            "description": None,
            "context_length": 8192,
            "pricing": {"prompt": "0", "completion": "0"},
            "tier": "free",
            "daily_limit": None,
            "monthly_limit": None,
        }
        assert "model" not in [one["id"] for one in others]


def test_a_default_model_that_is_listed_is_told_as_it_is_listed(
    model: Server,
    served: Callable[..., str],
    at: Callable[..., httpx.Client],
    person: Callable[..., Person],
    offered: Callable[..., None],
) -> None:
    offered("default", "pro", daily=7)
    home = served(upstream=Upstream(model.url, default_model="test/default"))
    assert "test/default" not in [one["id"] for one in models(at(person(), home))]
    told = [one for one in models(at(person("pro"), home)) if one["id"] == "test/default"]
    assert [(one["tier"], one["daily_limit"]) for one in told] == [("pro", 7)]


def test_without_a_model_service_no_default_model_is_told(
    served: Callable[..., str], at: Callable[..., httpx.Client]
) -> None:
    alone = at(None, served(upstream=Upstream(default_model="model")))
    assert "model" not in [one["id"] for one in models(alone)]


def test_servers_of_one_database_ask_for_the_list_once(
    model: Server, served: Callable[..., str], at: Callable[..., httpx.Client], db: Db
) -> None:
    """Until it is over: then it is asked for again."""
    upstream = Upstream(model.url, default_model="model")
    for _ in range(2):
        assert models(at(None, served(upstream=upstream)))[0]["context_length"] == 8192
    assert model.fake.listed == 1
    db.execute("update system_cache set expires_at = now()")
    assert models(at(None, served(upstream=upstream)))[0]["context_length"] == 8192
    assert model.fake.listed == 2


def test_a_model_service_that_does_not_list_its_models_holds_nobody_up(
    model: Server, served: Callable[..., str], at: Callable[..., httpx.Client]
) -> None:
    model.fake.lists = False
    client = at(None, served(upstream=Upstream(model.url, default_model="model")))
    assert models(client)[0]["context_length"] is None
    assert model.fake.left == 0, "the list was waited for until it was given up"
    model.release()

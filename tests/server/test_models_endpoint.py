"""/api/models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from accounts import Db, Person
from fake_openai import Server

from sterna.server.settings import Upstream

MODELS = "/api/models"
FREE = dict.fromkeys(("prompt", "completion", "request", "image", "web_search", "internal_reasoning"), "0")
UNSTATED = {
    "input_modalities": ["text"],
    "output_modalities": ["text"],
    "supported_parameters": [],
    "created": 0,
}
"""Values of a model that the upstream does not list."""
STATED = {
    "name": "Seer 2",
    "description": "Reads pictures.",
    "created": 1_700_000_000,
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"], "tokenizer": "Other"},
    "pricing": {"prompt": "0.0000025", "completion": "1e-05", "image": 0.003, "request": "-1", "web_search": "free"},
    "supported_parameters": ["temperature", "reasoning", 7, "x" * 100],
}
"""Traits as a detailed model service returns them, some of them unusable."""


@pytest.fixture
def offered(db: Db) -> Iterator[Callable[..., None]]:
    """Return a function that adds a row of model_access until the end of the test."""

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
    assert [model for model in models(ada.http) if model["id"] == "test/priced"] == [
        {
            "id": "test/priced",
            "name": "priced",
            "description": "",
            "context_length": 0,
            **UNSTATED,
            "pricing": FREE | {"prompt": "0.00000015"},
            "tier": "free",
            "daily_limit": 20,
            "monthly_limit": None,
        }
    ]


def test_who_is_not_signed_in_sees_what_is_free(http: httpx.Client, ada: Person) -> None:
    free = models(http)
    assert {item["tier"] for item in free} == {"free"}
    assert free == models(ada.http)


def test_a_higher_tier_sees_more(person: Callable[..., Person]) -> None:
    tiers = [{model["tier"] for model in models(person(tier).http)} for tier in ("free", "pro", "enterprise")]
    assert tiers == [{"free"}, {"free", "pro"}, {"free", "pro", "enterprise"}]


def test_a_model_of_two_tiers_is_told_once_with_the_limits_of_the_callers_own(
    http: httpx.Client, person: Callable[..., Person], offered: Callable[..., None]
) -> None:
    offered("both", "free", daily=5)
    offered("both", "pro", daily=500)
    clients = [http, person("free").http, person("pro").http, person("enterprise").http]
    values = [
        [(model["tier"], model["daily_limit"]) for model in models(who) if model["id"] == "test/both"]
        for who in clients
    ]
    assert values == [[("free", 5)], [("free", 5)], [("free", 500)], [("free", 500)]]


def test_a_model_that_is_switched_off_is_not_told(ada: Person, offered: Callable[..., None]) -> None:
    offered("off", "free", is_active=False)
    assert "test/off" not in [model["id"] for model in models(ada.http)]


def test_free_models_come_first_and_then_by_name(person: Callable[..., Person]) -> None:
    values = [
        (["free", "pro", "enterprise"].index(model["tier"]), model["name"])
        for model in models(person("enterprise").http)
    ]
    assert values == sorted(values)


def test_the_default_model_that_nobody_listed_is_told_first_and_to_everybody(
    model: Server, served: Callable[..., str], at: Callable[..., httpx.Client], ada: Person
) -> None:
    home = served(upstream=Upstream(model.url, default_model="model"), anonymous_chat=True)
    for who in (ada, None):
        first, *others = models(at(who, home))
        assert first == {
            "id": "model",
            "name": "model",
            "description": "",
            "context_length": 8192,
            **UNSTATED,
            "pricing": FREE,
            "tier": "free",
            "daily_limit": None,
            "monthly_limit": None,
        }
        assert "model" not in [other["id"] for other in others]


def test_a_default_model_that_is_listed_is_told_as_it_is_listed(
    model: Server,
    served: Callable[..., str],
    at: Callable[..., httpx.Client],
    person: Callable[..., Person],
    offered: Callable[..., None],
) -> None:
    offered("default", "pro", daily=7)
    home = served(upstream=Upstream(model.url, default_model="test/default"))
    assert "test/default" not in [model["id"] for model in models(at(person(), home))]
    values = [model for model in models(at(person("pro"), home)) if model["id"] == "test/default"]
    assert [(item["tier"], item["daily_limit"]) for item in values] == [("pro", 7)]


def test_without_a_model_service_no_default_model_is_told(
    served: Callable[..., str], at: Callable[..., httpx.Client]
) -> None:
    alone = at(None, served(upstream=Upstream(default_model="model")))
    assert "model" not in [model["id"] for model in models(alone)]


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
    assert models(client)[0]["context_length"] == 0
    assert model.fake.left == 0, "the list was waited for until it was given up"
    model.release()


def test_what_the_model_service_states_is_told_where_the_server_says_nothing(
    model: Server,
    served: Callable[..., str],
    at: Callable[..., httpx.Client],
    ada: Person,
    db: Db,
) -> None:
    model.fake.stated = STATED
    home = served(upstream=Upstream(model.url, default_model="model"))
    result = models(at(ada, home))[0]
    assert result == {
        "id": "model",
        "name": "Seer 2",
        "description": "Reads pictures.",
        "context_length": 8192,
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "supported_parameters": ["temperature", "reasoning"],
        "created": 1_700_000_000,
        "pricing": FREE | {"prompt": "0.0000025", "completion": "0.00001", "image": "0.003"},
        "tier": "free",
        "daily_limit": None,
        "monthly_limit": None,
    }
    # what the operator wrote stands before it; another server reads the same from the cache
    db.execute(
        "insert into model_access (model_id, tier, model_name, model_description, input_cost_per_token)"
        " values ('model', 'free', 'Ours', 'Our words.', 0.5)"
    )
    try:
        other = at(ada, served(upstream=Upstream(model.url, default_model="model")))
        named = next(model for model in models(other) if model["id"] == "model")
    finally:
        db.execute("delete from model_access where model_id = 'model'")
    assert model.fake.listed == 1
    assert (named["name"], named["description"]) == ("Ours", "Our words.")
    assert named["pricing"] == result["pricing"] | {"prompt": "0.5"}
    assert named["supported_parameters"] == result["supported_parameters"]


@pytest.mark.parametrize(
    "stated",
    [
        {"architecture": "none", "pricing": [], "supported_parameters": "all", "created": "today", "description": 7},
        {"architecture": {"input_modalities": {"a": 1}}, "pricing": {"prompt": {}}, "created": True},
        {"pricing": {"prompt": "NaN", "completion": "1e999999999", "image": "9" * 500}, "created": -1},
    ],
)
def test_a_list_in_another_form_states_nothing(
    model: Server, served: Callable[..., str], at: Callable[..., httpx.Client], stated: dict[str, Any]
) -> None:
    model.fake.stated = stated
    result = models(at(None, served(upstream=Upstream(model.url, default_model="model"))))[0]
    assert {name: result[name] for name in UNSTATED} == UNSTATED
    assert (result["pricing"], result["description"]) == (FREE, "")


def test_what_a_picker_counts_and_searches_has_its_type(person: Callable[..., Person]) -> None:
    for every in ("", "?all=true"):
        for model in person("enterprise").http.get(MODELS + every).json()["models"]:
            for name in ("input_modalities", "output_modalities", "supported_parameters"):
                assert isinstance(model[name], list)
            assert isinstance(model["context_length"], int)
            assert isinstance(model["description"], str)
            assert model["input_modalities"]
            assert model["output_modalities"]
            assert all(float(price) >= 0 for price in model["pricing"].values())

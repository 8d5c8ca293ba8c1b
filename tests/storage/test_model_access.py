"""Models that a tier may use."""

from __future__ import annotations

import pytest
from recount import USER, Mirror, mirror, run

from sterna.storage.specification.functions import SpecifiedFunctions


@pytest.fixture
def store() -> Mirror:
    return mirror()


def names(store: Mirror) -> list[str]:
    return [model["model_name"] for model in store.model_access.get_user_allowed_models(USER)]


def test_a_higher_tier_has_the_lower_ones_models_first(store: Mirror) -> None:
    SpecifiedFunctions(store).update_user_tier(USER, "pro")
    assert names(store) == ["DeepSeek R1", "Gemini Flash 1.5", "Claude 3 Haiku", "GPT-4o mini", "Gemini Pro"]
    SpecifiedFunctions(store).update_user_tier(USER, "enterprise")
    assert names(store)[5:] == ["Claude 3 Opus", "GPT-4o", "o1"]


def test_a_model_is_shown_with_all_that_is_known_of_it(store: Mirror) -> None:
    assert store.model_access.get_user_allowed_models(USER)[0] == {
        "model_id": "deepseek/deepseek-r1-0528:free",
        "model_name": "DeepSeek R1",
        "model_description": "Reasons step by step, at no cost",
        "model_tags": ["free", "reasoning"],
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
        "daily_limit": None,
        "monthly_limit": None,
    }


def test_a_model_of_two_tiers_is_listed_twice_and_an_inactive_one_never(store: Mirror) -> None:
    run(store, "insert into model_access (model_id, tier, model_name) values ('openai/o1', 'free', 'o1')")
    run(store, "update model_access set is_active = 0 where tier = 'pro'")
    assert SpecifiedFunctions(store).can_user_use_model(USER, "openai/o1")
    assert not SpecifiedFunctions(store).can_user_use_model(USER, "openai/gpt-4o-mini")
    SpecifiedFunctions(store).update_user_tier(USER, "enterprise")
    assert names(store).count("o1") == 2
    assert "GPT-4o mini" not in names(store)


def test_a_model_that_nobody_knows_may_not_be_used(store: Mirror) -> None:
    assert not SpecifiedFunctions(store).can_user_use_model(USER, "no/such'model")


def test_models_of_admins_are_nobodys(store: Mirror) -> None:
    run(store, "insert into model_access (model_id, tier) values ('secret', 'admin')")
    SpecifiedFunctions(store).update_user_tier(USER, "enterprise")
    assert not SpecifiedFunctions(store).can_user_use_model(USER, "secret")

"""Costs of a conversation: what providers stated, and the tokens of the replies without a stated cost."""

from __future__ import annotations

import pytest
from ticking import Ticking

from sterna.storage import ModelCost, Settled, Store


@pytest.mark.parametrize(
    ("metadata", "stated"),
    [
        ('{"cost": 0.25}', 0.25),
        ('{"cost": 2}', 2.0),
        ('{"cost": -1}', 0.0),
        ('{"cost": "much"}', None),
        ("{}", None),
    ],
)
def test_a_cost_is_added_up_where_it_is_a_number(store: Store, metadata: str, stated: float | None) -> None:
    begun = store.live_replies.begin_turn(None, "And?", model="acme/large")
    store.live_replies.settle(
        begun.reply.id, Settled("done", "Yes.", model="acme/large", input_tokens=7, output_tokens=2)
    )
    store.db.connection.execute("update chat_messages set metadata = ? where role = 'assistant'", (metadata,))
    tokens = (7, 2) if stated is None else (0, 0)
    assert store.costs.by_model(begun.reply.session_id) == [ModelCost("acme/large", stated or 0.0, *tokens)]
    assert store.costs.by_model("conv_of_nobody") == []


def test_what_is_no_message_is_added_up_by_day_and_model_for_a_year(store: Store, clock: Ticking) -> None:
    store.other_costs.add("acme/large", 10, 2, 0.25, is_estimate=False)
    store.other_costs.add("acme/large", 5, 1, 0.5, is_estimate=True)
    store.other_costs.add("acme/small", 1, 1, 0.01, is_estimate=False)
    large, small = store.costs.by_day(1)
    assert (large.model, large.replies, large.input_tokens, large.cost, large.is_estimate) == (
        "acme/large", 0, 15, 0.75, True,
    )  # fmt: skip
    assert (small.model, small.cost, small.is_estimate) == ("acme/small", 0.01, False)
    assert store.costs.spent().today == pytest.approx(0.76)
    clock.move(days=500)
    assert store.costs.spent().today == 0
    store.other_costs.add("acme/small", 1, 1, 0.02, is_estimate=False)
    assert [row.cost for row in store.costs.by_day(3000)] == [0.02]

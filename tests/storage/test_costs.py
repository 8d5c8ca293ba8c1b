"""Costs of a conversation: what providers stated, and the tokens of the replies without a stated cost."""

from __future__ import annotations

import pytest

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

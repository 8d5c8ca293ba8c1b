"""What replies cost: stored with each, added up by day, and kept within a budget."""

from __future__ import annotations

import asyncio

import pytest

from sterna.chat import Reply, Turns
from sterna.config import Settings
from sterna.config.settings import BudgetSettings, TitleSettings
from sterna.providers import Catalog, Delta, Done, Rates, Usage
from sterna.storage import Costs, Message, Messages, StoreThread
from tests.chat.scripted_model import LIMIT, FakeClock, ScriptedModel

REF = "paid/m"


def turns_of(store: StoreThread, model: ScriptedModel, clock: FakeClock, budget: BudgetSettings) -> Turns:
    model.name = "paid"
    catalog = Catalog([], guide=ScriptedModel(), default=REF)
    catalog.add_provider(model)
    catalog.stated_rates = {REF: Rates(3e-6, 15e-6, 1e-6, "settings"), "paid/free": Rates(0, 0, 0, "list")}
    return Turns(store, catalog, settings=Settings(budget=budget), monotonic=clock.monotonic, sleep=clock.sleep)


async def ask(turns: Turns, session_id: str | None = None, model: str = REF) -> Reply:
    _, reply = await turns.begin(session_id, "And?", model=model)
    async with asyncio.timeout(LIMIT):
        while reply.running:
            await reply.changed(reply.version)
    return reply


def stored(reply: Reply) -> Message:
    assert reply.message is not None
    return reply.message


@pytest.mark.parametrize(
    ("usage", "cost", "source"),
    [
        (Usage(1_000, 100, 1_100, cost=0.5), 0.5, "provider"),
        (Usage(1_000, 100, 1_100), 0.0045, "settings"),
        (Usage(1_000, 100, 1_100, cached_tokens=500), 0.0035, "settings"),
    ],
)
async def test_a_reply_is_stored_with_its_cost_and_where_that_comes_from(
    store: StoreThread, model: ScriptedModel, clock: FakeClock, usage: Usage, cost: float, source: str
) -> None:
    model.say(Delta("Yes."), usage, Done(), to="And?")
    turns = turns_of(store, model, clock, BudgetSettings())
    message = stored(await ask(turns))
    assert message.metadata["cost"] == pytest.approx(cost)
    assert message.metadata["cost_source"] == source
    (day,) = await store.run(Costs.by_day, 1)
    assert (day.model, day.replies, day.input_tokens) == (REF, 1, 1_000)
    assert (day.cost, day.is_estimate) == (pytest.approx(cost), source == "settings")
    assert (await store.run(Costs.spent)).this_month == pytest.approx(cost)
    await turns.close()


async def test_a_budget_warns_and_then_sends_nothing_but_stores_what_was_written(
    store: StoreThread, model: ScriptedModel, clock: FakeClock
) -> None:
    for cost in (0.5, 0.35, 0.2):
        model.say(Delta("Yes."), Usage(9, 4, 13, cost=cost), Done(), to="And?")
    model.say(Delta("Yes."), Done(), to="And?")
    turns = turns_of(store, model, clock, BudgetSettings(daily=1.0, monthly=100.0, stop=True))
    first = await ask(turns)
    assert first.warning == ""
    second = await ask(turns, first.session_id)
    assert second.warning == "Today's replies have cost $0.85 of the $1.00 in budget.daily."
    await ask(turns, first.session_id)
    asked = len(model.requests)
    refused = stored(await ask(turns, first.session_id))
    assert (refused.finish, len(model.requests)) == ("failed", asked)
    assert "Nothing was sent; your message is stored. Raise budget.daily" in (refused.error_message or "")
    newest = await store.run(Messages.before, first.session_id, None, 2)
    assert [message.content for message in newest if message.role == "user"] == ["And?"]
    assert stored(await ask(turns, first.session_id, "paid/free")).finish == "done"
    await turns.close()


async def test_a_title_by_a_model_is_counted_and_not_asked_for_beyond_the_budget(
    store: StoreThread, model: ScriptedModel, clock: FakeClock
) -> None:
    turns = turns_of(store, model, clock, BudgetSettings(daily=1.0, stop=True))
    turns.settings = turns.settings._replace(titles=TitleSettings(generate=True))
    frame = "Question:\nAnd?\n\nReply:\n"
    model.say(Delta("Yes."), Usage(9, 4, 13, cost=0.5), Done(), to="And?")
    model.say(Delta("Terns"), Usage(1_000, 100, 1_100), Done(), to=f"{frame}Yes.")
    await ask(turns)
    await turns.titled()
    (day,) = await store.run(Costs.by_day, 1)
    assert (day.model, day.replies, day.input_tokens, day.is_estimate) == (REF, 1, 1_009, True)
    assert (day.cost, (await store.run(Costs.spent)).today) == (pytest.approx(0.5045), pytest.approx(0.5045))
    model.say(Delta("No."), Usage(9, 4, 13, cost=0.5), Done(), to="And?")
    await ask(turns)
    await turns.titled()
    assert [request.messages[-1].content for request in model.requests] == ["And?", f"{frame}Yes.", "And?"]
    await turns.close()

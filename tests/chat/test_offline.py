"""Prompts whose provider cannot be reached: they wait, are sent once it is back, and can be taken back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from turn_results import WHOLE, messages, requested, settled

from sterna.chat import Turns
from sterna.config import OfflineSettings, Settings
from sterna.providers import Failed, FailureKind
from sterna.storage import ArrivingReplies, NotFound, StoreThread, Trash, Undo
from tests.chat.scripted_model import FakeClock, ScriptedModel, until

UNREACHED = Failed(FailureKind.REFUSED, "Nothing answers at acme.", unreached=True)


@dataclass
class DistantModel(ScriptedModel):
    """Model that is asked whether it can be reached."""

    answers: bool = False
    questions: int = field(default=0)

    async def is_reachable(self) -> bool:
        self.questions += 1
        return self.answers


@pytest.fixture
async def model() -> DistantModel:
    return DistantModel()


@pytest.fixture
async def others(turns: Turns) -> DistantModel:
    other = DistantModel("other")
    turns.catalog.add_provider(other)
    return other


async def asked(model: DistantModel, clock: FakeClock, count: int, step: float = 100) -> None:
    """Let time pass until the model was asked so often."""

    def is_asked() -> bool:
        clock.advance(step)
        return model.questions >= count

    await until(is_asked)
    assert model.questions == count


async def waiting(turns: Turns, model: DistantModel, text: str = "Hi", ref: str = "fake/m") -> str:
    """Send a prompt that does not reach the provider; return its conversation."""
    begun, reply = await turns.begin(None, text, model=ref)
    await until(lambda: any(request.messages[-1].content == text for request in model.requests))
    model.say(UNREACHED, to=text)
    await until(lambda: reply.waits_for)
    return begun.session.id


async def test_a_prompt_waits_while_nobody_is_reached_and_is_sent_when_the_provider_is_back(
    turns: Turns, model: DistantModel, store: StoreThread, clock: FakeClock
) -> None:
    session = await waiting(turns, model)
    reply = turns.live(session)
    assert reply is not None
    assert reply.waits_for == "Waiting for fake. Nothing answers at acme."
    assert [row.waiting for row in await store.run(ArrivingReplies.of, session)] == [reply.waits_for]
    for count in (1, 2):
        await asked(model, clock, count)
    assert len(model.requests) == 1
    model.answers = True
    await asked(model, clock, 3)
    await requested(model, 2)
    assert (reply.waits_for, [row.waiting for row in await store.run(ArrivingReplies.of, session)]) == ("", [None])
    model.say(*WHOLE)
    message = await settled(reply)
    assert message.content == "Hello there"
    assert message.elapsed_ms <= 100_000  # without the 300 seconds of the wait
    assert [message.content for message in await messages(store, session)] == ["Hi", "Hello there"]


async def test_one_question_is_asked_for_all_who_wait_and_nobody_waits_for_another_provider(
    turns: Turns, model: DistantModel, others: DistantModel, clock: FakeClock
) -> None:
    for text in ("one", "two", "three"):
        await waiting(turns, model, text)
    _, reply = await turns.begin(None, "elsewhere", model="other/m")
    await requested(others)
    others.say(*WHOLE)
    await settled(reply)
    model.answers = True
    await asked(model, clock, 1)
    await requested(model, 6)


async def test_whoever_asks_for_it_waits_three_seconds_at_most_and_cannot_ask_more_often(
    turns: Turns, model: DistantModel, clock: FakeClock
) -> None:
    await waiting(turns, model)
    times = [clock.now]
    for count in (1, 2, 3, 4):
        for _ in range(5):
            turns.waiting.hurry()
        await asked(model, clock, count, 0.5)
        times.append(clock.now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(2.5 <= gap <= 4.5 for gap in gaps), gaps


async def test_a_prompt_that_waits_when_the_program_ends_is_sent_after_the_next_start_and_only_once(
    turns: Turns, model: DistantModel, store: StoreThread, clock: FakeClock
) -> None:
    session = await waiting(turns, model)
    await turns.close()
    assert [row.waiting for row in await store.run(ArrivingReplies.of, session)] != [None]
    later = Turns(store, turns.catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    await later.waiting.resume()
    await later.waiting.resume()
    reply = later.live(session)
    assert reply is not None
    await until(lambda: reply.waits_for)
    model.answers = True
    await asked(model, clock, 1)
    await requested(model, 2)
    model.say(*WHOLE)
    assert (await settled(reply)).content == "Hello there"
    await later.close()


async def test_a_waiting_prompt_can_be_taken_back_or_stopped(
    turns: Turns, model: DistantModel, store: StoreThread, clock: FakeClock
) -> None:
    session = await waiting(turns, model)
    reply = turns.live(session)
    assert (await turns.waiting.take_back(session)).content == "Hi"
    await until(lambda: turns.live(session) is None)
    assert (await messages(store, session), reply and reply.message) == ([], None)
    trashed = await store.run(Trash.latest)
    assert trashed is not None
    await store.run(Undo.undo, trashed.token)
    assert [message.content for message in await messages(store, session)] == ["Hi"]
    with pytest.raises(NotFound, match="No message is waiting"):
        await turns.waiting.take_back(session)
    stopped = await waiting(turns, model, "Stop me")
    turns.stop(stopped)
    await until(lambda: turns.live(stopped) is None)
    assert [message.finish for message in await messages(store, stopped)] == ["done", "stopped"]
    clock.advance(1000)
    assert (model.questions, len(model.requests)) == (0, 2)


async def test_a_prompt_waits_as_long_as_the_settings_say(
    turns: Turns, model: DistantModel, store: StoreThread, clock: FakeClock
) -> None:
    turns.settings = Settings(offline=OfflineSettings(wait=0))
    _, reply = await turns.begin(None, "At once")
    await requested(model)
    model.say(UNREACHED)
    assert (await settled(reply)).error_message == "Nothing answers at acme."
    turns.settings = Settings(offline=OfflineSettings(wait=10))
    session = await waiting(turns, model)
    limited = turns.live(session)
    assert limited is not None
    await until(lambda: clock.advance(100) or not limited.running)
    assert clock.now >= 1600
    assert (await settled(limited)).error_message == "Nothing answers at acme."


@pytest.mark.parametrize(
    "failure",
    [
        Failed(FailureKind.AUTH, "The key is wrong."),
        Failed(FailureKind.NOT_FOUND, "There is no such model."),
        Failed(FailureKind.TIMEOUT, "It sent nothing for two minutes."),
    ],
)
async def test_what_waiting_does_not_mend_is_an_error(turns: Turns, model: DistantModel, failure: Failed) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(failure)
    assert (await settled(reply)).error_message == failure.message


async def test_a_comparison_that_waits_when_the_program_ends_is_one_after_the_next_start(
    turns: Turns, model: DistantModel, store: StoreThread, clock: FakeClock
) -> None:
    comparison = await turns.compare(None, "Hi", models=["fake/a", "fake/b"])
    await requested(model, 2)
    model.say(UNREACHED, UNREACHED)
    await until(lambda: all(reply.waits_for for reply in comparison.replies))
    await turns.close()
    later = Turns(store, turns.catalog, settings=Settings(), monotonic=clock.monotonic, sleep=clock.sleep)
    await later.waiting.resume()
    again = later.comparison(comparison.session_id)
    assert again is not None
    assert [reply.model for reply in again.replies] == ["fake/a", "fake/b"]
    await until(lambda: all(reply.waits_for for reply in again.replies))
    model.answers = True
    await asked(model, clock, 1)
    await requested(model, 4)
    model.say(*WHOLE, *WHOLE)
    arrived = [await settled(reply) for reply in again.replies]
    assert (await messages(store, comparison.session_id))[1] in arrived, "the one that had text first"
    await later.close()

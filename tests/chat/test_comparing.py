"""Several models answer one prompt at the same time: each reply is a version, and none depends on another."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from turn_results import requested, settled

from sterna.chat import AnsweringError, Comparison, Turns
from sterna.providers import ChatMessage, Delta, Done, Event, Failed, FailureKind, Request
from sterna.storage import Branches, Invalid, Message, Messages, StoreThread, Trash, Undo
from tests.chat.scripted_model import ScriptedModel, until


class EachModel(ScriptedModel):
    """Scripted provider that is told what each of its models says."""

    def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        return super().stream(request._replace(messages=(ChatMessage("user", request.model),)))


@pytest.fixture
async def model() -> ScriptedModel:
    return EachModel()


async def compare(turns: Turns, model: ScriptedModel, *names: str) -> Comparison:
    comparison = await turns.compare(None, "Where do terns go?", models=[f"fake/{name}" for name in names])
    await requested(model, len(names))
    return comparison


async def end(comparison: Comparison, number: int, model: ScriptedModel, *events: Event) -> Message:
    """Let one of the models say its last, and wait until its reply is settled."""
    reply = comparison.replies[number]
    model.say(*events, to=str(reply.model).rpartition("/")[2])
    return await settled(reply)


async def shown(store: StoreThread, comparison: Comparison) -> list[str]:
    return [each.content for each in await store.run(Messages.after, comparison.session_id, None, 9)]


async def versions(store: StoreThread, comparison: Comparison) -> list[str]:
    first = (await store.run(Messages.after, comparison.session_id, None, 9))[1]
    ids = (await store.run(Branches.siblings, first.id)).ids
    return [(await store.run(Messages.get, id_)).content for id_ in ids]


async def test_the_first_to_finish_is_shown_and_the_others_are_versions(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    comparison = await compare(turns, model, "a", "b", "c")
    assert await shown(store, comparison) == ["Where do terns go?"]
    assert [reply.model for reply in turns.arriving(comparison.session_id)] == ["fake/a", "fake/b", "fake/c"]
    with pytest.raises(AnsweringError):
        await turns.begin(comparison.session_id, "And back?")
    for number, text in ((2, "third"), (0, "first"), (1, "second")):
        message = await end(comparison, number, model, Delta(text), Done())
        assert message.model == f"fake/{'abc'[number]}"
        assert await shown(store, comparison) == ["Where do terns go?", "third"]
    assert await versions(store, comparison) == ["first", "second", "third"]
    assert turns.running() == []
    again = await turns.compare(comparison.session_id, "And back?", models=["fake/d", "fake/e"])
    assert await shown(store, again) == ["Where do terns go?", "third", "And back?"]


async def test_a_failure_stops_no_other_reply(turns: Turns, model: ScriptedModel, store: StoreThread) -> None:
    comparison = await compare(turns, model, "a", "b", "c")
    await end(comparison, 0, model, Failed(FailureKind.SERVER, "It broke."))
    await end(comparison, 1, model, Delta("half"), Failed(FailureKind.SERVER, "It broke."))
    assert await shown(store, comparison) == ["Where do terns go?", "half"]
    await end(comparison, 2, model, Delta("whole"), Done())
    assert await shown(store, comparison) == ["Where do terns go?", "whole"]
    assert await versions(store, comparison) == ["half", "whole"]


async def test_the_kept_reply_is_shown_and_the_others_stop(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    comparison = await compare(turns, model, "a", "b", "c")
    await end(comparison, 2, model, Delta("third"), Done())
    for name in ("a", "b"):
        model.say(Delta(f"of {name}"), to=name)
    await until(lambda: all(reply.content for reply in comparison.replies))
    assert comparison.keep(comparison.replies[0]) == 1
    assert (await settled(comparison.replies[1])).finish == "stopped"
    assert [reply.id for reply in comparison.running] == [comparison.replies[0].id]
    await end(comparison, 0, model, Delta(" and more"), Done())
    assert await shown(store, comparison) == ["Where do terns go?", "of a and more"]
    assert await versions(store, comparison) == ["of a and more", "of b", "third"]


async def test_an_earlier_prompt_is_compared_again_and_undo_shows_what_was_there(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    first = await compare(turns, model, "a", "b")
    await end(first, 0, model, Delta("a"), Done())
    await end(first, 1, model, Delta("b"), Done())
    again = await turns.compare_again(first.prompt.id, models=["fake/c", "fake/d"])
    assert again.prompt == first.prompt
    await requested(model, 4)
    await end(again, 1, model, Delta("d"), Done())
    await end(again, 0, model, Delta("c"), Done())
    assert await versions(store, again) == ["a", "b", "c", "d"]
    assert await shown(store, again) == ["Where do terns go?", "d"]
    latest = await store.run(Trash.latest)
    assert latest is not None
    await store.run(Undo.undo, latest.token)
    assert await shown(store, again) == ["Where do terns go?", "a"]


async def test_stop_stops_all_replies_of_the_conversation(turns: Turns, model: ScriptedModel) -> None:
    comparison = await compare(turns, model, "a", "b")
    await turns.halt(comparison.session_id)
    assert [reply.finish for reply in comparison.replies] == ["stopped", "stopped"]
    assert turns.running() == []


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c", "d", "e"]])
async def test_two_to_four_different_models_are_compared(turns: Turns, store: StoreThread, names: list[str]) -> None:
    with pytest.raises(Invalid, match="Between 2 and 4 different models"):
        await turns.compare(None, "Hi", models=[f"fake/{name}" for name in names])

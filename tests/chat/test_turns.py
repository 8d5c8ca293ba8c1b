"""Turns as a user notices them: messages and replies are stored, whatever happens."""

from __future__ import annotations

import asyncio
import itertools
import logging

import pytest
from turn_results import WHOLE, messages, requested, saved, saved_as, settled

from sterna.chat import AnsweringError, Turns
from sterna.chat.requests import CONTINUE
from sterna.config import Settings
from sterna.providers import Catalog, Delta, Done, Failed, FailureKind, Reasoning
from sterna.storage import (
    ArrivingReplies,
    Conversations,
    Invalid,
    NewTurn,
    StoreError,
    StoreThread,
    Trash,
    Undo,
)
from tests.chat.scripted_model import FakeClock, ScriptedModel, until


async def test_the_prompt_is_kept_before_anybody_is_asked(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    begun, reply = await turns.begin(None, "Where do terns go?")
    assert model.requests == []
    assert [item.content for item in await messages(store, begun.session.id)] == ["Where do terns go?"]
    assert await saved(store, begun.session.id) == ""
    assert reply.running
    assert begun.created


async def test_a_reply_becomes_a_message_with_all_that_was_told_of_it(
    turns: Turns, model: ScriptedModel, store: StoreThread, clock: FakeClock
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    clock.now += 1.5
    model.say(Reasoning("They greet."), *WHOLE)
    message = await settled(reply)
    assert (message.content, message.reasoning, message.finish) == ("Hello there", "They greet.", "done")
    assert (message.input_tokens, message.output_tokens, message.total_tokens) == (3, 2, 5)
    assert (message.model, message.completion_id, message.elapsed_ms) == ("fake/m", "gen-7", 1500)
    assert message.user_message_id == begun.user_message.id
    assert [item.id for item in await messages(store, begun.session.id)] == [begun.user_message.id, reply.id]
    assert await store.run(ArrivingReplies.of) == []
    assert turns.running() == []
    assert (await store.run(Conversations.get, begun.session.id)).title == "Hi"


async def test_tokens_that_nobody_counted_stay_zero(turns: Turns, model: ScriptedModel) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("Hello"), Done())
    assert (await settled(reply)).total_tokens == 0


async def test_text_is_on_disk_half_a_second_after_it_came(
    turns: Turns, model: ScriptedModel, store: StoreThread, clock: FakeClock
) -> None:
    begun, _ = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("a few words"))
    await until(lambda: clock.sleeping() == 1)
    assert await saved(store, begun.session.id) == ""
    clock.advance(0.5)
    await saved_as(store, begun.session.id, "a few words")


async def test_two_kilobytes_do_not_wait_for_the_clock(turns: Turns, model: ScriptedModel, store: StoreThread) -> None:
    begun, _ = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("x" * 1024), Delta("y" * 1024))
    await saved_as(store, begun.session.id, "x" * 1024 + "y" * 1024)


async def test_stop_keeps_what_came(turns: Turns, model: ScriptedModel) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("Hello "))
    await until(lambda: reply.content)
    assert turns.stop(begun.session.id)
    message = await settled(reply)
    assert (message.content, message.finish, message.error_message) == ("Hello ", "stopped", None)
    await until(lambda: model.ended == 1)
    assert not turns.stop(begun.session.id)


async def test_a_reply_stopped_before_its_first_word_says_so(turns: Turns, model: ScriptedModel) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    await turns.halt(begun.session.id)
    assert reply.message is not None
    assert reply.message.error_message == "Stopped before a reply came."


async def test_words_after_the_stop_are_not_part_of_the_reply(turns: Turns, model: ScriptedModel) -> None:
    model.stubborn = True
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("before"))
    await until(lambda: reply.content)
    turns.stop(begun.session.id)
    reply.add(" after")
    assert (await settled(reply)).content == "before"


async def test_a_failure_keeps_the_text_the_sentence_and_when_to_retry(turns: Turns, model: ScriptedModel) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("Half a "), Failed(FailureKind.RATE_LIMIT, "Wait 7 s, then retry.", 7.0))
    message = await settled(reply)
    assert (message.content, message.error_message) == ("Half a ", "Wait 7 s, then retry.")
    assert message.metadata == {"finish": "failed", "kind": "rate_limit", "retry_after": 7.0}


async def test_retry_asks_again_for_the_same_prompt(turns: Turns, model: ScriptedModel, store: StoreThread) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Failed(FailureKind.SERVER, "It broke."))
    failed = await settled(reply)
    again, second = await turns.retry(failed.id)
    await requested(model, 2)
    model.say(*WHOLE)
    message = await settled(second)
    assert again.user_message.id == begun.user_message.id
    assert model.requests[1].messages == model.requests[0].messages
    assert [item.id for item in await messages(store, begun.session.id)] == [begun.user_message.id, message.id]


async def test_retry_asks_the_model_that_is_chosen_now(turns: Turns, model: ScriptedModel, store: StoreThread) -> None:
    begun, reply = await turns.begin(None, "Hi", model="fake/old")
    await requested(model)
    model.say(Failed(FailureKind.SERVER, "It broke."))
    await settled(reply)
    await store.run(Conversations.set_setting, begun.session.id, "model", "fake/new")
    assert reply.message is not None
    await turns.retry(reply.message.id)
    await requested(model, 2)
    assert [item.model for item in model.requests] == ["old", "new"]


async def test_several_conversations_are_answered_at_once(turns: Turns, model: ScriptedModel) -> None:
    pairs = [await turns.begin(None, text) for text in ("one", "two", "three")]
    await requested(model, 3)
    assert [reply.id for reply in turns.running()] == [reply.id for _, reply in pairs]
    for text in ("three", "one", "two"):
        model.say(Delta(f"answer {text}"), Done(), to=text)
    for text, (begun, reply) in zip(("one", "two", "three"), pairs, strict=True):
        message = await settled(reply)
        assert (message.content, message.session_id) == (f"answer {text}", begun.session.id)


async def test_a_second_prompt_waits_for_the_reply_and_nothing_is_lost(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    with pytest.raises(AnsweringError, match="still arriving"):
        await turns.begin(begun.session.id, "And?")
    assert len(await messages(store, begun.session.id)) == 1
    model.say(*WHOLE)
    await settled(reply)
    await turns.begin(begun.session.id, "And?")


async def test_two_prompts_at_the_same_moment_make_one_turn(turns: Turns, store: StoreThread) -> None:
    session = await store.run(Conversations.create)
    outcomes = await asyncio.gather(
        turns.begin(session.id, "first"), turns.begin(session.id, "second"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [tuple, AnsweringError]
    assert [item.content for item in await messages(store, session.id)] == ["first"]


async def test_an_empty_prompt_makes_no_conversation(turns: Turns, store: StoreThread) -> None:
    with pytest.raises(Invalid):
        await turns.begin(None, " \n ")
    assert await store.run(Conversations.count) == 0
    assert turns.running() == []


async def test_a_prompt_for_a_deleted_conversation_is_refused(turns: Turns, store: StoreThread) -> None:
    session = await store.run(Conversations.create)
    await store.run(Trash.delete_conversation, session.id)
    with pytest.raises(StoreError):
        await turns.begin(session.id, "Hi")
    assert turns.live(session.id) is None


async def test_a_model_that_nobody_has_is_a_sentence_under_the_kept_prompt(turns: Turns, store: StoreThread) -> None:
    begun, reply = await turns.begin(None, "Hi", model="nowhere/x")
    message = await settled(reply)
    assert "no provider named “nowhere”" in (message.error_message or "")
    assert message.metadata["kind"] == "unconfigured"
    assert [item.role for item in await messages(store, begun.session.id)] == ["user", "assistant"]


async def test_a_provider_that_breaks_is_a_sentence_and_a_line_in_the_log(
    turns: Turns, model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("So far"), ZeroDivisionError("an inner matter"))
    with caplog.at_level(logging.ERROR):
        message = await settled(reply)
        await until(lambda: caplog.records)
    assert message.content == "So far"
    assert "Internal error" in (message.error_message or "")
    assert "an inner matter" not in (message.error_message or "")
    assert "an inner matter" in caplog.text


async def test_a_stream_that_just_ends_is_a_failure(turns: Turns, model: ScriptedModel) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("So far"), None)
    message = await settled(reply)
    assert (message.finish, message.metadata["kind"], message.content) == ("failed", "truncated", "So far")


async def test_a_reply_cut_at_its_longest_says_so(turns: Turns, model: ScriptedModel) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("Long"), Done("length"))
    assert (await settled(reply)).metadata == {"finish_reason": "length"}


async def test_who_really_answered_is_kept(turns: Turns, model: ScriptedModel) -> None:
    _, reply = await turns.begin(None, "Hi", model="fake/auto")
    await requested(model)
    model.say(Delta("I"), Done(model="someone/large"))
    message = await settled(reply)
    assert (message.model, message.metadata) == ("fake/auto", {"answered_by": "someone/large"})


async def test_a_conversation_deleted_meanwhile_ends_quietly_and_comes_back_whole(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    gone = await store.run(Trash.delete_conversation, begun.session.id)
    model.say(*WHOLE)
    await until(lambda: not reply.running)
    assert reply.problem is None
    await store.run(Undo.undo, gone.token)
    assert [item.content for item in await messages(store, begun.session.id)] == ["Hi", "Hello there"]


async def test_a_reply_that_is_gone_for_good_ends_all_the_same(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    await store.run(lambda opened: opened.db.execute("delete from live_replies"))
    model.say(*WHOLE)
    await until(lambda: not reply.running)
    assert (reply.message, reply.problem, turns.running()) == (None, None, [])


async def test_listeners_hear_of_beginning_and_end_and_not_of_every_word(turns: Turns, model: ScriptedModel) -> None:
    heard: list[bool] = []
    forget = turns.subscribe(lambda reply: heard.append(reply.running))
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(*(Delta("word ") for _ in range(100)), Done())
    await settled(reply)
    await until(lambda: heard == [True, False])
    forget()
    await turns.begin(None, "Again")
    await requested(model, 2)
    assert heard == [True, False]


async def test_a_burst_of_words_leaves_room_for_keys(store: StoreThread, model: ScriptedModel) -> None:
    """The receiver never blocks the event loop for long, even if all words arrive at once."""
    beats: list[int] = []

    async def beat() -> None:
        while True:
            beats.append(reply.version)
            await asyncio.sleep(0)

    catalog = Catalog([], guide=model, default="fake/m")
    turns = Turns(store, catalog, settings=Settings(), monotonic=asyncio.get_running_loop().time)
    _, reply = await turns.begin(None, "Hi")
    await requested(model)
    beating = asyncio.create_task(beat())
    await until(lambda: beats)
    model.say(*(Delta("word ") for _ in range(50_000)), Done())
    await until(lambda: reply.finish)
    beating.cancel()
    await turns.close()
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 40_000


async def test_a_conversations_own_choices_go_before_the_settings(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    turns.settings = Settings(
        model="fake/usual", system_prompt="Be brief.", temperature=0.2, max_tokens=100, reasoning_effort="low"
    )
    own = {"model": "fake/special", "system_prompt": "", "temperature": 1, "reasoning_effort": "high"}
    begun, _ = await turns.begin(None, "one")
    own_begun, _ = await turns.begin(None, "two", settings=own)
    await requested(model, 2)
    usual, special = sorted(model.requests, key=lambda request: request.model, reverse=True)
    assert (usual.model, usual.temperature, usual.max_tokens, usual.reasoning_effort) == ("usual", 0.2, 100, "low")
    assert [item.content for item in usual.messages] == ["Be brief.", "one"]
    assert (special.model, special.temperature, special.reasoning_effort) == ("special", 1.0, "high")
    assert [item.content for item in special.messages] == ["two"]
    assert await store.run(Conversations.settings, own_begun.session.id) == own
    assert await store.run(Conversations.settings, begun.session.id) == {}


async def test_choices_of_a_wrong_kind_from_another_machine_are_passed_over(turns: Turns, model: ScriptedModel) -> None:
    odd = {"model": 7, "system_prompt": ["x"], "temperature": "hot", "max_tokens": "many", "reasoning_effort": "utmost"}
    await turns.begin(None, "Hi", settings=odd)
    await requested(model)
    (request,) = model.requests
    assert (request.model, request.temperature, request.max_tokens, request.reasoning_effort) == ("m", None, None, None)


async def test_the_conversation_so_far_is_sent_along_with_parts_of_replies_and_without_lost_turns(
    turns: Turns, model: ScriptedModel
) -> None:
    broke = Failed(FailureKind.SERVER, "It broke.")
    ways = ((Delta("answer 1"), Done()), (broke,), (Delta("half of 3"), broke), (Reasoning("hm"), broke), (Done(),))
    session_id: str | None = None
    for number, events in enumerate(ways, start=1):
        begun, reply = await turns.begin(session_id, f"question {number}")
        session_id = begun.session.id
        await requested(model, number)
        model.say(*events)
        await settled(reply)
    sent = [(item.role, item.content) for item in model.requests[-1].messages]
    assert sent == [
        ("user", "question 1"),
        ("assistant", "answer 1"),
        ("user", "question 3"),
        ("assistant", "half of 3"),
        ("user", "question 5"),
    ]
    assert model.requests[-1].request_id == begun.user_message.id


async def test_a_turn_begun_while_closing_is_kept_as_interrupted(turns: Turns) -> None:
    await turns.close()
    begun: NewTurn
    begun, reply = await turns.begin(None, "Hi")
    assert (await settled(reply)).finish == "interrupted"
    assert begun.user_message.content == "Hi"


async def test_an_edited_prompt_is_asked_with_what_stands_before_it(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(*WHOLE)
    await settled(reply)
    second, reply = await turns.begin(begun.session.id, "More")
    await requested(model, 2)
    model.say(*WHOLE)
    await settled(reply)
    edited, reply = await turns.edit(second.user_message.id, "Less")
    await requested(model, 3)
    model.say(*WHOLE)
    await settled(reply)
    assert [message.content for message in model.requests[2].messages] == ["Hi", "Hello there", "Less"]
    assert [m.content for m in await messages(store, begun.session.id)] == ["Hi", "Hello there", "Less", "Hello there"]
    assert edited.user_message.content == "Less"


async def test_a_stopped_reply_is_continued_from_where_it_stopped(
    turns: Turns, model: ScriptedModel, store: StoreThread
) -> None:
    begun, reply = await turns.begin(None, "Hi")
    await requested(model)
    model.say(Delta("Hello "))
    await until(lambda: reply.content)
    turns.stop(begun.session.id)
    stopped = await settled(reply)
    _, rest = await turns.continue_(stopped.id)
    await requested(model, 2)
    assert [message.content for message in model.requests[1].messages] == ["Hi", "Hello ", CONTINUE]
    model.say(Delta("there"), Done("stop", "gen-8", "m"))
    whole = await settled(rest)
    assert (whole.id, whole.content, whole.finish) == (stopped.id, "Hello there", "done")
    assert [m.content for m in await messages(store, begun.session.id)] == ["Hi", "Hello there"]

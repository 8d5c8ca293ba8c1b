"""The client's provider for a server, against a real server with a scripted model service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from accounts import Db, Person
from fake_openai import Script, Server

from sterna.providers import (
    ChatMessage,
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    ImagePart,
    Model,
    Reasoning,
    Request,
    Usage,
)
from sterna.providers.model_traits import Traits
from sterna.providers.request_body import data_uri
from sterna.providers.server import RelayParser, ServerProvider

FREE = "deepseek/deepseek-r1-0528:free"


async def no_models() -> Sequence[Model]:
    return []


def ask(address: str, token: str, text: str = "hello", model: str = "", **more: Any) -> list[Event]:
    async def work() -> list[Event]:
        async def tell() -> str:
            if not token:
                raise ValueError("Nobody is signed in here.")
            return token

        provider = ServerProvider(address, "chat.example.org", tell, no_models)
        try:
            request = Request(model, (ChatMessage("user", text),), **more)
            return [event async for event in provider.stream(request)]
        finally:
            await provider.aclose()

    return asyncio.run(work())


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_a_reply_comes_whole_with_its_counts(relaying: tuple[Server, str], model: Server, ada: Person) -> None:
    events = ask(relaying[1], ada.token, "one\n\ntwo", request_id="m1")
    assert text_of(events) == "You said: one\n\ntwo"
    assert events[-1] == Done(completion_id="gen-1", model=FREE)
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert usage.input_tokens == 11


def test_images_are_passed_on_and_refused_where_no_model_takes_any(
    relaying: tuple[Server, str], model: Server, ada: Person
) -> None:
    picture = ImagePart("image/png", b"not read on the way")
    asked = Request("", (ChatMessage("user", "What is this?", (picture,)),))

    async def work(inputs: tuple[str, ...]) -> list[Event]:
        async def tell() -> str:
            return ada.token

        async def models() -> Sequence[Model]:
            return [Model("server", "m", traits=Traits(input_modalities=inputs))]

        provider = ServerProvider(relaying[1], "chat.example.org", tell, models)
        try:
            await provider.models()
            return [event async for event in provider.stream(asked)]
        finally:
            await provider.aclose()

    (failed,) = asyncio.run(work(("text",)))
    assert isinstance(failed, Failed)
    assert "passes no images on" in failed.message
    assert model.fake.requests == []
    assert isinstance(asyncio.run(work(("text", "image")))[-1], Done)
    (sent,) = [message for message in model.fake.requests[-1]["messages"] if message["role"] == "user"]
    assert sent["content"][0] == {"type": "text", "text": "What is this?"}
    assert sent["content"][1]["image_url"]["url"] == data_uri(picture)


def test_a_reply_that_is_cut_off_says_so(relaying: tuple[Server, str], model: Server, ada: Person) -> None:
    choice = {"message": {"content": "half"}, "finish_reason": "length"}
    model.fake.reply = lambda body: Script(body=json.dumps({"choices": [choice]}))
    events = ask(relaying[1], ada.token)
    assert text_of(events) == "half"
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason == "length"


def test_a_reply_without_text_is_a_failure(relaying: tuple[Server, str], model: Server, ada: Person) -> None:
    choice = {"message": {"tool_calls": [{"function": {"name": "f"}}]}, "finish_reason": "tool_calls"}
    model.fake.reply = lambda body: Script(body=json.dumps({"choices": [choice]}))
    (failed,) = ask(relaying[1], ada.token)
    assert isinstance(failed, Failed)
    assert "returned no text" in failed.message


def test_reasoning_comes_apart(relaying: tuple[Server, str], model: Server, person: Callable[..., Person]) -> None:
    deltas = ({"reasoning_content": "Hm\n."}, {"content": "half\n"}, {"content": "\ndone\n"})
    model.fake.reply = lambda body: Script(deltas=deltas)
    events = ask(relaying[1], person("enterprise").token, reasoning_effort="low")
    assert [event.text for event in events if isinstance(event, Reasoning)] == ["Hm\n."]
    assert text_of(events) == "half\n\ndone\n"


def test_a_model_of_a_higher_tier_is_refused_in_the_server_s_words(
    relaying: tuple[Server, str], model: Server, ada: Person
) -> None:
    (failed,) = ask(relaying[1], ada.token, model="openai/gpt-4o")
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.FORBIDDEN
    assert failed.message.startswith("chat.example.org: Your tier may not use the model openai/gpt-4o.")


def test_a_limit_says_until_when(relaying: tuple[Server, str], model: Server, ada: Person, db: Db) -> None:
    db.execute("insert into model_access (model_id, tier, daily_limit) values ('test/one', 'free', 1)")
    try:
        assert isinstance(ask(relaying[1], ada.token, model="test/one")[-1], Done)
        (failed,) = ask(relaying[1], ada.token, model="test/one")
    finally:
        db.execute("delete from model_access where model_id = 'test/one'")
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.RATE_LIMIT
    assert failed.retry_after


def test_a_reply_that_breaks_off_keeps_what_came_and_is_not_whole(
    relaying: tuple[Server, str], model: Server, ada: Person
) -> None:
    model.fake.reply = lambda body: Script(deltas=({"content": "half"},), then="drop")
    events = ask(relaying[1], ada.token)
    assert text_of(events) == "half"
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is FailureKind.TRUNCATED


def test_who_is_not_signed_in_is_told_so(relaying: tuple[Server, str], ada: Person) -> None:
    (failed,) = ask(relaying[1], "")
    assert failed == Failed(FailureKind.AUTH, "Nobody is signed in here.")
    (failed,) = ask(relaying[1], "not a token")
    assert isinstance(failed, Failed)
    assert "sterna login" in failed.message


def test_a_server_that_relays_nothing_says_so(address: str, ada: Person) -> None:
    (failed,) = ask(address, ada.token)
    assert isinstance(failed, Failed)
    assert "has no model service" in failed.message


def test_nobody_there_is_a_sentence() -> None:
    (failed,) = ask("http://127.0.0.1:9", "x")
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.REFUSED


WHOLE = (
    'one\n__REASONING_CHUNK__{"type":"reasoning","data":"hm"}\ntwo __FINAL no\n\n'
    '{"__FINAL_METADATA__":{"response":"one\\ntwo __FINAL no","usage":{},"model":"m"}}\n'
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_it_is_taken_apart_wherever_the_network_cuts_it(size: int) -> None:
    parser, events = RelayParser(), []
    for start in range(0, len(WHOLE), size):
        events += list(parser.feed(WHOLE[start : start + size]))
    events += list(parser.finish())
    assert text_of(events) == "one\ntwo __FINAL no"
    assert [event.text for event in events if isinstance(event, Reasoning)] == ["hm"]
    assert events[-1] == Done(model="m")


def test_somebody_s_own_words_that_look_like_a_mark_are_words() -> None:
    parser = RelayParser()
    events = [*parser.feed("__REASONING_CHUNK__ is a mark\nand so on"), *parser.flush()]
    assert text_of(events) == "__REASONING_CHUNK__ is a mark\nand so on"

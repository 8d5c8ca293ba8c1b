"""Tools in a turn: each call is kept and asked for, its result goes back to the model, and nothing can run away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from turn_results import messages, requested, settled

from sterna.chat import Approval, Offer, OneOffTurn, ToolAsk, ToolFile, ToolResult, Turns
from sterna.chat.kept_calls import IN_ROW
from sterna.chat.tool_rounds import MOST_CALLS, MOST_EQUAL
from sterna.config import Settings
from sterna.config.settings import BudgetSettings, ToolSettings
from sterna.providers import (
    ChatMessage,
    Delta,
    Done,
    Failed,
    FailureKind,
    Rates,
    Reasoning,
    Reclassified,
    Tool,
    ToolRequest,
    ToolRequests,
    Usage,
)
from sterna.storage import ArrivingReplies, Attachments, StoreThread
from sterna.storage.conversations.tool_calls import tool_calls
from tests.chat.scripted_model import ScriptedModel, until

LOOK = Tool("look", "Look at a file.", {"type": "object"})
CHOSEN = {"tools": ["files"]}
DONE = Done("tool_calls")


@dataclass
class FakeToolbox:
    """Toolbox with one tool, whose results a test gives."""

    tool: Tool = LOOK
    results: list[ToolResult] = field(default_factory=list)
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    chosen: list[Sequence[str]] = field(default_factory=list)
    always: list[Tool] = field(default_factory=list)
    problems: tuple[str, ...] = ()
    hold: asyncio.Event | None = None
    work: Callable[[], Awaitable[object]] | None = None

    async def offered(self, chosen: Sequence[str]) -> Offer:
        self.chosen.append(chosen)
        return Offer((self.tool,), self.problems)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        allowed: Tool | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> ToolResult:
        assert (name, allowed) == (self.tool.name, self.tool)
        self.calls.append(arguments)
        if self.work is not None:
            await self.work()
        if self.hold is not None and progress is not None:
            progress("half\nof it")
            await self.hold.wait()
        return self.results.pop(0) if self.results else ToolResult(f"A tern at {arguments.get('path')}.")

    async def is_allowed(self, tool: Tool) -> bool:
        return tool in self.always

    async def allow(self, tool: Tool) -> None:
        self.always.append(tool)


@pytest.fixture
def toolbox(turns: Turns) -> FakeToolbox:
    box = FakeToolbox(always=[LOOK])
    turns.tools.toolbox = box
    return box


def picture() -> ToolFile:
    target = BytesIO()
    Image.new("RGB", (4, 2), "navy").save(target, "PNG")
    return ToolFile("tern.png", "image/png", target.getvalue())


def wants(*paths: str, text: str = "") -> list[Any]:
    """Return the events of a round in which the model asks to look at each of the paths."""
    calls = tuple(ToolRequest("", "look", f'{{"path": "{path}"}}') for path in paths)
    return [*([Delta(text)] if text else []), ToolRequests(calls, ["sealed"]), DONE]


async def test_a_reply_goes_on_with_the_results_and_is_one_message(
    turns: Turns, model: ScriptedModel, store: StoreThread, toolbox: FakeToolbox
) -> None:
    begun, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    assert model.requests[0].tools == (LOOK,)
    used = Usage(10, 2, 12, cached_tokens=4, cost=0.5)
    model.say(Reasoning("Hm."), *wants("a", "b", text="I look.")[:2], used, DONE)
    await requested(model, 2)
    model.say(Delta("\nIt is "), Delta("a tern."), Usage(30, 3, 33, cost=0.25), Done("stop", "c-2"))
    message = await settled(reply)
    assert (message.content, message.reasoning, message.finish) == ("I look.\n\nIt is a tern.", "Hm.", "done")
    assert (message.input_tokens, message.output_tokens, message.total_tokens) == (40, 5, 45)
    assert (message.metadata["cached_tokens"], message.metadata["cost"], message.context_tokens) == (4, 0.75, 33)
    calls = tool_calls(message.metadata)
    assert [(call.arguments, call.result, call.at) for call in calls] == [
        ({"path": "a"}, "A tern at a.", 7),
        ({"path": "b"}, "A tern at b.", 7),
    ]
    assert model.requests[1].messages == (
        ChatMessage("user", "What is in a?"),
        ChatMessage(
            "assistant",
            "I look.",
            tool_requests=tuple(
                ToolRequest(call.id, "look", f'{{"path": "{path}"}}') for call, path in zip(calls, "ab", strict=True)
            ),
            opaque=["sealed"],
        ),
        ChatMessage("tool", "A tern at a.", tool_id=calls[0].id),
        ChatMessage("tool", "A tern at b.", tool_id=calls[1].id),
    )
    assert len(await messages(store, begun.session.id)) == 2

    _, again = await turns.begin(begun.session.id, "Thanks.")
    await requested(model, 3)
    sent = model.requests[2].messages
    assert [each.role for each in sent] == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert (
        [call.id for call in sent[1].tool_requests]
        == [each.tool_id for each in sent[2:4]]
        == ["call00001", "call00002"]
    )
    assert (sent[1].content, sent[4].content) == ("I look.", "It is a tern.")
    model.say(Delta("Bye."), Done())
    await settled(again)

    turns.tools.toolbox = None
    _, plain = await turns.begin(begun.session.id, "Once more.")
    await requested(model, 4)
    assert {each.role for each in model.requests[3].messages} == {"user", "assistant"}
    assert model.requests[3].messages[1] == ChatMessage("assistant", "I look.\n\nIt is a tern.")
    plain.stop()


async def test_a_call_is_on_disk_before_anybody_is_asked_and_its_result_before_it_is_sent(
    turns: Turns, model: ScriptedModel, store: StoreThread, toolbox: FakeToolbox
) -> None:
    toolbox.always.clear()
    seen: list[Any] = []

    async def stored(session_id: str) -> list[Any]:
        (live,) = await store.run(ArrivingReplies.of, session_id)
        return [(live.content, call.name, call.result) for call in tool_calls(live.metadata)]

    async def approve(ask: ToolAsk) -> Approval:
        seen.append((await stored(ask.session_id), turns.running()[0].asking == ask, ask.tool, ask.arguments))
        return Approval("once")

    turns.tools.approve = approve
    begun, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a", text="I look."))
    await requested(model, 2)
    assert seen == [([("I look.", "look", None)], True, LOOK, {"path": "a"})]
    assert reply.asking is None
    assert await stored(begun.session.id) == [("I look.", "look", "A tern at a.")]
    turns.stop(begun.session.id)
    message = await settled(reply)
    assert [call.result for call in tool_calls(message.metadata)] == ["A tern at a."]


@pytest.mark.parametrize(
    ("answer", "asked", "result"),
    [
        (Approval("once"), 2, "A tern at a."),
        (Approval("conversation"), 1, "A tern at a."),
        (Approval("always"), 1, "A tern at a."),
        (Approval("no"), 2, "The person did not allow this call."),
        (Approval("no", "Look elsewhere."), 2, "The person did not allow this call. Look elsewhere."),
        (None, 0, "The person did not allow this call. Nobody is here to allow it."),
    ],
)
async def test_the_answer_counts_for_as_long_as_it_says(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox, answer: Approval | None, asked: int, result: str
) -> None:
    toolbox.always.clear()
    asks: list[ToolAsk] = []

    async def approve(ask: ToolAsk) -> Approval:
        asks.append(ask)
        assert answer is not None
        return answer

    turns.tools.approve = approve if answer is not None else None
    begun, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a", "b"))
    await requested(model, 2)
    assert (len(asks), len(toolbox.calls)) == (asked, 2 if "tern" in result else 0)
    sent = model.requests[1].messages[2].content
    assert sent == (result if "tern" in result else f"Error: {result}")
    assert reply.tool_calls[0].is_error is ("tern" not in result)
    if answer == Approval("conversation"):
        toolbox.tool = LOOK._replace(description="Delete a file.")
        turns.stop(begun.session.id)
        await settled(reply)
        _, reply = await turns.begin(begun.session.id, "And c?")
        await requested(model, 3)
        model.say(*wants("c"))
        await requested(model, 4)
        assert [ask.tool.description for ask in asks] == ["Look at a file.", "Delete a file."]
    reply.stop()


async def test_a_call_that_runs_can_be_stopped_and_shows_how_far_it_is(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    toolbox.hold = asyncio.Event()
    begun, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a"))
    await until(lambda: reply.progress)
    assert (reply.progress, reply.call_started) == ("half of it", 1000.0)
    turns.stop(begun.session.id)
    message = await settled(reply)
    assert (message.finish, message.error_message) == ("stopped", None)
    assert [call.result for call in tool_calls(message.metadata)] == [None]
    assert reply.call_started == 0
    _, again = await turns.begin(begun.session.id, "Go on.")
    await requested(model, 2)
    sent = model.requests[1].messages
    assert [each.content for each in sent[2:4]] == [
        "There is no result: the call was not finished.",
        "(The reply was stopped here.)",
    ]
    again.stop()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (ToolRequest("c1", "lick", "{}"), "There is no tool “lick”. There are: look."),
        (ToolRequest("c1", "li\x1b[2Jck" + "!" * 5_000, "{}"), f"There is no tool “li[2Jck{'!' * 72}…”."),
        (ToolRequest("c1", "look", '{"path": '), "The arguments are not a JSON object."),
        (ToolRequest("c1", "look", '["a"]'), "The arguments are not a JSON object."),
        (ToolRequest("c1", "look", '{"path": NaN}'), "The arguments are not a JSON object."),
        (ToolRequest("c1", "look", "[" * 100_000), "The arguments are not a JSON object."),
    ],
)
async def test_a_call_that_makes_no_sense_is_said_to_the_model(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox, call: ToolRequest, says: str
) -> None:
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(ToolRequests((call,)), DONE)
    await requested(model, 2)
    assert says in model.requests[1].messages[-1].content
    (sent,) = model.requests[1].messages[-2].tool_requests
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", sent.name)
    assert toolbox.calls == []
    model.say(Delta("Sorry."), Done())
    message = await settled(reply)
    assert tool_calls(message.metadata)[0].is_error
    assert message.content == "Sorry."


async def test_a_model_that_never_answers_is_told_so_and_then_ended(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    turns.settings = Settings(tools=ToolSettings(rounds=2))
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    for number in range(3):
        await requested(model, number + 1)
        model.say(*wants(str(number)))
    message = await settled(reply)
    assert message.error_message == (
        "The model asked for tools in 3 rounds without an end. Continue the reply, or raise tools.rounds."
    )
    assert "No further call is possible" in model.requests[2].messages[-1].content
    assert len(tool_calls(message.metadata)) == 2
    _, rest = await turns.continue_(message.id)
    await requested(model, 4)
    sent = model.requests[3].messages
    assert [each.role for each in sent] == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert sent[-1].content == "Go on with your last reply. The results of its tools are above."
    model.say(*wants("2"))
    await requested(model, 5)
    model.say(Delta("A tern."), Done())
    whole = await settled(rest)
    assert (whole.id, whole.content, whole.finish) == (message.id, "A tern.", "done")
    assert [call.arguments for call in tool_calls(whole.metadata)] == [{"path": path} for path in "012"]


async def test_a_model_that_goes_round_in_circles_or_asks_for_too_much_is_held_back(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants(*(str(number) for number in range(MOST_CALLS + 2))))
    await requested(model, 2)
    assert len(toolbox.calls) == MOST_CALLS
    assert f"Only {MOST_CALLS} calls" in model.requests[1].messages[-1].content
    for number in range(MOST_EQUAL + 1):
        await requested(model, number + 2)
        model.say(*wants("same"))
    message = await settled(reply)
    assert len(toolbox.calls) == MOST_CALLS + MOST_EQUAL
    assert message.error_message is not None
    assert "the same call of look again and again" in message.error_message


async def test_long_results_and_images_are_kept_as_files_and_the_model_gets_them(
    turns: Turns, model: ScriptedModel, store: StoreThread, toolbox: FakeToolbox
) -> None:
    text = "word " * IN_ROW
    toolbox.results = [ToolResult(text, files=(picture(), ToolFile("x.bin", "image/png", b"no image")))]
    begun, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a"))
    await requested(model, 2)
    sent = model.requests[1].messages[-1]
    assert sent.content == text
    assert [image.media_type for image in sent.images] == ["image/png"]
    model.say(Delta("A tern."), Done())
    message = await settled(reply)
    (call,) = tool_calls(message.metadata)
    assert (call.result, call.whole) == (text[:IN_ROW], len(text))
    names = [item.attachment.name for item in await store.run(Attachments.used, begun.session.id)]
    assert sorted(names) == ["look-call00001.txt", "tern.png", "x.bin"]
    _, again = await turns.begin(begun.session.id, "Thanks.")
    await requested(model, 3)
    tool = model.requests[2].messages[2]
    assert [image.media_type for image in tool.images][:1] == ["image/png"]
    assert f"The whole result has {len(text):,} characters" in tool.content
    again.stop()


async def test_a_request_that_results_have_made_too_long_is_sent_again_with_less_of_them(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    toolbox.results = [ToolResult("long " * 2_000)]
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a"))
    await requested(model, 2)
    model.say(Failed(FailureKind.TOO_LONG, "Too long."))
    await requested(model, 3)
    assert len(model.requests[2].messages[-1].content) < 2_200
    model.say(Delta("A tern."), Done())
    assert (await settled(reply)).finish == "done"


async def test_images_that_a_model_refuses_are_left_out_once_it_has_said_so(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    toolbox.results = [ToolResult("Look.", files=(picture(),))]
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a"))
    await requested(model, 2)
    model.say(Failed(FailureKind.BAD_REQUEST, "No images, please."))
    await requested(model, 3)
    with_image, without = (request.messages[-1] for request in model.requests[1:])
    assert (len(with_image.images), without.images) == (1, ())
    assert without.content == "Look.\n[Its images were left out.]"
    model.say(Failed(FailureKind.BAD_REQUEST, "No, really."))
    assert (await settled(reply)).error_message == "No, really."


async def test_a_late_closing_tag_makes_only_its_own_round_reasoning(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a", text="I look.\n"))
    await requested(model, 2)
    model.say(Delta("Hm."), Reclassified("reasoning"), Delta("A tern."), Done())
    message = await settled(reply)
    assert (message.content, message.reasoning) == ("I look.\n\nA tern.", "Hm.")


async def test_a_budget_that_is_used_up_ends_the_rounds(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    turns.settings = Settings(budget=BudgetSettings(daily=1.0, stop=True))
    turns.catalog.stated_rates = {"fake/m": Rates(1.0, 1.0, 1.0, "settings")}
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a")[:1], Usage(10, 2, 12, cost=1.5), DONE)
    message = await settled(reply)
    assert message.error_message is not None
    assert "The results of the tools were not sent" in message.error_message
    assert len(model.requests) == 1


async def test_what_could_not_be_offered_is_said_on_the_reply(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    toolbox.problems = ("The server “files” did not start.",)
    _, reply = await turns.begin(None, "Hi", settings=CHOSEN)
    await requested(model)
    model.say(Delta("Hi."), Done())
    assert (await settled(reply)).metadata["tool_problems"] == ["The server “files” did not start."]
    model.takes_tools = False  # type: ignore[attr-defined]
    _, reply = await turns.begin(None, "Hello", settings=CHOSEN)
    await requested(model, 2)
    assert model.requests[1].tools == ()
    model.say(Delta("Hi."), Done())
    assert (await settled(reply)).metadata["without"] == ["tools"]


async def test_a_fault_of_the_toolbox_is_a_result_like_any_other(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    async def fail() -> None:
        raise RuntimeError("boom")

    toolbox.work = fail
    _, reply = await turns.begin(None, "What is in a?", settings=CHOSEN)
    await requested(model)
    model.say(*wants("a"))
    await requested(model, 2)
    assert model.requests[1].messages[-1].content.startswith("Error: The tool failed")
    reply.stop()


async def test_a_prompt_that_is_not_stored_can_use_tools_too(
    turns: Turns, model: ScriptedModel, toolbox: FakeToolbox
) -> None:
    settings = Settings(tools=ToolSettings(chosen=("files",)))
    turn = OneOffTurn(turns.catalog, settings, "What is in a?", tools=turns.tools)
    running = asyncio.create_task(turn.run())
    await requested(model)
    model.say(*wants("a"))
    await requested(model, 2)
    model.say(Delta("A tern."), Done())
    ended = await running
    assert (ended.content, len(ended.metadata["tool_calls"])) == ("A tern.", 1)

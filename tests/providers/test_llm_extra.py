"""With the package llm installed, its models reply too; a stand-in with the package's names is used here."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sterna.providers import (
    ChatMessage,
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    ImagePart,
    ParametersOmitted,
    ProviderError,
    Request,
    Tool,
    ToolRequest,
    ToolRequests,
    Usage,
)
from sterna.providers.llm_extra import LlmPackage, llm_models

ASK = Request("pelican", (ChatMessage("system", "Be brief."), ChatMessage("user", "hello")), temperature=0.5)


class UnknownModelError(KeyError):
    pass


class NeedsKeyException(Exception):
    pass


@dataclass
class Said:
    """Reply of the package, for models with and without asyncio."""

    pieces: list[str]
    error: Exception | None = None

    def usage(self) -> Any:
        return SimpleNamespace(input=3, output=len(self.pieces))


class Blocking(Said):
    def __iter__(self) -> Iterator[str]:
        yield from self.pieces
        if self.error:
            raise self.error


class Flowing(Said):
    async def __aiter__(self) -> AsyncIterator[str]:
        for piece in self.pieces:
            yield piece
        if self.error:
            raise self.error

    async def usage(self) -> Any:
        return SimpleNamespace(input=None, output=None)


class FakeModel:
    Options = SimpleNamespace(model_fields={"temperature": 1})

    def __init__(self, model_id: str, response: Any) -> None:
        self.model_id = model_id
        self.response = response
        self.options: dict[str, Any] = {}

    def prompt(self, **options: Any) -> Any:
        self.options = options
        return self.response


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a module ``llm`` with one model of each kind."""
    module: Any = ModuleType("llm")
    module.flowing = FakeModel("pelican", Flowing(["He", "", "llo"]))
    module.blocking = FakeModel("walrus", Blocking(["He", "llo"]))

    def get(known: Any) -> Any:
        def find(model_id: str) -> Any:
            if known.model_id != model_id:
                raise UnknownModelError(model_id)
            return known

        return find

    module.UnknownModelError = UnknownModelError
    module.get_async_model, module.get_model = get(module.flowing), get(module.blocking)
    module.get_async_models = lambda: [module.flowing]
    module.get_models = lambda: [module.blocking, module.flowing]
    monkeypatch.setitem(sys.modules, "llm", module)
    return module


async def reply(model: str = "pelican") -> list[Event]:
    messages = (*ASK.messages, ChatMessage("assistant", "Hi"), ChatMessage("user", "again"))
    return [event async for event in LlmPackage().stream(Request(model, messages, temperature=0.5, max_tokens=9))]


def test_without_the_package_there_is_no_such_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert llm_models() is None


def test_with_the_package_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    provider = llm_models()
    assert provider is not None
    assert provider.name == "llm"


async def test_models_with_and_without_asyncio_are_listed_once(package: Any) -> None:
    assert [item.ref for item in await LlmPackage().models()] == ["llm/pelican", "llm/walrus"]


async def test_a_reply_streams(package: Any) -> None:
    assert await reply() == [Delta("He"), Delta("llo"), Done(model="llm/pelican")]
    assert package.flowing.options["temperature"] == 0.5
    assert "max_tokens" not in package.flowing.options, "an option that the model does not know is not given"


async def test_a_model_that_only_blocks_streams_too(package: Any) -> None:
    assert await reply("walrus") == [Delta("He"), Delta("llo"), Usage(3, 2, 5), Done(model="llm/walrus")]


async def test_the_conversation_goes_along_as_messages_or_as_a_transcript(package: Any) -> None:
    await reply()
    assert package.flowing.options["system"] == "Be brief."
    assert package.flowing.options["prompt"] == "User: hello\n\nAssistant: Hi\n\nUser: again\n\nAssistant:"
    for role in ("user", "assistant", "system"):
        setattr(package, role, lambda text, role=role: (role, text))
    package.flowing.response.prompt = SimpleNamespace(_prompt=None)
    await reply()
    assert package.flowing.options == {
        "messages": [("system", "Be brief."), ("user", "hello"), ("assistant", "Hi"), ("user", "again")],
        "temperature": 0.5,
    }
    for_older_plugins = package.flowing.response.prompt._prompt
    assert for_older_plugins == "Be brief.\n\nUser: hello\n\nAssistant: Hi\n\nUser: again\n\nAssistant:"


LOOK = Tool("look", "Look at a file.", {"type": "object"})
CALL = ToolRequest("c1", "look", '{"path": "a"}')


async def test_tools_go_along_to_models_that_take_them_and_their_calls_and_results_come_back(
    package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: Any = ModuleType("llm.parts")
    parts.ToolCallPart = lambda name, arguments, tool_call_id: ("call", name, arguments, tool_call_id)
    parts.ToolResultPart = lambda name, output, tool_call_id, attachments: ("result", name, output, tool_call_id)
    monkeypatch.setitem(sys.modules, "llm.parts", parts)
    for role in ("user", "assistant", "system"):
        setattr(package, role, lambda *parts, role=role: (role, *parts))
    package.tool_message = lambda *parts: ("tool", *parts)
    package.Tool = lambda *about: ("a tool", *about)
    call = SimpleNamespace(name="look", arguments={"path": "a"}, tool_call_id="c1")
    package.blocking.response.tool_calls = lambda: [call]
    package.blocking.response.messages = lambda: ["sealed"]
    question = Request("walrus", (ChatMessage("user", "What is in a?"),), tools=(LOOK,))

    async def ask(request: Request) -> list[Event]:
        return [event async for event in LlmPackage().stream(request)]

    events = await ask(question)
    assert events[0] == ParametersOmitted(("tools",))
    assert isinstance(events[-1], Done)
    assert "tools" not in package.blocking.options
    package.blocking.supports_tools = True
    events = await ask(question)
    assert events[-2:] == [ToolRequests((CALL,), ["sealed"]), Done("tool_calls", model="llm/walrus")]
    assert package.blocking.options["tools"] == [("a tool", "look", "Look at a file.", {"type": "object"})]
    package.blocking.response.tool_calls = list
    asked = ChatMessage("assistant", "I look.", tool_requests=(CALL,))
    result = ChatMessage("tool", "A tern.", tool_id="c1")
    for opaque, sent in (
        (["sealed"], "sealed"),
        (None, ("assistant", "I look.", ("call", "look", {"path": "a"}, "c1"))),
    ):
        messages = (*question.messages, asked._replace(opaque=opaque), result)
        assert (await ask(question._replace(messages=messages)))[-1] == Done("stop", model="llm/walrus")
        assert package.blocking.options["messages"][1:] == [sent, ("tool", ("result", "look", "A tern.", "c1"))]


async def test_images_go_along_to_models_that_take_them(package: Any) -> None:
    package.Attachment = lambda type, content: (type, content)
    package.flowing.attachment_types = {"image/png", "application/pdf"}
    inputs = {model.id: model.traits.input_modalities for model in await LlmPackage().models()}
    assert inputs == {"pelican": ("text", "image"), "walrus": ("text",)}
    asked = Request("pelican", (ChatMessage("user", "What is this?", (ImagePart("image/png", b"png"),)),))
    async for _ in LlmPackage().stream(asked):
        pass
    assert package.flowing.options == {"prompt": "What is this?", "attachments": [("image/png", b"png")]}
    for role in ("user", "assistant", "system"):
        setattr(package, role, lambda *parts, role=role: (role, *parts))
    async for _ in LlmPackage().stream(asked):
        pass
    assert package.flowing.options["messages"] == [("user", "What is this?", ("image/png", b"png"))]


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (NeedsKeyException("No key found"), FailureKind.AUTH, "llm keys set"),
        (RuntimeError("boom with sk-abcdefgh12345678"), FailureKind.SERVER, "boom with [key]"),
    ],
)
async def test_what_a_plugin_raises_is_a_sentence(package: Any, error: Exception, kind: FailureKind, says: str) -> None:
    package.flowing.response = Flowing(["He"], error)
    events = await reply()
    assert events[0] == Delta("He")
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is kind
    assert says in events[-1].message


async def test_an_unknown_model_tells_where_models_come_from(package: Any) -> None:
    events = await reply("heron")
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is FailureKind.NOT_FOUND
    assert "llm models" in events[-1].message


async def test_a_plugin_that_breaks_the_list_is_told(package: Any) -> None:
    def broken() -> None:
        raise ImportError("a plugin is broken")

    package.get_models = broken
    with pytest.raises(ProviderError, match="a plugin is broken"):
        await LlmPackage().models()


async def test_without_a_name_the_packages_own_default_answers(package: Any) -> None:
    package.get_default_model = lambda: "walrus"
    assert (await reply(""))[0] == Delta("He")


async def test_its_models_reach_the_catalogue_and_answer_only_when_they_are_named(
    package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sterna.chat import build_catalog, needs_discovery
    from sterna.config import Settings
    from sterna.providers import Endpoint

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    catalog = build_catalog(Settings(), None, environ={})
    assert catalog.names() == ["llm", "guide"]
    assert catalog.default_ref() == "guide/guide"
    assert needs_discovery(catalog, "")
    assert not needs_discovery(catalog, "llm/pelican")
    catalog.add([Endpoint("home", "http://127.0.0.1:9/v1", models=("m",))])
    assert catalog.names() == ["home", "llm", "guide"]
    assert catalog.default_ref() == "home/m"
    assert [item.ref for item in await catalog.models()] == ["home/m", "llm/pelican", "llm/walrus", "guide/guide"]
    provider, model = catalog.resolve("llm/pelican")
    events = [event async for event in provider.stream(Request(model, ASK.messages))]
    assert events[:2] == [Delta("He"), Delta("llo")]
    await catalog.aclose()


async def test_a_reply_without_text_is_a_failure(package: Any) -> None:
    package.flowing.response = Flowing(["", " "])
    failed = (await reply())[-1]
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.EMPTY

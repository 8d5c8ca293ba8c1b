"""Models of the package ``llm`` and its plugins, if it is installed (``sterna[llm]``)."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

from .events import (
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    Model,
    ParametersOmitted,
    Provider,
    ProviderError,
    Reasoning,
    Request,
    Usage,
)
from .llm_tools import llm_messages, llm_tools, takes_tools, wanted
from .model_traits import Traits
from .request_body import without_tools
from .untrusted_text import quoted

NAME = "llm"


def llm_models() -> Provider | None:
    """Return the package as a provider, or ``None`` if it is not installed. The first request imports it, slowly."""
    return LlmPackage() if importlib.util.find_spec("llm") is not None else None


class LlmPackage:
    """Provider of the package's models, with its own keys and options."""

    def __init__(self) -> None:
        self.name = NAME

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the events of one reply."""
        has_text, calls = False, None
        try:
            response, has_tools = await asyncio.to_thread(_prompt, request)
            if request.tools and not has_tools:
                yield ParametersOmitted(("tools",))
            async with aclosing(_pieces(response)) as pieces:
                async for piece in pieces:
                    has_text = has_text or (isinstance(piece, Delta) and not piece.text.isspace())
                    yield piece
            usage = await _usage(response)
            calls = await wanted(response) if has_tools else None
        except Exception as error:  # noqa: BLE001 - plugins raise any exception of the packages that they use
            yield _failure(error, request.model)
            return
        if usage is not None:
            yield usage
        if calls is not None:
            yield calls
        elif not has_text:
            yield Failed(FailureKind.EMPTY, "The package llm sent an empty reply. Retry, or choose another model.")
            return
        yield Done("tool_calls" if calls is not None else "stop", model=f"{NAME}/{request.model}")

    async def models(self) -> list[Model]:
        """Return the models that ``llm models`` lists."""
        try:
            return await asyncio.to_thread(_models)
        except Exception as error:  # noqa: BLE001 - plugins are imported here, and may raise anything
            raise ProviderError(_failure(error, "")) from None

    async def aclose(self) -> None:
        """Do nothing: the package has its own connections."""


def _models() -> list[Model]:
    llm: Any = importlib.import_module("llm")
    models: dict[str, Any] = {}
    for model in (*llm.get_async_models(), *llm.get_models()):
        models.setdefault(model.model_id, model)
    return [Model(NAME, name, traits=Traits(input_modalities=_inputs(model))) for name, model in models.items()]


def _inputs(model: Any) -> tuple[str, ...]:
    """Return the kinds of input of a model, by the media types of attachments that it states."""
    types = getattr(model, "attachment_types", ())
    return ("text", "image") if any(str(each).startswith("image/") for each in types) else ("text",)


def _prompt(request: Request) -> tuple[Any, bool]:
    """Return the package's response, and whether the tools are offered.

    The request is sent when the first piece is read.
    """
    llm: Any = importlib.import_module("llm")
    name = request.model or llm.get_default_model()
    try:
        model = llm.get_async_model(name)
    except llm.UnknownModelError:
        model = llm.get_model(name)
    options: dict[str, Any] = {
        **request.parameters,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "reasoning_effort": request.reasoning_effort,
    }
    supported = getattr(getattr(model, "Options", None), "model_fields", {})
    options = {name: value for name, value in options.items() if value is not None and name in supported}
    has_tools = bool(request.tools) and takes_tools(llm, model)
    if has_tools:
        options["tools"] = llm_tools(llm, request.tools)
    else:
        request = without_tools(request)
    images = [
        [llm.Attachment(type=image.media_type, content=image.content) for image in message.images]
        for message in request.messages
    ]
    if not all(hasattr(llm, role) for role in ("user", "assistant", "system")):
        return model.prompt(**_context(request, [file for files in images for file in files]), **options), has_tools
    messages = list(llm_messages(llm, zip(request.messages, images, strict=True)))
    response = model.prompt(messages=messages, **options)
    prompt: Any = getattr(response, "prompt", None)
    if hasattr(prompt, "_prompt"):  # for plugins of before; given beside the messages it would be one more of them
        transcript = _context(request, [])
        prompt._prompt = "\n\n".join(transcript[part] for part in ("system", "prompt") if part in transcript)
        prompt.attachments = [file for files in images for file in files]
    return response, has_tools


def _context(request: Request, attached: list[Any]) -> dict[str, Any]:
    """Return the conversation as one prompt, a transcript, for a package and for plugins that know no messages."""
    system = "\n\n".join(message.content for message in request.messages if message.role == "system")
    turns = [message for message in without_tools(request).messages if message.role != "system"]
    if len(turns) == 1:
        prompt = turns[0].content
    else:
        prompt = "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in turns) + "\n\nAssistant:"
    context: dict[str, Any] = {"prompt": prompt} | ({"attachments": attached} if attached else {})
    return context | ({"system": system} if system else {})


async def _pieces(response: Any) -> AsyncGenerator[Delta | Reasoning, None]:
    """Yield the pieces of the reply; a model without an asynchronous interface runs in a thread.

    A package that knows events tells reasoning from text by them; an earlier one yields text.
    """
    if hasattr(response, "__aiter__"):
        source: AsyncIterator[Any] = aiter(
            response.astream_events() if hasattr(response, "astream_events") else response
        )
        async for item in source:
            if (piece := _piece(item)) is not None:
                yield piece
        return
    blocking: Iterator[Any] = iter(response.stream_events() if hasattr(response, "stream_events") else response)
    while (following := await asyncio.to_thread(next, blocking, None)) is not None:
        if (piece := _piece(following)) is not None:
            yield piece


def _piece(item: Any) -> Delta | Reasoning | None:
    kind, text = ("text", item) if isinstance(item, str) else (getattr(item, "type", ""), getattr(item, "chunk", ""))
    if not isinstance(text, str) or not text:
        return None
    return Delta(text) if kind == "text" else Reasoning(text) if kind == "reasoning" else None


async def _usage(response: Any) -> Usage | None:
    usage = response.usage()
    if hasattr(usage, "__await__"):
        usage = await usage
    sent, received = getattr(usage, "input", None), getattr(usage, "output", None)
    if not isinstance(sent, int) or not isinstance(received, int):
        return None
    return Usage(sent, received, sent + received)


def _failure(error: Exception, model: str) -> Failed:
    kind = type(error).__name__
    words = quoted(str(error), ())
    words = f": {words}" if words else ""
    if kind == "UnknownModelError":
        message = f"The package llm has no model “{model}”. “llm models” lists its models; a plugin may add more."
        return Failed(FailureKind.NOT_FOUND, message)
    if kind == "NeedsKeyException":
        return Failed(
            FailureKind.AUTH, f"The package llm has no key for “{model}”{words}. Set one with “llm keys set”."
        )
    message = f"The package llm failed ({kind}){words}. Try “llm -m {model or 'MODEL'} hello” in a terminal."
    return Failed(FailureKind.SERVER, message)

"""Every model that the package ``llm`` and its plugins know, when it is installed (``sterna[llm]``)."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from types import ModuleType
from typing import Any

from .events import Delta, Done, Event, Failed, FailureKind, Model, Provider, ProviderError, Request, Usage
from .foreign_text import quoted

NAME = "llm"


def llm_models() -> Provider | None:
    """The package as a provider, or ``None`` when it is not installed. Imported at the first request: that is slow."""
    return LlmPackage() if importlib.util.find_spec("llm") is not None else None


class LlmPackage:
    """See :func:`llm_models`. Keys and options are the package's own."""

    def __init__(self) -> None:
        self.name = NAME

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Events of one reply."""
        came = False
        try:
            response = await asyncio.to_thread(_asked, request)
            async with aclosing(_pieces(response)) as pieces:
                async for piece in pieces:
                    if piece:
                        came = came or not piece.isspace()
                        yield Delta(piece)
            counted = await _usage(response)
        except Exception as error:  # noqa: BLE001 - plugins raise whatever their services' packages raise
            yield _failure(error, request.model)
            return
        if counted is not None:
            yield counted
        if not came:
            said = "The package llm gave an empty reply. Retry, or choose another model."
            yield Failed(FailureKind.EMPTY, said)
            return
        yield Done(model=f"{NAME}/{request.model}")

    async def models(self) -> list[Model]:
        """What ``llm models`` lists."""
        try:
            return await asyncio.to_thread(_models)
        except Exception as error:  # noqa: BLE001 - plugins are imported here, and fail as they like
            raise ProviderError(_failure(error, "")) from None

    async def aclose(self) -> None:
        """Nothing to close."""


def _models() -> list[Model]:
    llm: Any = importlib.import_module("llm")
    ids = dict.fromkeys(one.model_id for one in [*llm.get_async_models(), *llm.get_models()])
    return [Model(NAME, model_id) for model_id in ids]


def _asked(request: Request) -> Any:
    """The package's response, which begins with its first piece."""
    llm: Any = importlib.import_module("llm")
    name = request.model or llm.get_default_model()
    try:
        model = llm.get_async_model(name)
    except llm.UnknownModelError:
        model = llm.get_model(name)
    options = {"temperature": request.temperature, "max_tokens": request.max_tokens}
    known = getattr(getattr(model, "Options", None), "model_fields", {})
    taken = {name: value for name, value in options.items() if value is not None and name in known}
    return model.prompt(**_context(llm, request), **taken)


def _context(llm: ModuleType, request: Request) -> dict[str, Any]:
    """The conversation as messages; for versions that know only one prompt, as a transcript in it."""
    if all(hasattr(llm, role) for role in ("user", "assistant", "system")):
        return {"messages": [getattr(llm, one.role)(one.content) for one in request.messages]}
    system = "\n\n".join(one.content for one in request.messages if one.role == "system")
    said = [one for one in request.messages if one.role != "system"]
    if len(said) == 1:
        prompt = said[0].content
    else:
        prompt = "\n\n".join(f"{one.role.capitalize()}: {one.content}" for one in said) + "\n\nAssistant:"
    return {"prompt": prompt} | ({"system": system} if system else {})


async def _pieces(response: Any) -> AsyncGenerator[str, None]:
    """The reply's pieces; a model that knows no other way than to block does it in a thread."""
    if hasattr(response, "__aiter__"):
        source: AsyncIterator[str] = aiter(response)
        async for piece in source:
            yield piece
        return
    blocking: Iterator[str] = iter(response)
    while (following := await asyncio.to_thread(next, blocking, None)) is not None:
        yield following


async def _usage(response: Any) -> Usage | None:
    counted = response.usage()
    if hasattr(counted, "__await__"):
        counted = await counted
    sent, came = getattr(counted, "input", None), getattr(counted, "output", None)
    if not isinstance(sent, int) or not isinstance(came, int):
        return None
    return Usage(sent, came, sent + came)


def _failure(error: Exception, model: str) -> Failed:
    kind = type(error).__name__
    said = quoted(str(error), ())
    said = f": {said}" if said else ""
    if kind == "UnknownModelError":
        message = (
            f"The package llm has no model “{model}”. “llm models” lists those that it has; a plugin may bring it."
        )
        return Failed(FailureKind.NOT_FOUND, message)
    if kind == "NeedsKeyException":
        return Failed(FailureKind.AUTH, f"The package llm has no key for “{model}”{said}. Set one with “llm keys set”.")
    message = f"The package llm could not answer ({kind}){said}. Try “llm -m {model or 'MODEL'} hello” in a terminal."
    return Failed(FailureKind.SERVER, message)

"""Sending of the request for one reply, and of what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sterna.providers import Catalog, Failed, FailureKind, ProviderError
from sterna.storage import NewTurn, StoreError, StoreThread

from . import costs
from .reply import Ending, Reply
from .reply_events import failed
from .result_messages import ResultMessages
from .tool_rounds import ToolRounds

if TYPE_CHECKING:
    from sterna.config import Settings

    from .requests import RequestOptions
    from .tools import ToolAccess


async def send_request(
    reply: Reply,
    begun: NewTurn,
    options: RequestOptions,
    *,
    store: StoreThread,
    catalog: Catalog,
    settings: Settings,
    tools: ToolAccess,
    monotonic: Callable[[], float],
) -> Failed | None:
    """Send the request of a turn and apply what comes to the reply; one that is too long is sent again with less.

    Return the failure of a request that did not reach its provider; the reply has not ended then.
    """
    try:
        if (refused := await costs.refusal(store, catalog, settings, options.ref)) is not None:
            reply.end(refused)
            return None
        offer = await tools.offered(options.tools, catalog.resolve(options.ref)[0])
        prepared = await options.prepare(store, catalog, begun, tools=offer.tools)
        reply.details |= prepared.details() | offer.details()
        rounds = ToolRounds(
            reply,
            tools,
            ResultMessages(catalog, options.ref),
            store=store,
            most=settings.tools.rounds,
            may_send=lambda: costs.refusal(store, catalog, settings, options.ref, costs.so_far(reply, catalog)),
            monotonic=monotonic,
        )
        may_shorten = prepared.included > 1

        def is_returned(failure: Failed) -> bool:
            return failure.unreached or (may_shorten and failure.kind is FailureKind.TOO_LONG)

        rejection = await rounds.receive(prepared.provider, prepared.request, returned=is_returned)
        if rejection is None or rejection.unreached:
            return rejection
        budget = prepared.reduced_budget(rejection)
        shorter = await options.prepare(store, catalog, begun, budget, tools=offer.tools)
        if shorter.size >= prepared.size:
            reply.end(failed(rejection))
            return None
        reply.details.pop("left_out", None)
        reply.details |= shorter.details()
        await rounds.receive(shorter.provider, shorter.request)
    except ProviderError as error:
        reply.end(failed(error.failure))
    except StoreError as error:
        reply.end(Ending("failed", str(error), metadata={"kind": "storage"}))
    return None

"""Request for one reply, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sterna.providers import Catalog, ProviderError
from sterna.storage import NewTurn, StoreError, StoreThread

from . import costs
from .reply import Ending, Reply
from .reply_events import failed, receive

if TYPE_CHECKING:
    from sterna.config import Settings

    from .requests import RequestOptions


async def answer(
    reply: Reply,
    begun: NewTurn,
    options: RequestOptions,
    *,
    store: StoreThread,
    catalog: Catalog,
    settings: Settings,
    monotonic: Callable[[], float],
) -> None:
    """Send the request of a turn and apply what comes to the reply; one that is too long is sent again with less."""
    try:
        if (refused := await costs.refusal(store, catalog, settings, options.ref)) is not None:
            reply.end(refused)
            return
        prepared = await options.prepare(store, catalog, begun)
        reply.details |= prepared.details()
        rejection = await receive(reply, prepared.provider, prepared.request, monotonic, may_shorten=prepared.count > 1)
        if rejection is None:
            return
        shorter = await options.prepare(store, catalog, begun, prepared.reduced_budget(rejection))
        if shorter.count >= prepared.count:
            reply.end(failed(rejection))
            return
        reply.details.pop("left_out", None)
        reply.details |= shorter.details()
        await receive(reply, shorter.provider, shorter.request, monotonic)
    except ProviderError as error:
        reply.end(failed(error.failure))
    except StoreError as error:
        reply.end(Ending("failed", str(error), metadata={"kind": "storage"}))

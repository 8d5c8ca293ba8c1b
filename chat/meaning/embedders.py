"""Choice of the embedder that the settings name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sterna.providers import Catalog, ProviderError
from sterna.providers.embedder import Embedder, EmbedderError
from sterna.providers.static_model import PACKAGE

FOLDERS = ("/", "~", ".")
"""Beginnings of a name that make it a folder."""


def is_remote(model: str) -> bool:
    """Return whether texts are sent to a provider for their vectors."""
    return model != PACKAGE and not model.startswith(FOLDERS)


async def open_embedder(model: str, catalog: Callable[[], Awaitable[Catalog | None]], *, gently: bool) -> Embedder:
    """Return the embedder of that name. Raises EmbedderError.

    ``catalog`` is called for a model of a provider only. ``gently``: a model on this computer works in a process of its
    own, at low priority.
    """
    if not is_remote(model):
        if gently:
            from sterna.providers.process_embedder import ProcessEmbedder

            return await ProcessEmbedder.start(model)
        from sterna.providers.local_embedder import LocalEmbedder

        return await LocalEmbedder.load(model)
    from sterna.providers.endpoint_embedder import EndpointEmbedder
    from sterna.providers.endpoint_provider import EndpointProvider

    providers = await catalog()
    if providers is None:
        raise EmbedderError("No provider is known yet.")
    try:
        provider, name = providers.resolve(model)
    except ProviderError as error:
        raise EmbedderError(str(error)) from None
    if not isinstance(provider, EndpointProvider) or not name:
        raise EmbedderError(
            f"“{model}” cannot make vectors. Set meaning.model to package, to a folder, or to an embedding model of a "
            "provider as provider/model."
        )
    return EndpointEmbedder(provider, name)

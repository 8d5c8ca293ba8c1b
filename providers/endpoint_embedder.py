"""Embedder of a provider: ``/embeddings`` as OpenAI has it. What comes back is checked before it is believed."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from math import isfinite, sqrt
from typing import Any

from .embedder import EmbedderError
from .endpoint_provider import EndpointProvider
from .events import ProviderError

LONGEST_VECTOR = 4_096
LONGEST_TEXT = 8_000
"""Characters of one text that are sent."""


class EndpointEmbedder:
    """Embedding model of a provider. All vectors have as many numbers as the first."""

    is_remote = True

    def __init__(self, provider: EndpointProvider, model: str) -> None:
        self.key = f"{provider.name}/{model} {provider.endpoint.shown}"
        self._provider = provider
        self._model = model
        self._size = 0

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a unit vector for each text. Raises EmbedderError."""
        try:
            payload = await self._provider.embeddings(self._model, [text[:LONGEST_TEXT] for text in texts])
        except ProviderError as error:
            raise EmbedderError(str(error), wait=error.failure.retry_after) from None
        vectors = self._vectors(payload, len(texts))
        sizes = {len(vector) for vector in vectors} | ({self._size} - {0})
        if len(sizes) != 1:
            raise self._wrong("vectors of different lengths")
        self._size = sizes.pop()
        return [_unit(vector) for vector in vectors]

    async def aclose(self) -> None:
        """Close nothing: the connections are the provider's."""

    def _vectors(self, payload: object, count: int) -> list[list[float]]:
        data = payload.get("data") if isinstance(payload, Mapping) else None
        if not isinstance(data, list) or not all(isinstance(item, Mapping) for item in data):
            raise self._wrong("something that is not a list of vectors")
        if len(data) != count:
            raise self._wrong(f"{len(data)} vectors for {count} texts")
        places = [item.get("index", number) for number, item in enumerate(data)]
        if any(type(place) is not int for place in places) or sorted(places) != list(range(count)):
            raise self._wrong("vectors that cannot be told from each other")
        ordered: list[Any] = [None] * count
        for place, item in zip(places, data, strict=True):
            ordered[place] = item.get("embedding")
        for vector in ordered:
            if not isinstance(vector, list) or not 1 <= len(vector) <= LONGEST_VECTOR:
                raise self._wrong(f"something that is not a vector of up to {LONGEST_VECTOR} numbers")
            if not all(map(_is_number, vector)):
                raise self._wrong("a vector with something that is not a number")
            if not any(vector):
                raise self._wrong("a vector of zeros")
        return ordered

    def _wrong(self, what: str) -> EmbedderError:
        return EmbedderError(
            f"{self._provider.endpoint.title} sent {what}. Check that {self._model} is an embedding model."
        )


def _is_number(value: object) -> bool:
    try:
        return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def _unit(vector: Sequence[float]) -> bytes:
    largest = max(map(abs, vector))
    scaled = [number / largest for number in vector]
    length = sqrt(sum(number * number for number in scaled))
    return array("f", (number / length for number in scaled)).tobytes()

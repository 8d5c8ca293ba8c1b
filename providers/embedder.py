"""What makes vectors of texts: texts of similar meaning get vectors that are near each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class EmbedderError(Exception):
    """No vectors can be made; the text is a sentence for the user."""

    def __init__(self, sentence: str, *, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait
        """Seconds after which the provider wants to be asked again."""


class Embedder(Protocol):
    """A model that is ready."""

    @property
    def key(self) -> str:
        """What tells its vectors from those of others. With another key, all are made anew."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether texts are sent to a provider."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a unit vector for each text, as float32 numbers; empty where there is none. Raises EmbedderError."""
        ...

    async def aclose(self) -> None:
        """Let go of threads and connections."""
        ...

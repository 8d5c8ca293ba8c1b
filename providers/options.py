"""Options of requests to an endpoint, or to one of its models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Options(NamedTuple):
    """Additions to a request, and parameters left out of it."""

    parameters: Mapping[str, Any] = MappingProxyType({})
    """Default parameters, such as ``top_p``: a conversation's own and the general settings take precedence."""
    omit: tuple[str, ...] = ()
    """Parameters that are never sent."""
    extra_body: Mapping[str, Any] = MappingProxyType({})
    """Values added unchanged to the body; they take precedence over everything else."""
    headers: Mapping[str, str] = MappingProxyType({})
    stream: bool | None = None
    """False: the reply is received whole."""
    context_length: int | None = None
    images: bool | None = None
    """Images can be attached; None: as the list of models says."""
    image_size: int | None = None
    """Most pixels of an attached image, in width and height."""

    def __repr__(self) -> str:
        """Leave out what may contain a secret."""
        return f"Options(omit={self.omit!r}, stream={self.stream!r}, images={self.images!r})"

    def over(self, other: Options) -> Options:
        """Return these options, with those of ``other`` where these have none."""
        return Options(
            parameters={**other.parameters, **self.parameters},
            omit=(*other.omit, *self.omit),
            extra_body=deep_merged(other.extra_body, self.extra_body),
            headers={**other.headers, **self.headers},
            stream=self.stream if self.stream is not None else other.stream,
            context_length=self.context_length or other.context_length,
            images=self.images if self.images is not None else other.images,
            image_size=self.image_size or other.image_size,
        )


def deep_merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` updated with ``override``; nested mappings are merged too."""
    merged = dict(base)
    for name, value in override.items():
        old = merged.get(name)
        merged[name] = deep_merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged

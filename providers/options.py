"""Settings of requests to one endpoint, or to one of its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """What is added to a request, or left out of it."""

    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Sent where neither the conversation nor the person's general settings say anything, as ``top_p = 0.9``."""
    omit: tuple[str, ...] = ()
    """Parameters that are never sent."""
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Put into the request as it is, over all else."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stream: bool | None = None
    """False: the reply comes in one piece."""
    context_length: int | None = None

    def over(self, other: Options) -> Options:
        """Return these, and the ``other`` ones where these say nothing."""
        return Options(
            parameters={**other.parameters, **self.parameters},
            omit=(*other.omit, *self.omit),
            extra_body=deep_merged(other.extra_body, self.extra_body),
            headers={**other.headers, **self.headers},
            stream=self.stream if self.stream is not None else other.stream,
            context_length=self.context_length or other.context_length,
        )


def deep_merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings as one; where both have a mapping, these too are merged."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        found[name] = deep_merged(under, value) if both and under is not None else value
    return found

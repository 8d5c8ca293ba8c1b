"""Settings of requests to one model of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """Additions to a request, and parameters left out of it; each is explained in :data:`config.SETTINGS`."""

    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    omit: tuple[str, ...] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stream: bool | None = None
    context_length: int | None = None
    images: bool | None = None
    image_size: int | None = None

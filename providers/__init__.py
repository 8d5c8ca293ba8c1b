"""Where replies come from: endpoints, the models they offer, and one stream of events per reply.

Nothing here loads httpx: it costs more than the first frame and is imported when a request is made.
"""

from __future__ import annotations

from .catalog import Catalog
from .discovery import discover
from .endpoint import Endpoint, EndpointLike, Timeouts, endpoints_from
from .events import (
    ChatMessage,
    Citation,
    Citations,
    Delta,
    Done,
    Event,
    Failed,
    FailureKind,
    Model,
    Moved,
    Provider,
    ProviderError,
    Reasoning,
    Request,
    Usage,
    Without,
)
from .guide import HistoryError, HistoryHit, guide

__all__ = [
    "Catalog",
    "ChatMessage",
    "Citation",
    "Citations",
    "Delta",
    "Done",
    "Endpoint",
    "EndpointLike",
    "Event",
    "Failed",
    "FailureKind",
    "HistoryError",
    "HistoryHit",
    "Model",
    "Moved",
    "Provider",
    "ProviderError",
    "Reasoning",
    "Request",
    "Timeouts",
    "Usage",
    "Without",
    "discover",
    "endpoints_from",
    "guide",
]

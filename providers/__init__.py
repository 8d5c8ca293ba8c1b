"""Model providers: endpoints, their models, and one stream of events per reply.

Here are OpenAI-compatible endpoints, the relay of a Sterna server, the optional ``llm`` package and the built-in guide,
behind the protocol :class:`Provider`; and the errors of all of them as sentences. It may import ``net`` only. What a
provider needs beside that, such as a search of the history or an access token, is passed in as a callable. httpx is
imported when a request is made: it costs more than the first frame.
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
    ImagePart,
    Model,
    ParametersOmitted,
    Provider,
    ProviderError,
    Reasoning,
    Reclassified,
    Request,
    Usage,
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
    "ImagePart",
    "Model",
    "ParametersOmitted",
    "Provider",
    "ProviderError",
    "Reasoning",
    "Reclassified",
    "Request",
    "Timeouts",
    "Usage",
    "discover",
    "endpoints_from",
    "guide",
]

"""Interface of providers: a request in, a stream of events out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from .model_traits import Traits


@dataclass(frozen=True, slots=True)
class ImagePart:
    """Image of a message."""

    media_type: str
    """``image/png`` or ``image/jpeg``."""
    content: bytes = field(repr=False)


class Tool(NamedTuple):
    """Tool that a request offers to the model."""

    name: str
    """At most 64 letters, digits, ``_`` and ``-``: no vendor takes others."""
    description: str
    parameters: Mapping[str, Any]
    """JSON schema of an object, its arguments."""


class ToolRequest(NamedTuple):
    """Call of a tool that the model asks for."""

    id: str
    name: str
    arguments: str
    """JSON text as it was received, which may be invalid."""
    opaque: Any = None
    """What the protocol wants back with the call."""


class ChatMessage(NamedTuple):
    """Message of a request."""

    role: Literal["user", "assistant", "system", "tool"]
    """``tool``: the result of one call."""
    content: str
    images: tuple[ImagePart, ...] = ()
    """Images that follow the text."""
    tool_requests: tuple[ToolRequest, ...] = ()
    """Calls that the assistant asked for after its text."""
    tool_id: str = ""
    """Id of the call whose result this is."""
    opaque: Any = None
    """What the protocol wants back within the same turn: see :class:`ToolRequests`."""


class Request(NamedTuple):
    """Request for a reply."""

    model: str
    """Id of the model at the provider, without the provider's name."""
    messages: tuple[ChatMessage, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    parameters: Mapping[str, Any] = MappingProxyType({})
    """Further parameters under the provider's names, such as ``top_p``."""
    schema: Mapping[str, Any] | None = None
    """JSON schema that the reply has to follow; None for free text."""
    request_id: str | None = None
    """Id of the user message to reply to."""
    tools: tuple[Tool, ...] = ()
    """Tools that the model may ask to call."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Next piece of the reply."""

    text: str
    settled: bool = field(default=True, compare=False)
    """False while a later tag may still turn the text so far into reasoning."""


class Reasoning(NamedTuple):
    """Next piece of the model's reasoning."""

    text: str


class Reclassified(NamedTuple):
    """Everything received so far belongs to ``to``: the tag that separates reasoning from content came late."""

    to: Literal["reasoning", "content"]


class Usage(NamedTuple):
    """Token counts as the provider reports them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    """Input tokens that the provider had cached."""
    reasoning_tokens: int | None = None
    """Output tokens used for reasoning."""
    cost: float | None = None
    """Cost in the provider's currency, if it states it."""

    def plus(self, other: Usage) -> Usage:
        """Return the sum of two requests. It has no cost if only one of them states it."""
        counts = ((self.cached_tokens, other.cached_tokens), (self.reasoning_tokens, other.reasoning_tokens))
        cached, reasoning = (None if a is b is None else (a or 0) + (b or 0) for a, b in counts)
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            cached,
            reasoning,
            cost,
        )


class Citation(NamedTuple):
    """Source named by the provider."""

    url: str
    title: str = ""
    places: tuple[int, ...] = ()
    """Positions in the text of the response behind which it is cited, as far as the provider says so."""


class Citations(NamedTuple):
    """Sources of the reply, in their order."""

    sources: tuple[Citation, ...]


class ToolRequests(NamedTuple):
    """Calls of tools that the model waits for; they come before ``Done``, and only where the request offered tools."""

    calls: tuple[ToolRequest, ...]
    opaque: Any = None
    """Signatures and encrypted reasoning, which the protocol wants back with the results."""


class HistoryQuote(NamedTuple):
    """Message of the user's history that a reply quotes."""

    session_id: str
    message_id: str
    title: str = ""
    """Title of the conversation."""
    at: str = ""


class HistoryQuotes(NamedTuple):
    """Messages that the reply quotes, in the order of its numbers."""

    quotes: tuple[HistoryQuote, ...]


class ParametersOmitted(NamedTuple):
    """The model rejected these parameters, so the request was sent without them."""

    parameters: tuple[str, ...]


class Waiting(NamedTuple):
    """The provider refused the request for now; it is repeated after a wait."""

    seconds: float
    reason: str
    """Sentence of the refusal."""


class Done(NamedTuple):
    """The reply is complete."""

    finish_reason: str = "stop"
    """``stop``, ``length``, ``content_filter``, ``tool_calls``, or the provider's own value."""
    completion_id: str | None = None
    model: str | None = None
    """Model that replied, if the provider states it."""


class FailureKind(StrEnum):
    """Reason for a missing or incomplete reply."""

    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    TIMEOUT = "timeout"
    NETWORK = "network"
    AUTH = "auth"
    PAYMENT = "payment"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_LONG = "too_long"
    RATE_LIMIT = "rate_limit"
    BAD_REQUEST = "bad_request"
    SERVER = "server"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    UNCONFIGURED = "unconfigured"
    EMPTY = "empty"
    """The reply is complete and has no text."""
    PARAMETER = "parameter"
    """A parameter of the request was rejected."""


class Failed(NamedTuple):
    """The reply ended in an error."""

    kind: FailureKind
    message: str
    """Sentence for the user that says what to do. It never contains a key."""
    retry_after: float | None = None
    """Seconds to wait, if the provider states them."""
    limit: int | None = None
    """Context length of the model, if the error states it."""
    tokens: int | None = None
    """Tokens of the rejected request, if the error states them."""
    unreached: bool = False
    """True if no connection to the provider was made: the request did not arrive, and may be sent again later."""


Event = (
    Delta
    | Reasoning
    | Reclassified
    | Usage
    | Citations
    | HistoryQuotes
    | ToolRequests
    | ParametersOmitted
    | Waiting
    | Done
    | Failed
)


class ProviderError(Exception):
    """A request failed outside a reply; ``failure`` describes it."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Model:
    """Model of a provider."""

    endpoint: str
    """Name of the provider."""
    id: str
    """Id at the provider."""
    name: str = ""
    context_length: int | None = None
    tier: str = ""
    """Lowest tier that may use it, for servers with tiers."""
    allowed: bool = True
    """True if the user's tier may use it."""
    limits: str = ""
    """Quota in words; empty without one."""
    traits: Traits = field(default_factory=Traits, compare=False, repr=False)
    """Further properties that the list states."""

    @property
    def ref(self) -> str:
        """Reference ``provider/id``, split at the first slash."""
        return f"{self.endpoint}/{self.id}"


class Provider(Protocol):
    """Source of replies: an endpoint, the server's relay, the package llm, the built-in guide."""

    name: str
    """``[a-z0-9][a-z0-9_-]*``."""

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Yield the events of one reply. The last is ``Done`` or ``Failed``; only ``CancelledError`` is ever raised."""
        ...

    async def models(self) -> list[Model]:
        """Return the models that it offers. Raises :class:`ProviderError`."""
        ...

    async def aclose(self) -> None:
        """Close connections. Safe to call twice."""
        ...

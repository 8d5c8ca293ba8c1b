"""The language between a conversation and whatever answers it: one request in, a stream of events out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from .model_traits import Traits


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the context that is sent."""

    role: Literal["user", "assistant", "system"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model."""

    model: str
    """The provider's own id, without the endpoint's name."""
    messages: tuple[ChatMessage, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    request_id: str | None = None
    """The id of the user message that is answered."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the reply."""

    text: str
    settled: bool = field(default=True, compare=False)
    """False while a tag may still come that makes the text so far reasoning."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The next piece of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Moved:
    """All that came so far of the other kind belongs to this one: a tag that tells them apart came late."""

    to: Literal["reasoning", "content"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reports them."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    """Of the input, those that the provider had kept."""
    reasoning_tokens: int | None = None
    """Of the output."""
    cost: float | None = None
    """In the provider's currency, where it says."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the provider names."""

    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Citations:
    """Sources of the reply, in its order."""

    sources: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """The model refused these parameters, so it was asked without them."""

    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The reply is complete."""

    finish_reason: str = "stop"
    """``stop``, ``length``, ``content_filter``, ``tool_calls``, or the provider's own word."""
    completion_id: str | None = None
    model: str | None = None
    """The model that really answered, when the provider says so."""


class FailureKind(StrEnum):
    """Why there is no (whole) reply."""

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
    """The reply ended as replies do, and has no text."""
    PARAMETER = "parameter"
    """A setting of the request is not taken."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The reply ended in an error."""

    kind: FailureKind
    message: str
    """A sentence for a person that says what to do. Never holds a key."""
    retry_after: float | None = None
    """Seconds to wait, when the provider says."""
    limit: int | None = None
    """Tokens that the model takes, when a refusal for length says so."""
    tokens: int | None = None
    """Tokens that the refused request had, when the refusal says so."""


Event = Delta | Reasoning | Moved | Usage | Citations | Without | Done | Failed


class ProviderError(Exception):
    """A request outside a reply failed; ``failure`` says how."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can be asked."""

    endpoint: str
    """The name of the endpoint that has it."""
    id: str
    """The provider's own id."""
    name: str = ""
    context_length: int | None = None
    tier: str = ""
    """The lowest tier that may ask it, where a server has tiers."""
    allowed: bool = True
    """Whether the person's tier may."""
    limits: str = ""
    """How often it may be asked, in words; empty where nothing says."""
    traits: Traits = field(default_factory=Traits, compare=False, repr=False)
    """What the list states beside."""

    @property
    def ref(self) -> str:
        """How a person names it: ``endpoint/id``, split at the first slash."""
        return f"{self.endpoint}/{self.id}"


class Provider(Protocol):
    """One back end."""

    name: str
    """The endpoint's name: ``[a-z0-9][a-z0-9_-]*``."""

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """Events of one reply. The last is ``Done`` or ``Failed``; nothing but ``CancelledError`` is ever raised."""
        ...

    async def models(self) -> list[Model]:
        """The models it offers. Raises :class:`ProviderError`."""
        ...

    async def aclose(self) -> None:
        """Close connections. Safe to call twice."""
        ...

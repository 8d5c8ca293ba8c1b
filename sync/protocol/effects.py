"""Effects of a protocol: requests, transactions, the time, progress. A protocol is a generator that yields them.

So the same code runs in the program, over a network and a thread, and in the simulator, over neither, where a crash can
come between any two effects. ``result = yield from Transaction(SyncMetadata.state)`` executes an effect; its type is
that of the method named.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Reason = Literal["network", "timeout", "tls"]


class Executable(Generic[R]):
    """Base of all effects; ``R`` is the type of the result."""

    __slots__ = ()

    def __iter__(self) -> Generator[Effect, Any, R]:
        """Yield the effect itself to the runner, and return its result."""
        result: R = yield self  # type: ignore[misc]  # every subclass is a member of Effect
        return result


@dataclass(frozen=True, slots=True)
class Response:
    """Response to a request, from whatever answered it."""

    status: int
    headers: Mapping[str, str]
    """Values by names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Request(Executable[Response]):
    """HTTP request to the account's server. Raises :class:`Unreachable` without a response."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wait: float = 0.0
    """Seconds for which the server may hold the request on purpose."""
    largest: int = 0
    """Most bytes of the decompressed response, where it may be larger than those of the protocol."""


@dataclass(frozen=True, slots=True)
class Prefetch(Executable[None]):
    """Permission to send ``request`` already: it most likely comes next."""

    request: Request


@dataclass(frozen=True, slots=True, init=False)
class Transaction(Executable[R]):
    """One transaction: a method of one of the store's topics, with its arguments. Raises what the method raises."""

    method: Callable[..., R]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __init__(self, method: Callable[Concatenate[T, P], R], /, *args: P.args, **kwargs: P.kwargs) -> None:
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "kwargs", kwargs)


@dataclass(frozen=True, slots=True)
class CurrentTime(Executable[int]):
    """Time of the device's clock, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class CrashPoint(Executable[None]):
    """Named point at which tests end the process; otherwise without effect."""

    name: str


@dataclass(frozen=True, slots=True)
class Progress(Executable[None]):
    """Report of how far the exchange has come."""

    pushed: int = 0
    """Items that the server has acknowledged or refused."""
    fetched: int = 0
    """Items that were fetched, where they are counted instead of numbered."""
    left: int = 0
    """Items that are known to follow them."""
    position: int | None = None
    """Number up to which the feed is stored here, where it is numbered."""
    head: int | None = None
    """Number of the newest row of the feed."""


@dataclass(frozen=True, slots=True)
class FileProgress(Executable[None]):
    """Report of how far the exchange of attached files has come, in bytes; a total of 0 ends it."""

    done: int
    total: int


Effect: TypeAlias = Request | Prefetch | Transaction[Any] | CurrentTime | CrashPoint | Progress | FileProgress
Effects: TypeAlias = Generator[Effect, Any, T]
"""Generator of effects that returns a ``T``."""


class Unreachable(Exception):
    """Request without a response."""

    def __init__(self, reason: Reason, sentence: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.sentence = sentence
        """Sentence for the user, where more is known than the reason. Clean."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Cause that ended a cycle early."""

    phase: Literal["off", "offline", "portal", "signin", "update", "paused", "blocked"]
    sentence: str
    wait_ms: int | None = None
    """Delay before the next try; None: the user has to act first."""


@dataclass(frozen=True, slots=True)
class CycleResult:
    """Result of one cycle."""

    pushed: int = 0
    """Items that the server has accepted."""
    pulled: int = 0
    """Rows that were fetched."""
    complete: bool = False
    """Both ends have everything."""
    problem: Problem | None = None

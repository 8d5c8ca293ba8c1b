"""What a protocol asks of whoever drives it: requests, transactions, the time. A protocol is a generator of these.

So the same code runs in the program, over a network and a thread, and in the simulator, over neither, where a crash
can come between any two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["network", "timeout", "tls"]


@dataclass(frozen=True, slots=True)
class Http:
    """One request to the account's server; answered with an :class:`Answer`, or :class:`Unreachable` is thrown in."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wait: float = 0.0
    """Seconds that the server may take on purpose, before it has something to tell."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A request that most likely comes next: it may be sent already, and its answer kept until it is asked for."""

    request: Http


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whoever it came from."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class Unreachable(Exception):
    """No answer came."""

    def __init__(self, reason: Reason, sentence: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.sentence = sentence
        """For a person, where more is known than the reason. Clean."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a transaction moves on, for who shows how far the exchange has come."""

    pushed: int = 0
    """Things that the server has answered for."""
    fetched: int = 0
    """Things that came, where they are counted and not numbered."""
    left: int = 0
    """Things that are known to come after them."""
    position: int | None = None
    """Number up to which the feed is here, where it is numbered."""
    head: int | None = None
    """Number of the newest thing of the feed."""


@dataclass(frozen=True, slots=True)
class Tx:
    """One transaction: ``method(store, *args, **kwargs)``. What it returns, or raises, comes back."""

    method: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    """What it moves on, unless it returns False."""


@dataclass(frozen=True, slots=True)
class Now:
    """The device's clock, in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place where a crash may come; nothing is to be done."""

    name: str


Step = Http | Ahead | Tx | Now | Point


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a cycle did not come to its end, for a person and for the clock."""

    phase: Literal["off", "offline", "portal", "signin", "update", "paused", "blocked"]
    sentence: str
    wait_ms: int | None = None
    """Until the next try; None: not before somebody does something."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle did."""

    pushed: int = 0
    """Things that the server has now."""
    pulled: int = 0
    """Rows that came from it."""
    complete: bool = False
    """Everything that was here is there, and everything that was there is here."""
    problem: Problem | None = None

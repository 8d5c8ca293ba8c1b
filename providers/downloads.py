"""Downloads of models to a server that fetches them itself, such as Ollama (``POST /api/pull``).

The server names the layers of a model one after another, each with its size and how much of it is there. It keeps what
it has when a download ends early, and goes on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from sterna.net import TooLarge, Unreadable, iter_body, parse_json, read_start

from .error_payloads import error_of, message_of
from .events import Failed, FailureKind, ProviderError
from .network_errors import network_failure
from .untrusted_text import quoted, single_line

if TYPE_CHECKING:
    import httpx

    from .endpoint import Timeouts
    from .failures import FailureReporter

MAX_BYTES = 256 * 1024 * 1024
"""Most bytes of the lines about one download."""
MAX_LINE = 64 * 1024
MAX_LAYERS = 10_000
SILENCE = 900.0
"""Seconds without a line after which a download counts as lost: a large layer is checked without one."""
RATE_SECONDS = 5.0
"""Seconds over which the rate is measured."""


class Progress(NamedTuple):
    """How far a download is, over all layers that are known so far."""

    status: str
    """What the server does, in its words."""
    completed: int = 0
    """Bytes that are there."""
    total: int = 0
    """Bytes of the layers that are known; 0 while none is."""
    rate: float | None = None
    """Bytes a second, once that is known."""

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time that the known layers take."""
        return (self.total - self.completed) / self.rate if self.rate else None


class Meter:
    """Sum of the layers of one download. What was there before it began does not count for its rate."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}
        self._before = 0
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, line: Mapping[str, Any], now: float) -> Progress:
        """Return how far the download is after a line of the server, at a time of the monotonic clock."""
        status, digest = single_line(str(line.get("status") or ""))[:200], line.get("digest")
        total, completed = _size(line.get("total")), _size(line.get("completed"))
        if isinstance(digest, str) and total and (digest in self._layers or len(self._layers) < MAX_LAYERS):
            completed = min(completed, total)
            if digest not in self._layers:
                self._before += completed
            self._layers[digest] = (max(completed, self._layers.get(digest, (0, 0))[0]), total)
        done = sum(layer[0] for layer in self._layers.values())
        return Progress(status, done, sum(layer[1] for layer in self._layers.values()), self._rate(done, now))

    def _rate(self, done: int, now: float) -> float | None:
        came = done - self._before
        self._samples.append((now, came))
        while len(self._samples) > 2 and self._samples[1][0] <= now - RATE_SECONDS:
            self._samples.popleft()
        (begin, first), seconds = self._samples[0], now - self._samples[0][0]
        return (came - first) / seconds if seconds >= 1 and came > first and now > begin else None


async def pull_model(
    client: httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    model: str,
    *,
    reporter: FailureReporter,
    timeouts: Timeouts,
    monotonic: Callable[[], float] = monotonic,
) -> AsyncGenerator[Progress, None]:
    """Yield how far a download is, each time the server says so. Raises ProviderError unless it is complete."""
    import httpx

    limits = httpx.Timeout(timeouts.write, connect=timeouts.connect, read=SILENCE)
    body = {"model": model, "stream": True}
    try:
        request = client.build_request("POST", url, headers=headers, json=body, timeout=limits)
        response = await client.send(request, stream=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProviderError(network_failure(error, reporter, timeouts)) from None
    try:
        async with aclosing(_lines(response, reporter, model)) as lines:
            meter = Meter()
            async for line in lines:
                yield meter.add(line, monotonic())
    finally:
        await response.aclose()


async def _lines(
    response: httpx.Response, reporter: FailureReporter, model: str
) -> AsyncGenerator[Mapping[str, Any], None]:
    import httpx

    if not 200 <= response.status_code < 300:
        body = await read_start(response, MAX_LINE)
        try:
            payload = parse_json(body)
        except ValueError:
            payload = None
        if isinstance(payload, Mapping) and payload.get("error"):
            raise ProviderError(_refusal(payload, reporter, model))
        raise ProviderError(reporter.status(response.status_code, response.headers, body))
    is_complete = False
    try:
        async with aclosing(_split(iter_body(response, MAX_BYTES))) as lines:
            async for line in lines:
                payload = _object(line, reporter)
                if payload.get("error"):
                    raise ProviderError(_refusal(payload, reporter, model))
                is_complete = payload.get("status") == "success"
                yield payload
    except (httpx.HTTPError, OSError):
        is_complete = False
    except (TooLarge, Unreadable):
        raise ProviderError(_no_progress(b"lines without end", reporter)) from None
    if not is_complete:
        name = single_line(model)[:100]
        advice = "Start it again: it continues where it stopped."
        raise ProviderError(Failed(FailureKind.TRUNCATED, f"The download of {name} broke off. {advice}"))


async def _split(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a body. Raises TooLarge for one without end."""
    rest = b""
    async with aclosing(pieces):
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > MAX_LINE:
                raise TooLarge
            for line in filter(bytes.strip, lines):
                yield line
    if rest.strip():
        yield rest


def _object(line: bytes, reporter: FailureReporter) -> Mapping[str, Any]:
    try:
        payload = parse_json(line)
    except ValueError:
        payload = None
    if not isinstance(payload, Mapping):
        raise ProviderError(_no_progress(line, reporter))
    return payload


def _no_progress(line: bytes, reporter: FailureReporter) -> Failed:
    words = quoted(line.decode("utf-8", "replace"), reporter.secrets, 80)
    message = f"{reporter.title} sent something that is not about a download: {words}. Check {reporter.setting}."
    return Failed(FailureKind.MALFORMED, message)


def _refusal(payload: Mapping[str, Any], reporter: FailureReporter, model: str) -> Failed:
    """Return the failure for an error of the server, in plain words where it is a usual one."""
    words = message_of(error_of(payload)) or str(payload.get("error"))
    lowered, name = words.lower(), single_line(model)[:100]
    if "file does not exist" in lowered or "not found" in lowered or "invalid model name" in lowered:
        message = f"{reporter.title} finds no model named “{name}” to download. Check its name at ollama.com/library."
        return Failed(FailureKind.NOT_FOUND, message)
    if "no space left" in lowered or ("disk" in lowered and "full" in lowered):
        message = f"The disk of {reporter.title} is full. Make room there, then download again: it continues."
        return Failed(FailureKind.SERVER, message)
    if "newer version" in lowered:
        message = f"{reporter.title} is too old for “{name}”. Update it, then download again."
        return Failed(FailureKind.SERVER, message)
    if any(sign in lowered for sign in ("no such host", "dial tcp", "connection refused", "timeout", "tls handshake")):
        message = f"{reporter.title} cannot reach the library of models. Check its network, then download again."
        return Failed(FailureKind.NETWORK, message)
    said = quoted(words, reporter.secrets, 200)
    return Failed(FailureKind.SERVER, f"{reporter.title} could not download “{name}”: {said}")


def _size(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60 else 0

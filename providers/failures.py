"""Every way in which an endpoint can fail, as a sentence that says what to do.

Here is what came in place of an answer: a status, an error object, a page, half a stream. The words of errors are
sorted in ``classify``; what kept the request from arriving is in ``reaching``. No sentence ever holds a key, though
servers do echo them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sterna.net import parse_json

from . import context_length_errors, retry_after
from .endpoint import Endpoint
from .error_kinds import Refusal
from .events import Failed, FailureKind
from .foreign_text import plain, quoted, redact

if TYPE_CHECKING:
    from .response_chunks import Reading


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the failures of one request."""

    endpoint: Endpoint
    model: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    proxy: str = ""
    """The proxy on the way, for sentences."""

    @property
    def title(self) -> str:
        """What the endpoint is called; its settings may hold anything."""
        return redact(plain(self.endpoint.title), self.secrets)

    @property
    def model_shown(self) -> str:
        """The model's id, for sentences."""
        return redact(plain(self.model), self.secrets)[:120]

    @property
    def host(self) -> str:
        """Where it is."""
        return redact(plain(self.endpoint.host), self.secrets)

    @property
    def setting(self) -> str:
        """Where a person corrects its address."""
        return self.endpoint.url_hint or f"the url of “{self.endpoint.name}” in config.toml"

    def status(self, code: int, headers: Mapping[str, str], body: bytes) -> Failed:
        """An answer that is not 200."""
        if 300 <= code < 400:
            return self._moved(headers.get("location", ""))
        text = body.decode("utf-8", "replace")
        payload = _json(text)
        page = payload is None and looks_like_html(text, headers.get("content-type", ""))
        if page and code < 500 and code not in (401, 403, 413, 429):
            return self.page(code)
        said = "" if page else text
        return self._classified(code, error_of(payload) if payload is not None else {"message": said}, headers)

    def error(self, payload: Mapping[str, Any]) -> Failed:
        """An error object in the stream or in an answer of status 200."""
        error = error_of(payload)
        code = next(filter(None, map(_status, map(error.get, ("code", "status", "status_code")))), 0)
        return self._classified(code, error, {})

    def page(self, code: int = 200) -> Failed:
        """A web page instead of an answer."""
        if code == 404:
            return self.no_path()
        return Failed(
            FailureKind.MALFORMED,
            f"{self.host} sent a web page instead of a reply. If this network asks you to sign in, do that in a "
            f"browser; else check {self.setting}: it usually ends in /v1.",
        )

    def malformed(self, text: str) -> Failed:
        """Something that is no chat answer."""
        words = quoted(text, self.secrets, 80)
        return Failed(
            FailureKind.MALFORMED,
            f"{self.title} sent something that is not a chat reply{': ' + words if words else ''}. Retry; if it stays "
            f"so, check {self.setting}.",
        )

    def truncated(self, began: bool) -> Failed:
        """A stream that ends before it says so."""
        if not began:
            return Failed(
                FailureKind.TRUNCATED, f"{self.title} ended the connection before a reply came. Retry in a moment."
            )
        return Failed(
            FailureKind.TRUNCATED,
            f"The reply broke off: {self.title} ended the connection early. What came is kept; retry to ask again.",
        )

    def endless(self, began: bool) -> Failed:
        """An answer, an event or a reply beyond all measure."""
        kept = " What came is kept." if began else ""
        return Failed(
            FailureKind.MALFORMED,
            f"{self.title} sent more than a reply can be, so Sterna stopped reading.{kept} Check {self.setting}, or "
            "choose another model.",
        )

    def filtered(self) -> Failed:
        """No answer, because a filter withheld it."""
        return Failed(
            FailureKind.BAD_REQUEST,
            f"{self.title} withheld the reply: its content filter objects. Say it in other words, or choose another "
            "model.",
        )

    def empty(self, reading: Reading) -> Failed:
        """A reply that ended without a word of an answer."""
        what, advice = _empty(reading)
        names = ", ".join(redact(plain(name), self.secrets)[:60] for name in reading.tools[:3])
        what = what.replace("TOOLS", f"the tool “{names}”" if names else "a tool")
        return Failed(FailureKind.EMPTY, f"{self.title} {what}. {advice}")

    def unusable(self, reason: str) -> Failed:
        """Settings with which no request can be made."""
        reason = plain(reason).rstrip(".")
        message = f"“{self.endpoint.name}” cannot be asked. {reason[:1].upper()}{reason[1:]}."
        return Failed(FailureKind.UNCONFIGURED, redact(message, self.secrets))

    def _classified(self, code: int, error: Mapping[str, Any], headers: Mapping[str, str]) -> Failed:
        message = message_of(error)
        # An upstream's own words (OpenRouter's metadata.raw) say more than "Provider returned error".
        known = " ".join((message, *(str(error.get(key, "")) for key in ("code", "type", "status", "param"))))
        seconds = (
            retry_after.wait(headers, error, message, self.clock()) if code in (0, 413, 429) or code >= 500 else None
        )
        limit, tokens = context_length_errors.numbers(error, message)
        return Refusal(self, code, quoted(message, self.secrets), known[:20_000], seconds, limit, tokens).failed()

    def _moved(self, location: str) -> Failed:
        parts = urlsplit(location) if location else None
        where = (
            f" to {redact(plain(f'{parts.scheme}://{parts.hostname}'), self.secrets)}"
            if parts and parts.hostname
            else ""
        )
        return Failed(
            FailureKind.MALFORMED,
            f"{self.host} redirects elsewhere{where}. Your key is not sent there. If this network asks you to sign in, "
            f"do that in a browser; else put the new address into {self.setting}.",
        )

    def no_path(self, code: int = 404) -> Failed:
        """Nothing at that address."""
        return Failed(
            FailureKind.NOT_FOUND,
            f"There is no chat API at {redact(plain(self.endpoint.shown), self.secrets)} ({code}). Check "
            f"{self.setting}: it usually ends in /v1.",
        )


def _empty(reading: Reading) -> tuple[str, str]:
    """Why a reply is empty, and what to do."""
    if reading.asked_for_tool:
        return "asked for TOOLS, which Sterna does not offer, and wrote nothing else", (
            "Ask for an answer in words, or choose another model."
        )
    if reading.finish_reason == "length":
        used = "used up its limit while thinking" if reading.reasoned else "reached its limit before the first word"
        return used, "Raise max_tokens, choose less reasoning effort, or start a new conversation."
    if reading.media:
        kind = "an image" if "image" in reading.media else "sound"
        return f"answered with {kind} only, which Sterna does not show", "Ask for text, or choose another model."
    if reading.reasoned:
        return "ended after its reasoning, without an answer", "Retry, or choose another model."
    return "sent an empty reply", "Retry, or choose another model."


def error_of(payload: object) -> Mapping[str, Any]:
    """The error object inside an answer's JSON, in the shapes of the vendors."""
    if isinstance(payload, list) and payload:  # Google's
        return error_of(payload[0])
    if not isinstance(payload, Mapping):
        return {"message": payload} if isinstance(payload, str) else {}
    inner = payload.get("error")
    if isinstance(inner, Mapping):
        return inner
    if isinstance(inner, str):  # Ollama's
        return {**payload, "message": inner}
    if isinstance(payload.get("errors"), list):
        return error_of(payload["errors"]) if payload["errors"] else payload
    return payload


def message_of(error: Mapping[str, Any]) -> str:
    """The words of an error."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if isinstance(raw, str) and raw.strip():
        inner = error_of(_json(raw) or {})
        return message_of(inner) or raw
    for key in ("message", "msg", "detail", "error_description", "title"):
        words = _flat(error.get(key))
        if words:
            return words
    return ""


def _flat(value: object) -> str:
    if isinstance(value, str):
        return value
    return "; ".join(_each(value)) if isinstance(value, (list, Mapping)) else ""


def _each(value: list[Any] | Mapping[str, Any]) -> Iterator[str]:
    """FastAPI's ``detail: [{"msg": …}]`` and Mistral's ``message: {"detail": […]}``."""
    for one in value if isinstance(value, list) else [value]:
        words = message_of(one) if isinstance(one, Mapping) else one if isinstance(one, str) else ""
        if words:
            yield words


def looks_like_html(text: str, content_type: str = "") -> bool:
    """Whether this is a web page."""
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return "text/html" in content_type.lower() or start.startswith(("<!doctype html", "<html", "<head", "<body"))


def secrets_of(endpoint: Endpoint, key: str | None) -> tuple[str, ...]:
    """What no sentence may hold: the key, the headers' values, a password or a query in the url."""
    parts = urlsplit(endpoint.address())
    query = [value for pair in parts.query.split("&") for value in pair.split("=")[1:]]
    password = [unquote(parts.password)] if parts.password else []
    return tuple(filter(None, (key or "", *endpoint.headers.values(), *password, *query)))


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return None


def _status(value: object) -> int:
    """An HTTP status in an error object, or 0."""
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else 0

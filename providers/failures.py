"""Every way in which an endpoint can fail, as a sentence that says what to do.

What came instead of an answer (a status, an error object, a page, half a stream) is told here; what kept the request
from arriving is told in ``reaching``. No sentence ever holds a key, though servers do echo them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from . import waiting
from .endpoint import Endpoint
from .events import Failed, FailureKind
from .wording import plain, quoted, redact

TOO_LONG = (
    "context_length",
    "context length",
    "context window",
    "context size",
    "exceed_context",
    "maximum context",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "request too large",
    "string_above_max_length",
    "input token count",
)
UNPAID = ("insufficient_quota", "exceeded your current quota", "billing", "credit balance", "insufficient credits")
UNKNOWN_MODEL = (
    "not found",
    "not_found",
    "does not exist",
    "unknown",
    "no endpoints",
    "invalid model",
    "not a valid model",
)
LIMITED = ("rate_limit", "rate limit", "too many requests", "resource_exhausted")
BUSY = (
    "overloaded",
    "internal_error",
    "server_error",
    "internal server error",
    "unavailable",
    "bad gateway",
    "api_error",
)


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the failures of one request."""

    endpoint: Endpoint
    model: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def title(self) -> str:
        """What the endpoint is called; its settings may hold anything."""
        return redact(plain(self.endpoint.title), self.secrets)

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
            return self._no_path()
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

    def filtered(self) -> Failed:
        """No answer, because a filter withheld it."""
        return Failed(
            FailureKind.BAD_REQUEST,
            f"{self.title} withheld the reply: its content filter objects. Say it in other words, or choose another "
            "model.",
        )

    def unusable(self, reason: str) -> Failed:
        """Settings with which no request can be made."""
        reason = plain(reason).rstrip(".")
        message = f"“{self.endpoint.name}” cannot be asked. {reason[:1].upper()}{reason[1:]}."
        return Failed(FailureKind.UNCONFIGURED, redact(message, self.secrets))

    def _classified(self, code: int, error: Mapping[str, Any], headers: Mapping[str, str]) -> Failed:
        message = message_of(error)
        # An upstream's own words (OpenRouter's metadata.raw) say more than "Provider returned error".
        known = " ".join((message, *(str(error.get(key, "")) for key in ("code", "type", "status", "param")))).lower()
        said = quoted(message, self.secrets)
        told = _Told(self, code, said, known)
        seconds = waiting.wait(headers, error, message, self.clock()) if code in (0, 413, 429) or code >= 500 else None
        return told.failed(seconds)

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

    def _no_path(self) -> Failed:
        return Failed(
            FailureKind.NOT_FOUND,
            f"There is no chat API at {redact(plain(self.endpoint.shown), self.secrets)} (404). Check {self.setting}: "
            "it usually ends in /v1.",
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """One error, while its kind is found."""

    teller: Teller
    code: int
    said: str
    known: str

    def failed(self, seconds: float | None) -> Failed:
        """The sentence of the first kind that fits."""
        code, endpoint, title = self.code, self.teller.endpoint, self.teller.title
        said = f": {self.said}" if self.said else ""
        if code == 401 or (not code and self._has("invalid_api_key", "authentication", "unauthorized")):
            return Failed(FailureKind.AUTH, f"{title} does not accept the key{said}. {self._key_advice()}")
        if code == 402 or (code in (0, 400, 403, 429) and self._has(*UNPAID)):
            advice = "Add credit to your account there, or choose another model."
            return Failed(FailureKind.PAYMENT, f"{title} says that there is no credit left{said}. {advice}")
        if code == 413 or (code not in (401, 403, 404, 429) and self._has(*TOO_LONG)):
            advice = "Shorten the message, start a new conversation, or choose a model with a larger context."
            return Failed(
                FailureKind.TOO_LONG, f"The conversation is longer than {title} takes{said}. {advice}", seconds
            )
        if code == 429 or (not code and self._has(*LIMITED)):
            advice = f"Wait {waiting.words(seconds)}, then retry; or choose another model."
            return Failed(FailureKind.RATE_LIMIT, f"{title} takes no more requests for now{said}. {advice}", seconds)
        if code == 403 or (not code and self._has("permission")):
            advice = "Check that your key and your region may use this model, or choose another."
            return Failed(FailureKind.FORBIDDEN, f"{title} refuses this request{said}. {advice}")
        if self._unknown_model():
            pull = f" or fetch it with “ollama pull {plain(self.teller.model)}”" if endpoint.port == 11434 else ""
            name = redact(plain(self.teller.model), self.teller.secrets)
            advice = f"Choose a model from its list{pull}."
            return Failed(FailureKind.NOT_FOUND, f"{title} has no model “{name}”{said}. {advice}")
        if code in (404, 405, 410):
            return self.teller._no_path()
        if code in (408, 425) or code >= 500 or (not code and self._has(*BUSY)):
            shown = f" ({code})" if code else ""
            advice = f"Retry in {waiting.words(seconds)}, or choose another model."
            return Failed(FailureKind.SERVER, f"{title} is in trouble{shown}{said}. {advice}", seconds)
        if not code:
            return Failed(
                FailureKind.SERVER,
                f"{title} could not reply{said or ' and does not say why'}. Retry, or choose another model.",
            )
        advice = "Change the message or this conversation's settings, or choose another model."
        return Failed(FailureKind.BAD_REQUEST, f"{title} does not accept the request ({code}){said}. {advice}")

    def _has(self, *words: str) -> bool:
        return any(word in self.known for word in words)

    def _unknown_model(self) -> bool:
        return self.code in (0, 400, 404, 422) and "model" in self.known and self._has(*UNKNOWN_MODEL)

    def _key_advice(self) -> str:
        endpoint = self.teller.endpoint
        where = f"in {endpoint.key_hint}" if endpoint.key_hint else "in Settings"
        return f"Put a valid key for “{endpoint.name}” {where}, then retry."


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
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _status(value: object) -> int:
    """An HTTP status in an error object, or 0."""
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else 0

"""Classification of an error response by its status and its message, as a sentence with advice.

The provider's own message is always part of the sentence. It also decides the kind: a status is often wrong (an invalid
key as 400, a missing system role as 500), the message seldom is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import context_length_errors, retry_after
from . import error_patterns as patterns
from .error_context import ErrorContext
from .events import Failed, FailureKind


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """Error in a response, or in place of a reply."""

    context: ErrorContext
    code: int
    """HTTP status, or 0 for an error in a response of status 200."""
    words: str
    """Message of the provider, quoted and safe; "" for none."""
    details: str
    """Message with its codes and types, for classification."""
    seconds: float | None
    """Seconds to wait, if the provider says so."""
    limit: int | None = None
    tokens: int | None = None

    def failure(self) -> Failed:
        """Return the failure of the first kind that matches."""
        match = next(filter(None, (kind() for kind in self._kinds())), None)
        return match or self._other()

    def _kinds(self) -> Iterator[Callable[[], Failed | None]]:
        yield from (self._proxy, self._key, self._no_credit, self._length, self._rate, self._no_memory)
        yield from (self._no_chat_model, self._system_role, self._filtered, self._unknown_model, self._forbidden)
        yield from (self._no_path, self._server_error)

    def _has(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.details) is not None

    def _failed(self, kind: FailureKind, problem: str, advice: str) -> Failed:
        return Failed(kind, f"{self.context.title} {problem}{self._quote}. {advice}", self.seconds)

    # Kinds, in the order in which they are tried

    def _proxy(self) -> Failed | None:
        if self.code != 407:
            return None
        return proxy_sign_in(self.context.proxy or "on the way")

    def _key(self) -> Failed | None:
        if self.code != 401 and (self.code not in (0, 400, 403) or not self._has(patterns.BAD_KEY)):
            return None
        endpoint = self.context.endpoint
        place = f"in {endpoint.key_hint}" if endpoint.key_hint else "in Settings"
        advice = f"Put a valid key for “{endpoint.name}” {place}, then retry."
        return self._failed(FailureKind.AUTH, "rejected the API key", advice)

    def _no_credit(self) -> Failed | None:
        if self.code not in (0, 400, 402, 403, 429):
            return None
        if self.code != 402 and not self._has(patterns.NO_CREDIT):
            return None
        if self.code == 429 and self.seconds is not None and not self._has(patterns.QUOTA_CODE):
            return None  # limit of a free tier, which is lifted after a while
        advice = "Add credit to your account there, or choose another model."
        return self._failed(FailureKind.PAYMENT, "reports that there is no credit left", advice)

    def _length(self) -> Failed | None:
        exceeds_rate = self._has(patterns.TOO_MUCH_AT_ONCE)
        by_message = (
            self.code not in (401, 403, 404, 429) and context_length_errors.PATTERN.search(self.details) is not None
        )
        if not (self.code == 413 or by_message or (self.code == 429 and exceeds_rate)):
            return None
        advice = "Shorten the message, start a new conversation, or choose a model with a larger context."
        message = f"The conversation is too long for {self.context.title}{self._quote}. {advice}"
        if exceeds_rate:  # limit per minute, not the model's: it must not be cached
            return Failed(FailureKind.TOO_LONG, message, self.seconds)
        return Failed(FailureKind.TOO_LONG, message, self.seconds, self.limit, self.tokens)

    def _rate(self) -> Failed | None:
        if self.code != 429 and not (self.code in (0, 403) and self._has(patterns.RATE)):
            return None
        advice = f"Wait {retry_after.in_words(self.seconds)}, then retry, or choose another model."
        return self._failed(FailureKind.RATE_LIMIT, "refused the request, rate limit reached", advice)

    def _no_memory(self) -> Failed | None:
        if self._has(patterns.NO_MEMORY):
            advice = "Choose another model that is smaller, or free memory on that computer."
            return self._failed(FailureKind.SERVER, f"has too little memory for {self._model}", advice)
        if self._has(patterns.NOT_LOADED) and not self._has(patterns.UNKNOWN_MODEL):
            advice = "Check the log of that provider, or choose another model."
            return self._failed(FailureKind.SERVER, f"could not load {self._model}", advice)
        return None

    def _no_chat_model(self) -> Failed | None:
        if not self._has(patterns.NOT_A_CHAT_MODEL):
            return None
        return self._failed(FailureKind.BAD_REQUEST, f"cannot chat with {self._model}", "Choose another model.")

    def _system_role(self) -> Failed | None:
        if not self._has(patterns.NO_SYSTEM_ROLE):
            return None
        advice = "Clear the system prompt of this conversation, or choose another model."
        return self._failed(FailureKind.BAD_REQUEST, f"does not support a system prompt for {self._model}", advice)

    def _filtered(self) -> Failed | None:
        if self.code not in (0, 400, 403, 422, 451) or not self._has(patterns.FILTERED):
            return None
        advice = "Use other words, or choose another model."
        return self._failed(FailureKind.BAD_REQUEST, "rejected this message because of its content", advice)

    def _unknown_model(self) -> Failed | None:
        if self.code not in (0, 400, 403, 404, 410, 422, 500) or not self._has(patterns.UNKNOWN_MODEL):
            return None
        endpoint = self.context.endpoint
        pull = f", or download it with “ollama pull {self.context.model_name}”" if endpoint.port == 11434 else ""
        return self._failed(
            FailureKind.NOT_FOUND, f"has no model {self._model}", f"Choose a model from its list{pull}."
        )

    def _forbidden(self) -> Failed | None:
        by_words = self._has(patterns.REGION) or (not self.code and self._has(patterns.FORBIDDEN))
        if self.code not in (403, 451) and not (self.code in (0, 400) and by_words):
            return None
        advice = "Check that your key and your region may use this model, or choose another."
        return self._failed(FailureKind.FORBIDDEN, "refused this request", advice)

    def _no_path(self) -> Failed | None:
        if self.code not in (404, 405, 410):
            return None
        if not self.words or self._has(patterns.NO_ROUTE):
            return no_chat_api(self.context, self.code)
        return self._failed(FailureKind.NOT_FOUND, f"cannot reply with {self._model}", "Choose another model.")

    def _server_error(self) -> Failed | None:
        is_busy = self.code in (408, 425) or self.code >= 500 or (not self.code and self._has(patterns.BUSY))
        if not is_busy:
            return None
        shown = f" ({self.code})" if self.code else ""
        if self.code in (501, 505) or (
            self.words and self._has(patterns.NO_SUCH_FEATURE) and not self._has(patterns.BUSY)
        ):
            return self._failed(
                FailureKind.BAD_REQUEST,
                f"does not support this request{shown}",
                "Choose another model, or another provider.",
            )
        advice = f"Retry in {retry_after.in_words(self.seconds)}, or choose another model."
        return self._failed(FailureKind.SERVER, f"failed with a server error{shown}", advice)

    def _other(self) -> Failed:
        if not self.code:
            problem = "could not reply" if self.words else "could not reply and gave no reason"
            return self._failed(FailureKind.SERVER, problem, "Retry, or choose another model.")
        problem = f"rejected the request ({self.code})"
        advice = "Change the message or this conversation's settings, or choose another model."
        return self._failed(FailureKind.BAD_REQUEST, problem, advice)

    @property
    def _quote(self) -> str:
        return f": {self.words}" if self.words else ""

    @property
    def _model(self) -> str:
        return f"“{self.context.model_name}”" if self.context.model_name else "this model"


def no_chat_api(context: ErrorContext, code: int = 404) -> Failed:
    """Return the failure for an address without a chat API."""
    return Failed(
        FailureKind.NOT_FOUND,
        f"There is no chat API at {context.safe(context.endpoint.shown)} ({code}). Check {context.setting}: it usually "
        "ends in /v1.",
    )


def proxy_sign_in(proxy: str) -> Failed:
    """Return the failure for a proxy that requires a user name and a password."""
    return Failed(
        FailureKind.NETWORK,
        f"The proxy {proxy} requires a sign-in. Put a user name and a password into its address, as in "
        "http://name:password@host:port.",
    )

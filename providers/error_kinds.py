"""The kind of an error, by its status and its words, as a sentence with advice that can help.

A server's own words always stand in the sentence. They also decide: a status is often wrong (a bad key as 400, a
missing system role as 500), the words seldom are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import context_length_errors, retry_after
from . import error_words as words
from .events import Failed, FailureKind

if TYPE_CHECKING:
    from .failures import Teller


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error."""

    teller: Teller
    code: int
    """The HTTP status, or 0 where the error came in an answer of status 200."""
    said: str
    """The server's words, quoted and safe; "" for none."""
    known: str
    """The words with the codes and types beside them, for recognition."""
    seconds: float | None
    limit: int | None = None
    tokens: int | None = None

    def failed(self) -> Failed:
        """Return the failure of the first kind that fits."""
        found = next(filter(None, (kind() for kind in self._kinds())), None)
        return found or self._other()

    def _kinds(self) -> Iterator[Callable[[], Failed | None]]:
        yield from (self._proxy, self._key, self._no_credit, self._length, self._rate, self._no_memory)
        yield from (self._not_for_chat, self._system_role, self._filtered, self._unknown_model, self._forbidden)
        yield from (self._no_path, self._trouble)

    def _has(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.known) is not None

    def _sentence(self, kind: FailureKind, what: str, advice: str) -> Failed:
        said = f": {self.said}" if self.said else ""
        message = f"{self.teller.title} {what}{said}. {advice}"
        return Failed(kind, message, self.seconds)

    # Kinds, in the order in which they are tried

    def _proxy(self) -> Failed | None:
        if self.code != 407:
            return None
        proxy = self.teller.proxy or "on the way"
        return Failed(
            FailureKind.NETWORK,
            f"The proxy {proxy} wants a sign-in. Put a name and a password into its address, as in "
            "http://name:password@host:port.",
        )

    def _key(self) -> Failed | None:
        if self.code != 401 and (self.code not in (0, 400, 403) or not self._has(words.BAD_KEY)):
            return None
        endpoint = self.teller.endpoint
        where = f"in {endpoint.key_hint}" if endpoint.key_hint else "in Settings"
        advice = f"Put a valid key for “{endpoint.name}” {where}, then retry."
        return self._sentence(FailureKind.AUTH, "does not accept the key", advice)

    def _no_credit(self) -> Failed | None:
        if self.code not in (0, 400, 402, 403, 429):
            return None
        if self.code != 402 and not self._has(words.NO_CREDIT):
            return None
        if self.code == 429 and self.seconds is not None and not self._has(words.QUOTA_CODE):
            return None  # a free tier's limit, which goes by
        advice = "Add credit to your account there, or choose another model."
        return self._sentence(FailureKind.PAYMENT, "says that there is no credit left", advice)

    def _length(self) -> Failed | None:
        at_once = self._has(words.TOO_MUCH_AT_ONCE)
        fits = self.code not in (401, 403, 404, 429) and context_length_errors.WORDS.search(self.known) is not None
        if not (self.code == 413 or fits or (self.code == 429 and at_once)):
            return None
        advice = "Shorten the message, start a new conversation, or choose a model with a larger context."
        what = f"The conversation is longer than {self.teller.title} takes"
        said = f": {self.said}" if self.said else ""
        if at_once:  # of a minute, not of the model: not to be remembered
            return Failed(FailureKind.TOO_LONG, f"{what}{said}. {advice}", self.seconds)
        return Failed(FailureKind.TOO_LONG, f"{what}{said}. {advice}", self.seconds, self.limit, self.tokens)

    def _rate(self) -> Failed | None:
        if self.code != 429 and not (self.code in (0, 403) and self._has(words.RATE)):
            return None
        advice = f"Wait {retry_after.words(self.seconds)}, then retry; or choose another model."
        return self._sentence(FailureKind.RATE_LIMIT, "takes no more requests for now", advice)

    def _no_memory(self) -> Failed | None:
        if self._has(words.NO_MEMORY):
            advice = "Choose another model that is smaller, or free memory on that machine."
            return self._sentence(FailureKind.SERVER, f"has too little memory for {self._model}", advice)
        if self._has(words.NOT_LOADED) and not self._has(words.UNKNOWN_MODEL):
            advice = "Look into that server's log, or choose another model."
            return self._sentence(FailureKind.SERVER, f"could not load {self._model}", advice)
        return None

    def _not_for_chat(self) -> Failed | None:
        if not self._has(words.NOT_A_CHAT_MODEL):
            return None
        return self._sentence(FailureKind.BAD_REQUEST, f"cannot chat with {self._model}", "Choose another model.")

    def _system_role(self) -> Failed | None:
        if not self._has(words.NO_SYSTEM_ROLE):
            return None
        advice = "Clear the system prompt of this conversation, or choose another model."
        return self._sentence(FailureKind.BAD_REQUEST, f"takes no system prompt for {self._model}", advice)

    def _filtered(self) -> Failed | None:
        if self.code not in (0, 400, 403, 422, 451) or not self._has(words.FILTERED):
            return None
        advice = "Say it in other words, or choose another model."
        return self._sentence(FailureKind.BAD_REQUEST, "refuses this message for its content", advice)

    def _unknown_model(self) -> Failed | None:
        if self.code not in (0, 400, 403, 404, 410, 422, 500) or not self._has(words.UNKNOWN_MODEL):
            return None
        endpoint = self.teller.endpoint
        pull = f" or fetch it with “ollama pull {self.teller.model_shown}”" if endpoint.port == 11434 else ""
        return self._sentence(
            FailureKind.NOT_FOUND, f"has no model {self._model}", f"Choose a model from its list{pull}."
        )

    def _forbidden(self) -> Failed | None:
        by_words = self._has(words.REGION) or (not self.code and self._has(words.FORBIDDEN))
        if self.code not in (403, 451) and not (self.code in (0, 400) and by_words):
            return None
        advice = "Check that your key and your region may use this model, or choose another."
        return self._sentence(FailureKind.FORBIDDEN, "refuses this request", advice)

    def _no_path(self) -> Failed | None:
        if self.code not in (404, 405, 410):
            return None
        if not self.said or self._has(words.NO_ROUTE):
            return self.teller.no_path(self.code)
        return self._sentence(FailureKind.NOT_FOUND, f"cannot answer with {self._model}", "Choose another model.")

    def _trouble(self) -> Failed | None:
        is_busy = self.code in (408, 425) or self.code >= 500 or (not self.code and self._has(words.BUSY))
        if not is_busy:
            return None
        shown = f" ({self.code})" if self.code else ""
        if self.code in (501, 505) or (self.said and self._has(words.NO_SUCH_FEATURE) and not self._has(words.BUSY)):
            return self._sentence(
                FailureKind.BAD_REQUEST,
                f"does not do what was asked{shown}",
                "Choose another model, or another server.",
            )
        advice = f"Retry in {retry_after.words(self.seconds)}, or choose another model."
        return self._sentence(FailureKind.SERVER, f"is in trouble{shown}", advice)

    def _other(self) -> Failed:
        if not self.code:
            what = "could not reply" if self.said else "could not reply and does not say why"
            return self._sentence(FailureKind.SERVER, what, "Retry, or choose another model.")
        what = f"does not accept the request ({self.code})"
        advice = "Change the message or this conversation's settings, or choose another model."
        return self._sentence(FailureKind.BAD_REQUEST, what, advice)

    @property
    def _model(self) -> str:
        return f"“{self.teller.model_shown}”" if self.teller.model_shown else "this model"

"""Failures of an endpoint as sentences that say what to do: a status, an error object, a web page, half a stream.

Error messages are classified in ``error_kinds``, network errors in ``network_errors``. No sentence ever contains a key,
though some servers echo them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .error_context import ErrorContext
from .error_payloads import error_of, json_or_none, looks_like_html, message_of, status_of
from .events import Failed, FailureKind
from .untrusted_text import quoted, redact, single_line

if TYPE_CHECKING:
    from .reply_parser import ReplyParser


class FailureReporter(ErrorContext):
    """Builder of the failures of one request."""

    __slots__ = ()

    def status(self, code: int, headers: Mapping[str, str], body: bytes) -> Failed:
        """Return the failure for a response that is not 200."""
        if 300 <= code < 400:
            return self._redirected(headers.get("location", ""))
        text = body.decode("utf-8", "replace")
        payload = json_or_none(text)
        is_page = payload is None and looks_like_html(text, headers.get("content-type", ""))
        if is_page and code < 500 and code not in (401, 403, 413, 429):
            return self.page(code)
        message = "" if is_page else text
        return self._classified(code, error_of(payload) if payload is not None else {"message": message}, headers)

    def error(self, payload: Mapping[str, Any]) -> Failed:
        """Return the failure for an error object in the stream or in a response of status 200."""
        error = error_of(payload)
        return self._classified(status_of(error), error, {})

    def page(self, code: int = 200) -> Failed:
        """Return the failure for a web page instead of a reply."""
        if code == 404:
            from .error_kinds import no_chat_api

            return no_chat_api(self)
        return Failed(
            FailureKind.MALFORMED,
            f"{self.host} sent a web page instead of a reply. If this network requires a sign-in, complete it in a "
            f"browser; otherwise check {self.setting}: it usually ends in /v1.",
        )

    def malformed(self, text: str) -> Failed:
        """Return the failure for a response that is not a chat reply."""
        words = quoted(text, self.secrets, 80)
        problem = f"{self.title} sent something that is not a chat reply{': ' + words if words else ''}"
        return Failed(FailureKind.MALFORMED, f"{problem}. Retry; if that does not help, check {self.setting}.")

    def truncated(self, began: bool) -> Failed:
        """Return the failure for a stream that ends without its end mark."""
        if not began:
            return Failed(
                FailureKind.TRUNCATED, f"{self.title} closed the connection before a reply came. Retry in a moment."
            )
        return Failed(
            FailureKind.TRUNCATED,
            f"The reply broke off: {self.title} closed the connection early. The partial reply is saved; retry to ask "
            "again.",
        )

    def endless(self, began: bool) -> Failed:
        """Return the failure for a response, an event or a reply that is too large."""
        saved = " The partial reply is saved." if began else ""
        return Failed(
            FailureKind.MALFORMED,
            f"{self.title} sent more than the largest possible reply, so Sterna stopped reading.{saved} Check "
            f"{self.setting}, or choose another model.",
        )

    def filtered(self) -> Failed:
        """Return the failure for a reply that a content filter withheld."""
        return Failed(
            FailureKind.BAD_REQUEST,
            f"{self.title} withheld the reply because of its content filter. Use other words, or choose another model.",
        )

    def empty(self, parser: ReplyParser) -> Failed:
        """Return the failure for a reply that ended without any text."""
        problem, advice = _empty(parser)
        names = ", ".join(self.safe(name)[:60] for name in parser.tools.names[:3])
        problem = problem.replace("TOOLS", f"the tool “{names}”" if names else "a tool")
        return Failed(FailureKind.EMPTY, f"{self.title} {problem}. {advice}")

    def unusable(self, reason: str) -> Failed:
        """Return the failure for settings with which no request can be made."""
        reason = single_line(reason).rstrip(".")
        message = f"“{self.endpoint.name}” is misconfigured. {reason[:1].upper()}{reason[1:]}."
        return Failed(FailureKind.UNCONFIGURED, redact(message, self.secrets))

    def _classified(self, code: int, error: Mapping[str, Any], headers: Mapping[str, str]) -> Failed:
        from . import context_length_errors, retry_after  # patterns, which a reply without an error does not need
        from .error_kinds import ErrorResponse

        message = message_of(error)
        details = " ".join((message, *(str(error.get(key, "")) for key in ("code", "type", "status", "param"))))
        seconds = (
            retry_after.seconds_to_wait(headers, error, message, self.clock())
            if code in (0, 413, 429) or code >= 500
            else None
        )
        limit, tokens = context_length_errors.token_counts(error, message)
        words = quoted(message, self.secrets)
        return ErrorResponse(self, code, words, details[:20_000], seconds, limit, tokens).failure()

    def _redirected(self, location: str) -> Failed:
        parts = urlsplit(location) if location else None
        target = f" to {self.safe(f'{parts.scheme}://{parts.hostname}')}" if parts and parts.hostname else ""
        return Failed(
            FailureKind.MALFORMED,
            f"{self.host} redirects elsewhere{target}. Your key is not sent there. If this network requires a sign-in, "
            f"complete it in a browser; otherwise put the new address into {self.setting}.",
        )


def _empty(parser: ReplyParser) -> tuple[str, str]:
    """Return why a reply is empty, and what to do."""
    if parser.tools.asked and parser.finish_reason != "length":
        return "asked for TOOLS that was not offered to it, and wrote nothing else", (
            "Ask for an answer in words, or choose another model."
        )
    if parser.finish_reason == "length":
        reached = "used up its limit while reasoning" if parser.reasoned else "reached its limit before the first word"
        return reached, "Raise max_tokens, choose less reasoning effort, or start a new conversation."
    if parser.media:
        kind = "an image" if "image" in parser.media else "sound"
        return f"replied with {kind} only, which Sterna does not show", "Ask for text, or choose another model."
    if parser.reasoned:
        return "ended after its reasoning, without an answer", "Retry, or choose another model."
    return "sent an empty reply", "Retry, or choose another model."

"""Rejections of a parameter, from which the quirks of a model are learned.

A request that was rejected with status 400 for a parameter was not billed, so it is sent once more without it, or with
the name that the error suggests; later requests are right at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sterna.net import parse_json

from .error_patterns import NO_SYSTEM_ROLE, NO_TOOLS, WRONG_TOOL
from .error_payloads import error_of, message_of
from .quirks import Quirks

ALIASES: Mapping[str, tuple[str, ...]] = {
    "reasoning_effort": ("reasoning_effort", "reasoning.effort", "reasoning effort", "reasoning", "thinking", "think"),
    "max_tokens": ("max_tokens", "max tokens", "max_new_tokens"),
    "max_completion_tokens": ("max_completion_tokens",),
    "stream": ("stream", "streaming", "streamed"),
}
"""Words for a parameter in error messages, if there are several."""
RENAMES: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_completion_tokens", "max_output_tokens"),
    "max_completion_tokens": ("max_tokens",),
}
"""Other names that a provider may require for a parameter."""
AMBIGUOUS = frozenset({"stream", "reasoning_effort", "tools"})
"""Parameters whose words are common ones: they count only in a message that rejects something."""
REQUIRED = frozenset({"model", "messages", "input", "contents", "response_format"})
"""Parameters that a request is never sent without."""
STATUSES = frozenset({400, 404, 405, 415, 422, 500, 501})
REJECTION = re.compile(
    r"not (?:be )?(?:supported|allowed|permitted|accepted|recognized|available|compatible|implemented|valid)|disabled|"
    r"unsupported|unrecognized|unknown|unexpected|extra (?:inputs|fields)|does(?: not|n't) (?:support|accept|allow)|"
    r"cannot|can't|only the default|must be (?:false|verified|unset|omitted|removed)|deprecated|invalid|"
    r"not (?:a )?(?:known|expected)|no endpoints found that support",
    re.IGNORECASE,
)


def quirks_after_rejection(
    quirks: Quirks, status: int, error: Mapping[str, Any], message: str, body: Mapping[str, Any]
) -> Quirks | None:
    """Return the quirks of a model after its rejection of ``body``; None if nothing new follows from it."""
    if status not in STATUSES:
        return None
    if quirks.system and NO_SYSTEM_ROLE.search(message) and "system" in [item["role"] for item in body["messages"]]:
        return quirks._replace(system=False)
    has_tools = bool(body.get("tools")) and "tools" not in quirks.omit and not WRONG_TOOL.search(message)
    if has_tools and NO_TOOLS.search(message):
        return quirks._replace(omit=(*quirks.omit, "tools"))
    if status in (404, 405, 415, 500, 501) and not REJECTION.search(message):
        return None
    named = next(_named(error, message, body), None)
    if named is None:
        return None
    if named == "stream":
        return quirks._replace(stream=False) if body.get("stream") and quirks.stream is None else None
    for other in RENAMES.get(named, ()):
        if re.search(rf"\b{other}\b", message) and other not in body and (other, named) not in quirks.rename:
            return quirks._replace(rename=(*quirks.rename, (named, other)))
    original = next((name for name, other in quirks.rename if other == named), named)
    return quirks._replace(omit=(*quirks.omit, named, *({original} - {named})))


def _named(error: Mapping[str, Any], message: str, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parameters of ``body`` that an error names: by its ``param``, then in the order of its message."""
    sent = [name for name in body if name not in REQUIRED and not (name == "stream" and not body[name])]
    if WRONG_TOOL.search(message):  # of one of them
        sent = [name for name in sent if name != "tools"]
    param = error.get("param")
    locations = [param] if isinstance(param, str) else []
    details = error.get("detail")
    for detail in details if isinstance(details, list) else ():
        location = detail.get("loc") if isinstance(detail, Mapping) else None
        locations += [str(part) for part in location] if isinstance(location, list) else []
    for location in locations:
        yield from (name for name in sent if location.partition(".")[0] == name or location in ALIASES.get(name, ()))
    matches = []
    for name in sent:
        for word in ALIASES.get(name, (name,)):
            match = re.search(rf"(?<![\w.]){re.escape(word)}(?![\w])", message, re.IGNORECASE)
            if match and (word == name != "stream" or name not in AMBIGUOUS or REJECTION.search(message)):
                matches.append((match.start(), -len(word), name))
    yield from (name for _, _, name in sorted(matches))


def updated_quirks(quirks: Quirks, status: int, rejection: bytes | object, body: Mapping[str, Any]) -> Quirks | None:
    """Return the quirks after a rejection of ``body``; None if they stay the same."""
    payload = rejection
    if isinstance(rejection, bytes):
        try:
            payload = parse_json(rejection)
        except ValueError:
            payload = {"message": rejection.decode("utf-8", "replace")}
    error = error_of(payload)
    details = " ".join((message_of(error), str(error.get("code") or ""), str(error.get("param") or "")))
    return quirks_after_rejection(quirks, status, error, details[:20_000], body)

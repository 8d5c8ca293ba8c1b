"""What one model of one server does not take, learned from its refusals.

A refusal of status 400 that names a parameter was not billed, so the request is sent once more without it, or with the
name that the refusal asks for; the next request is right at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .error_words import NO_SYSTEM_ROLE

ALIASES: Mapping[str, tuple[str, ...]] = {
    "reasoning_effort": ("reasoning_effort", "reasoning.effort", "reasoning effort", "reasoning", "thinking", "think"),
    "max_tokens": ("max_tokens", "max tokens", "max_new_tokens"),
    "max_completion_tokens": ("max_completion_tokens",),
    "stream": ("stream", "streaming", "streamed"),
}
"""Words by which servers call a parameter, where they have several."""
RENAMES: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_completion_tokens", "max_output_tokens"),
    "max_completion_tokens": ("max_tokens",),
}
"""Names under which a server may want a parameter."""
LOOSE = frozenset({"stream", "reasoning_effort"})
"""Their words are those of any sentence: they count where the sentence refuses something."""
NEVER = frozenset({"model", "messages"})
STATUSES = frozenset({400, 404, 405, 415, 422, 500, 501})
REFUSED = re.compile(
    r"not (?:be )?(?:supported|allowed|permitted|accepted|recognized|available|compatible|implemented|valid)|disabled|"
    r"unsupported|unrecognized|unknown|unexpected|extra (?:inputs|fields)|does(?: not|n't) (?:support|accept|allow)|"
    r"cannot|can't|only the default|must be (?:false|verified|unset|omitted|removed)|deprecated|invalid|"
    r"not (?:a )?(?:known|expected)|no endpoints found that support",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quirks:
    """Differences from what is usual."""

    omit: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    stream: bool | None = None
    system: bool = True
    """Whether the system role is taken."""
    thinks_first: bool | None = None
    """Whether the text begins as reasoning, without a tag; None before the first complete reply."""

    def learned(self, status: int, error: Mapping[str, Any], message: str, body: Mapping[str, Any]) -> Quirks | None:
        """Return these with what a refusal of ``body`` teaches; None where it teaches nothing new."""
        if status not in STATUSES:
            return None
        if self.system and NO_SYSTEM_ROLE.search(message) and any(one["role"] == "system" for one in body["messages"]):
            return replace(self, system=False)
        if status in (404, 405, 415, 500, 501) and not REFUSED.search(message):
            return None
        named = next(_named(error, message, body), None)
        if named is None:
            return None
        if named == "stream":
            return replace(self, stream=False) if body.get("stream") and self.stream is None else None
        for other in RENAMES.get(named, ()):
            if re.search(rf"\b{other}\b", message) and other not in body and (other, named) not in self.rename:
                return replace(self, rename=(*self.rename, (named, other)))
        original = next((name for name, other in self.rename if other == named), named)
        return replace(self, omit=(*self.omit, named, *({original} - {named})))

    def as_json(self) -> dict[str, Any]:
        """Return what is kept between runs."""
        found = {
            "omit": list(self.omit),
            "rename": [list(pair) for pair in self.rename],
            "stream": self.stream,
            "system": None if self.system else False,
            "thinks_first": self.thinks_first,
        }
        return {name: value for name, value in found.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, kept: object) -> Quirks:
        """Return what was kept; what is no longer understood is left out."""
        row = kept if isinstance(kept, Mapping) else {}
        omit, rename = row.get("omit"), row.get("rename")
        return cls(
            omit=tuple(one for one in omit if isinstance(one, str)) if isinstance(omit, list) else (),
            rename=tuple((one[0], one[1]) for one in rename if _is_pair(one)) if isinstance(rename, list) else (),
            stream=False if row.get("stream") is False else None,
            system=row.get("system") is not False,
            thinks_first=first if isinstance(first := row.get("thinks_first"), bool) else None,
        )


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value)


def _named(error: Mapping[str, Any], message: str, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parameters of ``body`` that a refusal names: by its ``param``, then in the order of its words."""
    sent = [name for name in body if name not in NEVER and not (name == "stream" and not body[name])]
    param = error.get("param")
    places = [param] if isinstance(param, str) else []
    details = error.get("detail")
    for one in details if isinstance(details, list) else ():
        place = one.get("loc") if isinstance(one, Mapping) else None
        places += [str(part) for part in place] if isinstance(place, list) else []
    for place in places:
        yield from (name for name in sent if place.partition(".")[0] == name or place in ALIASES.get(name, ()))
    found = []
    for name in sent:
        for word in ALIASES.get(name, (name,)):
            at = re.search(rf"(?<![\w.]){re.escape(word)}(?![\w])", message, re.IGNORECASE)
            if at and (word == name != "stream" or name not in LOOSE or REFUSED.search(message)):
                found.append((at.start(), -len(word), name))
    yield from (name for _, _, name in sorted(found))

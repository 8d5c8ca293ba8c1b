"""Headers of a request that shape the response: media type, range and preferences."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from starlette.datastructures import Headers

from .errors import RestError
from .terms import Query

JSON = "application/json"
OBJECT = "application/vnd.pgrst.object+json"
CSV = "text/csv"
SERVED = {
    "*/*": JSON,
    "application/*": JSON,
    JSON: JSON,
    "application/vnd.pgrst.array+json": JSON,
    "application/vnd.pgrst.array": JSON,
    OBJECT: OBJECT,
    "application/vnd.pgrst.object": OBJECT,
    "text/*": CSV,
    CSV: CSV,
}
"""Media type of the response by media type in Accept."""

COUNTS = ("exact", "planned", "estimated")
KNOWN_PREFERENCES = ("return", "resolution", "missing", "tx", "timezone", "max-affected", "params")
"""Other preferences of PostgREST, which concern writes and are ignored here."""

RANGE = re.compile(r"(\d{1,18})-(\d{0,18})", re.ASCII)
MAX_PREFERENCES = 32


@dataclass(frozen=True, slots=True)
class Preferences:
    """Preferences of one request."""

    media_type: str = JSON
    count: str = ""
    """Kind of count, "" for none. Every kind is counted exactly."""
    is_strict: bool = False

    @property
    def applied(self) -> str:
        """Value of ``Preference-Applied``."""
        handling = ["handling=strict"] if self.is_strict else []
        return ", ".join([*handling, *([f"count={self.count}"] if self.count else [])])


def preferences_of(headers: Headers) -> Preferences:
    """Return the preferences in the headers. Raises RestError."""
    for name in ("accept-profile", "content-profile"):
        if headers.get(name, "public") != "public":
            raise RestError(
                406, "PGRST106", f"Invalid schema: {headers[name][:63]}", hint="Only the schema public is served."
            )
    return replace(_preferred(headers), media_type=_media_type(headers.get("accept", "*/*")))


def in_range(query: Query, headers: Headers) -> Query:
    """Return ``query`` with its page narrowed to the header Range. Raises RestError."""
    match = RANGE.fullmatch(headers.get("range", "").strip())
    if match is None or headers.get("range-unit", "items") != "items":
        return query
    first, last = int(match[1]), int(match[2]) if match[2] else None
    if last is not None and last < first:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        )
    start = max(first, query.offset)
    ends = [end for end in (last, None if query.limit is None else query.offset + query.limit - 1) if end is not None]
    return replace(query, offset=start, limit=max(0, min(ends) - start + 1) if ends else None)


def _media_type(accept: str) -> str:
    accepted: list[tuple[float, int, str]] = []
    for at, part in enumerate(accept.split(",")[:MAX_PREFERENCES]):
        name, *parameters = (text.strip().lower() for text in part.split(";"))
        weights = [text[2:] for text in parameters if text.startswith("q=")]
        # parameters such as nulls=stripped would change the response
        if name in SERVED and all(text.startswith(("q=", "charset=", "header=")) for text in parameters):
            accepted.append((-_weight(weights), at, SERVED[name]))
    accepted = [entry for entry in accepted if entry[0]]
    if not accepted:
        raise RestError(
            406,
            "PGRST107",
            f"None of these media types are available: {accept[:200]}",
            hint=f"Available: {JSON}, {OBJECT}, {CSV}.",
        )
    return min(accepted)[2]


def _weight(weights: list[str]) -> float:
    try:
        return float(weights[0]) if weights else 1.0
    except ValueError:
        return 1.0


def _preferred(headers: Headers) -> Preferences:
    entries = [
        text.strip() for text in ",".join(headers.getlist("prefer")).split(",")[:MAX_PREFERENCES] if text.strip()
    ]
    is_strict, count, unknown = "handling=strict" in entries, "", []
    for preference in entries:
        name, _, value = preference.partition("=")
        if name == "count" and value in COUNTS:
            count = value
        elif name not in KNOWN_PREFERENCES and preference not in ("handling=strict", "handling=lenient"):
            unknown.append(preference)
    if is_strict and unknown:
        raise RestError(
            400,
            "PGRST122",
            "Invalid preferences given with handling=strict",
            f"Invalid preferences: {', '.join(unknown)[:200]}",
        )
    return Preferences(count=count, is_strict=is_strict)

"""What the headers of a request ask of an answer: media type, range, and preferences."""

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
"""What is answered to each media type of Accept."""

COUNTS = ("exact", "planned", "estimated")
KNOWN_PREFERENCES = ("return", "resolution", "missing", "tx", "timezone", "max-affected", "params")
"""PostgREST's other preferences: about writes, so without a meaning here."""

RANGE = re.compile(r"(\d{1,18})-(\d{0,18})", re.ASCII)
MAX_WISHES = 32


@dataclass(frozen=True, slots=True)
class Wishes:
    """Of one request."""

    media_type: str = JSON
    count: str = ""
    """The kind of count, "" for none. Every kind is counted exactly."""
    is_strict: bool = False

    @property
    def applied(self) -> str:
        """The preferences that the answer follows, for ``Preference-Applied``."""
        handling = ["handling=strict"] if self.is_strict else []
        return ", ".join([*handling, *([f"count={self.count}"] if self.count else [])])


def wishes_of(headers: Headers) -> Wishes:
    """Return what the headers ask for. Raises RestError."""
    for name in ("accept-profile", "content-profile"):
        if headers.get(name, "public") != "public":
            raise RestError(
                406, "PGRST106", f"Invalid schema: {headers[name][:63]}", hint="Only the schema public is served."
            )
    return replace(_preferred(headers), media_type=_media_type(headers.get("accept", "*/*")))


def in_range(query: Query, headers: Headers) -> Query:
    """Return ``query`` with its page narrowed to the header Range. Raises RestError."""
    found = RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or headers.get("range-unit", "items") != "items":
        return query
    first, last = int(found[1]), int(found[2]) if found[2] else None
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
    wanted: list[tuple[float, int, str]] = []
    for at, part in enumerate(accept.split(",")[:MAX_WISHES]):
        name, *more = (piece.strip().lower() for piece in part.split(";"))
        weights = [piece[2:] for piece in more if piece.startswith("q=")]
        # nulls=stripped and the like would change the answer
        if name in SERVED and all(piece.startswith(("q=", "charset=", "header=")) for piece in more):
            wanted.append((-_weight(weights), at, SERVED[name]))
    wanted = [one for one in wanted if one[0]]
    if not wanted:
        raise RestError(
            406,
            "PGRST107",
            f"None of these media types are available: {accept[:200]}",
            hint=f"Available: {JSON}, {OBJECT}, {CSV}.",
        )
    return min(wanted)[2]


def _weight(weights: list[str]) -> float:
    try:
        return float(weights[0]) if weights else 1.0
    except ValueError:
        return 1.0


def _preferred(headers: Headers) -> Wishes:
    said = [one.strip() for one in ",".join(headers.getlist("prefer")).split(",")[:MAX_WISHES] if one.strip()]
    is_strict, count, unknown = "handling=strict" in said, "", []
    for preference in said:
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
    return Wishes(count=count, is_strict=is_strict)

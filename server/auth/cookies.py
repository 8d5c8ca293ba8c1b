"""Session cookies of upstream's web client: read, never written.

See docs/specification/endpoints.md#cookie-sign-in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from sterna.sync.wire import cookie_sessions

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def access_tokens(cookies: Mapping[str, str]) -> Iterator[str]:
    """Yield the access tokens in the cookies, unverified; values are whole or in chunks ``.0 .1 …``."""
    for _, session in cookie_sessions(cookies):
        token = session.get("access_token")
        if token and isinstance(token, str):
            yield token


def is_from_here(method: str, headers: Mapping[str, str], public_url: str) -> bool:
    """Return whether a request with a side effect comes from this server's own pages, or from no page.

    A browser sends cookies with requests of foreign pages too, but also names the origin of the page. A program that
    sends neither header has set the cookie itself.
    """
    if method in SAFE_METHODS:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    own = {headers.get("host", "").lower()}
    if public_url:
        own.add(urlsplit(public_url).netloc.lower())
    return urlsplit(origin).netloc.lower() in own - {""}

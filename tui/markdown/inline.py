"""Inline Markdown: emphasis, code, links. Nothing here is ever console markup or an app action."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from textual.content import Content, Span
from textual.style import Style

from sterna.storage import clean

from . import styles
from .math import is_formula, readable

if TYPE_CHECKING:
    from markdown_it.token import Token

SCHEMES = ("http", "https", "mailto")
_ADDRESS = re.compile(r"https?://[^\s<>\"'`|\\^{}\[\]]+[^\s<>\"'`|\\^{}\[\].,;:!?)*_]")
_STYLES = {"strong_open": styles.STRONG, "em_open": styles.EM, "s_open": styles.STRIKE}


def safe_link(address: str) -> str | None:
    """Return ``address`` if it is safe as a hyperlink of a terminal: web or mail, printable ASCII, of sane length."""
    if not (address.isascii() and address.isprintable() and " " not in address and len(address) <= 2000):
        return None
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return None
    return address if scheme.lower() in SCHEMES else None


def web_addresses(text: str) -> list[tuple[int, str]]:
    """Return the web addresses in ``text`` that are safe as links, each with its place."""
    if "://" not in text:
        return []
    return [(match.start(), match[0]) for match in _ADDRESS.finditer(text) if safe_link(match[0]) is not None]


class Inline:
    """Collects the text and the spans of one paragraph."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.spans: list[Span] = []
        self.length = 0
        self._open: list[tuple[int, str]] = []
        self._ends_line = False

    def content(self, tokens: Sequence[Token], style: str = "") -> Content:
        """Return the text of ``tokens``, in ``style``."""
        for token in tokens:
            self._take(token)
        text = "".join(self.text)
        whole = [Span(0, len(text), style)] if style and text else []
        return Content(text, [*whole, *self._addresses(text), *self.spans])

    def _take(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self._add("\n")
            case "code_inline":
                self._add(token.content, styles.INLINE_CODE)
            case "strong_open" | "em_open" | "s_open":
                self._open.append((self.length, _STYLES[token.type]))
            case "link_open":
                self._open.append((self.length, str(token.attrGet("href") or "")))
            case "strong_close" | "em_close" | "s_close":
                start, style = self._open.pop()
                if self.length > start:
                    self.spans.append(Span(start, self.length, style))
            case "link_close":
                self._link(*self._open.pop())
            case "image":
                alt = token.content.strip()
                start = self.length
                self._add(f"[image: {alt}]" if alt else "[image]", styles.MUTED)
                self._link(start, str(token.attrGet("src") or ""))
            case "math":
                self._formula(token.content)
            case _:
                self._add(token.content)

    def _add(self, text: str, style: str = "") -> None:
        if self._ends_line:
            self._ends_line = False
            if text.strip(" ") and not text.lstrip(" ").startswith("\n"):
                text = "\n" + text.lstrip(" ")
        # Entities can bring back what was cleaned out of the source: &#27; is an escape character.
        if not text.isprintable():
            text = clean(text).expandtabs(4)
        if style and text:
            self.spans.append(Span(self.length, self.length + len(text), style))
        self.text.append(text)
        self.length += len(text)

    def _formula(self, source: str) -> None:
        """Add a formula in Unicode where that is possible; one between double delimiters stands on its own lines."""
        size = 2 if source.startswith(("$$", "\\")) else 1
        text = readable(source[size:-size]) if is_formula(source[size:-size]) else None
        if text is None:
            self._add(source)
            return
        is_display = source.startswith(("$$", "\\["))
        if is_display and self.length and not "".join(self.text).endswith("\n"):
            self._add("\n")
        self._add(f"  {text}".replace("\n", "\n  ") if is_display else text.replace("\n", " "), styles.MATH)
        self._ends_line = is_display

    def _link(self, start: int, address: str) -> None:
        label = "".join(self.text)[start:]
        if (link := safe_link(address)) is not None and label:
            self.spans.append(Span(start, self.length, styles.LINK))
            self.spans.append(Span(start, self.length, Style(link=link)))
        if address and label.rstrip("/") not in (address.rstrip("/"), address.removeprefix("mailto:").rstrip("/")):
            self._add(f" ({address})" if label else f"({address})", styles.ADDRESS)

    @staticmethod
    def _addresses(text: str) -> list[Span]:
        """Return links for the bare web addresses in ``text``."""
        spans = []
        for start, address in web_addresses(text):
            spans.append(Span(start, start + len(address), styles.LINK))
            spans.append(Span(start, start + len(address), Style(link=address)))
        return spans

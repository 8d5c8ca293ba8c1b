"""Replies of Gemini, which Google exports as HTML, as Markdown."""

from __future__ import annotations

import re
from html import unescape

_IMAGE = re.compile(r'<img[^>]*\bsrc="([^":]+)"[^>]*>', re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_LANGUAGE = re.compile(r"language-([\w+#-]+)")


def pictures(html: str) -> tuple[list[str], str]:
    """Return the names of pictures that are files of the export, and the HTML without them."""
    return _IMAGE.findall(html), _IMAGE.sub("", html)


def as_markdown(html: str) -> str:
    """Return Markdown; of HTML that is nested too deeply its text."""
    if not html.strip():
        return ""
    from markdownify import ATX, markdownify

    try:
        found = markdownify(
            f"<div>{html.encode('utf-8', 'replace').decode()}</div>",
            heading_style=ATX,
            bullets="-",
            escape_asterisks=False,
            escape_underscores=False,
            code_language_callback=_language,
        )
    except RecursionError:
        found = unescape(_TAG.sub("", html))
    return re.sub(r"\n{3,}", "\n\n", str(found)).strip()


def _language(element: object) -> str | None:
    """Return the language of a block of code, which its class names."""
    found = _LANGUAGE.search(str(element)[:300])
    return found[1] if found else None

"""Replies of Gemini, which Google exports as HTML, as Markdown."""

from __future__ import annotations

import re

_IMAGE = re.compile(r'<img[^>]*\bsrc="([^":]+)"[^>]*>', re.IGNORECASE)
_LANGUAGE = re.compile(r"language-([\w+#-]+)")


def pictures(html: str) -> tuple[list[str], str]:
    """Return the names of pictures that are files of the export, and the HTML without them."""
    return _IMAGE.findall(html), _IMAGE.sub("", html)


def as_markdown(html: str) -> str:
    if not html.strip():
        return ""
    from markdownify import ATX, markdownify

    found = markdownify(
        html,
        heading_style=ATX,
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        code_language_callback=_language,
    )
    return re.sub(r"\n{3,}", "\n\n", str(found)).strip()


def _language(element: object) -> str | None:
    """Return the language of a block of code, which its class names."""
    found = _LANGUAGE.search(str(element)[:300])
    return found[1] if found else None

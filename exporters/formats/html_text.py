"""Markdown of a model as HTML that cannot run, load or imitate anything.

HTML in the text is shown as text, links go to the web and mail only, and pictures from elsewhere become links.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any
from unicodedata import bidirectional

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

LARGEST_CODE = 100_000
"""Characters of a code block that is highlighted."""
STYLES = ("default", "github-dark")
"""Colors of code on light and on dark."""
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")
_SCHEMES = ("http:", "https:", "mailto:")


def html_of(markdown: str) -> str:
    """Return Markdown as HTML."""
    return str(_parser().render(markdown))


def code_styles() -> tuple[str, str]:
    """Return the style sheets of highlighted code, for light and for dark."""
    light, dark = (HtmlFormatter(style=name).get_style_defs(".code") for name in STYLES)  # type: ignore[no-untyped-call]
    return str(light), str(dark)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": True})
    parser.enable(["table", "strikethrough", "linkify"])
    assert parser.linkify is not None
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    parser.validateLink = _is_safe  # type: ignore[method-assign]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    parser.core.ruler.push("directions", _add_directions)
    return parser


def _is_safe(url: str) -> bool:
    return url.strip().lower().startswith(_SCHEMES)


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    url = escape(str(token.attrGet("src") or ""))
    return f'<a href="{url}" rel="noopener noreferrer">{escape(token.content) or url}</a>'


def _link(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, index, options, env)


def _add_directions(state: StateCore) -> None:
    """Say of each block in which direction its text runs, where some of it runs from right to left."""
    if _RIGHT_TO_LEFT.search(state.src) is None:
        return
    direction = "ltr"
    for token in reversed(state.tokens):
        if token.type == "inline":
            direction = _direction(token.content)
        elif token.nesting == 1:
            token.attrSet("dir", direction)


def _direction(text: str) -> str:
    """Return the direction of the first letter that has one."""
    classes = (bidirectional(character) for character in text)
    return "rtl" if next((each for each in classes if each in ("L", "R", "AL")), "L") != "L" else "ltr"


def _table_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    direction = f' dir="{found}"' if (found := tokens[index].attrGet("dir")) else ""
    return f'<div class="table"{direction}>{self.renderToken(tokens, index, options, env)}'


def _table_close(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    words = tokens[index].info.split()
    return f'<pre class="code"><code>{_highlighted(tokens[index].content, words[0] if words else "")}</code></pre>\n'


def _highlighted(code: str, language: str) -> str:
    """Return code with the classes of its tokens; without any where the language is unknown."""
    if not language or len(code) > LARGEST_CODE:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))

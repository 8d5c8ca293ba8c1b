"""Conversion of Markdown to blocks. The parser (markdown-it) finds the structure; here it becomes rows and bullets.

No text may be lost: nesting deeper than the parser follows, tables of hundreds of columns and
paragraphs made of brackets are shown as they were written.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.content import Content

from . import styles
from .blocks import Block, Prefix, RuleBlock, TextBlock
from .code import CodeBlock
from .inline import Inline
from .math import is_between_dollars
from .rows import NOTHING
from .table import Align, TableBlock

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

NESTING = 100
"""Levels that the parser follows; it drops what is deeper, so a block that comes near is shown as source."""
COLUMNS = 60
"""Most columns of a table that is drawn as one."""
PARAGRAPH = 20_000
BRACKETS = 400
"""A longer paragraph, or one with more brackets, is shown as source: looking for its links is quadratic work."""

_MATH = re.compile(
    r"\$\$.+?\$\$|\$(?![\s$])(?:[^$\\\n]|\\.)*?(?<![\s\\])\$(?![\w{])|\\\(.+?\\\)|\\\[.+?\\\]", re.DOTALL
)
_TASK = re.compile(r"\[([ xX])\]\s+")


class Top(NamedTuple):
    """Top-level block of the source."""

    end: int
    """Source line after its last."""
    blocks: list[Block]


@cache
def parser() -> MarkdownIt:
    """Return the parser, which is made when the first Markdown is drawn: its import takes longer than a first frame."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": NESTING}).enable(["table", "strikethrough"])
    markdown.core.ruler.enableOnly(["normalize", "block"])
    markdown.inline.ruler.before("escape", "math", _math)
    return markdown


def _math(state: StateInline, silent: bool) -> bool:
    """Take TeX as one piece: its underscores are no emphasis, its backslashes no escapes."""
    if state.src[state.pos] not in "$\\" or (match := _MATH.match(state.src, state.pos, state.posMax)) is None:
        return False
    if match[0][0] == "$" != match[0][1] and not is_between_dollars(match[0][1:-1]):
        return False
    if not silent:
        state.push("math", "", 0).content = match[0]
    state.pos = match.end()
    return True


def parse(source: str, env: MutableMapping[str, Any] | None = None, *, live: bool = False) -> list[Top]:
    """Return the top-level blocks of clean source; ``env`` carries link definitions from part to part."""
    env = {} if env is None else env
    tokens = parser().parse(source, env)
    lines = source.split("\n")
    tops: list[Top] = []
    start = 0
    for index, token in enumerate(tokens):
        if token.level or token.nesting == 1:
            continue
        group = tokens[start : index + 1]
        start = index + 1
        first, end = group[0].map or (0, 0)
        if max(part.level for part in group) >= NESTING - 2:
            blocks: list[Block] = [TextBlock(Content("\n".join(lines[first:end])))]
        else:
            blocks = Builder(lines, env, live).build(group)
        tops.append(Top(end, blocks))
    return tops


class _Container:
    """Quote or list item around the block that is being built."""

    def __init__(self, first: Content, rest: Content, gap: Content) -> None:
        self.prefix = Prefix(first, rest, gap)
        self.begun = False


class _List:
    def __init__(self, tight: bool, number: int | None, width: int) -> None:
        self.tight = tight
        self.number = number
        self.width = width


class Builder:
    """Turns the tokens of one top-level block into blocks."""

    def __init__(self, lines: Sequence[str], env: MutableMapping[str, Any], live: bool) -> None:
        self._source = lines
        self._env = env
        self._live = live
        self._containers: list[_Container] = []
        self._lists: list[_List] = []
        self._blocks: list[Block] = []

    def build(self, tokens: Sequence[Token]) -> list[Block]:
        """Return the blocks."""
        index = 0
        while index < len(tokens):
            index = self._take(tokens, index)
        return self._blocks

    def _take(self, tokens: Sequence[Token], index: int) -> int:
        """Handle the token at ``index``; return the index of the next."""
        token = tokens[index]
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._lists.append(_measure(tokens, index))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._open_item(tokens, index)
            case "blockquote_open":
                bar = Content.styled(styles.QUOTE_BAR, styles.FAINT)
                self._containers.append(_Container(bar, bar, bar))
            case "list_item_close" | "blockquote_close":
                if not self._containers[-1].begun:
                    self._text(NOTHING)  # an empty item still has its bullet
                self._containers.pop()
            case "heading_open":
                style = styles.HEADINGS[min(int(token.tag[1:]), len(styles.HEADINGS)) - 1]
                self._text(self._inline(tokens[index + 1].content, style))
                return index + 3
            case "inline":
                self._text(self._inline(token.content))
            case "fence" | "code_block":
                words = token.info.split()
                language = words[0].strip("{}.")[:40] if words else ""
                code = token.content.removesuffix("\n")
                self._add(CodeBlock(code, language, prefix=self._prefix(), gap=self._gap(), live=self._live))
            case "hr":
                self._add(RuleBlock(prefix=self._prefix()))
            case "table_open":
                return self._table(tokens, index)
        return index + 1

    def _open_item(self, tokens: Sequence[Token], index: int) -> None:
        inside = self._lists[-1]
        if inside.number is None:
            depth = sum(1 for outer in self._lists if outer.number is None) - 1
            bullet = styles.BULLETS[depth % len(styles.BULLETS)]
            paragraph = tokens[index + 2] if tokens[index + 1].type == "paragraph_open" else None
            if paragraph is not None and (task := _TASK.match(paragraph.content)) is not None:
                paragraph.content = paragraph.content[task.end() :]
                bullet = styles.TODO if task[1] == " " else styles.DONE
        else:
            bullet = f"{inside.number}. ".rjust(inside.width)
            inside.number += 1
        blank = Content(" " * len(bullet))
        self._containers.append(_Container(Content.styled(bullet, styles.MUTED), blank, blank))

    def _table(self, tokens: Sequence[Token], index: int) -> int:
        rows: list[list[Content]] = []
        aligns: list[Align] = []
        end = index
        while tokens[end].type != "table_close":
            token = tokens[end]
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "th_open":
                style = str(token.attrGet("style") or "")
                aligns.append("right" if "right" in style else "center" if "center" in style else "left")
            elif token.type == "inline":
                rows[-1].append(self._inline(token.content))
            end += 1
            if len(aligns) > COLUMNS:
                first, last = tokens[index].map or (0, 0)
                self._text(Content("\n".join(self._source[first:last])))
                return len(tokens) if not self._containers else _after(tokens, end)
        self._add(TableBlock(rows, aligns, prefix=self._prefix(), gap=self._gap()))
        return end + 1

    def _text(self, content: Content) -> None:
        self._add(TextBlock(content, prefix=self._prefix(), gap=self._gap()))

    def _add(self, block: Block) -> None:
        self._blocks.append(block)
        for container in self._containers:
            container.begun = True

    def _prefix(self) -> Prefix:
        """Return the decoration left of the next block."""
        if not self._containers:
            return Prefix()
        if len(self._containers) == 1:
            only = self._containers[0]
            first, rest, gap = only.prefix
            return Prefix(rest, rest, gap) if only.begun else Prefix(first, rest, NOTHING)
        parts = [(c.prefix.rest if c.begun else c.prefix.first, c.prefix.rest, c.prefix.gap) for c in self._containers]
        first, rest, gap = (NOTHING.join(side) for side in zip(*parts, strict=True))
        # Before a new item or quote begins, its own bar is not drawn yet.
        begun = [container.prefix.gap for container in self._containers if container.begun]
        return Prefix(first, rest, NOTHING.join(begun) if len(begun) < len(parts) else gap)

    def _gap(self) -> int:
        return 0 if self._lists and self._lists[-1].tight and self._blocks else 1

    def _inline(self, source: str, style: str = "") -> Content:
        if len(source) > PARAGRAPH or source.count("[") > BRACKETS:
            return Content.styled(source.expandtabs(4), style)
        tokens: list[Token] = []
        parser().inline.parse(source, parser(), self._env, tokens)
        return Inline().content(tokens, style)


def _measure(tokens: Sequence[Token], index: int) -> _List:
    """Return the properties of a list that its first item needs."""
    opening = tokens[index]
    number = None
    if opening.type == "ordered_list_open":
        number = int(opening.attrGet("start") or 1)
    items, tight = 0, True
    for token in tokens[index + 1 :]:
        if token.level == opening.level and token.nesting == -1:
            break
        items += token.type == "list_item_open" and token.level == opening.level + 1
        if token.type == "paragraph_open" and token.level == opening.level + 2 and not token.hidden:
            tight = False
    return _List(tight, number, len(f"{(number or 0) + max(0, items - 1)}. "))


def _after(tokens: Sequence[Token], index: int) -> int:
    """Return the index after the table that ``index`` lies in."""
    while tokens[index].type != "table_close":
        index += 1
    return index + 1

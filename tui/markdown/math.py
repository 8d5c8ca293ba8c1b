"""TeX as readable Unicode: ``\\frac{a+b}{2}`` → ``(a+b)/2``, ``x_i^2`` → ``xᵢ²``.

Only what is understood as a whole is changed. A formula with anything unknown in it stays as it was written: half of a
formula would say something else. The symbols are those of pylatexenc; it is loaded when the first formula is drawn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

LONGEST = 4_000
DEPTH = 40

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|[\s\S]", re.DOTALL)
_AMOUNT = re.compile(r"\d[\d.,]*(?:[\s,;/–-]|$)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SCRIPTS = "\u00b2\u00b3\u00b9\u2070-\u209c\u1d2c-\u1d6a′"
_SIMPLE = re.compile(r"\d+|.", re.DOTALL)
"""Script that needs no brackets."""
_FACTOR = re.compile(rf"\d+(?:\.\d+)?|[√∂∇Δδd]?[^\W\d_][{_SCRIPTS}]*|\([^()]*\)")
"""Denominator that needs no brackets."""
_PREFIX_SYMBOLS = frozenset("∑∏∐∫∬∭∮∂∇√∛∜∞¬∀∃∄∅∆′∘⋅…⋃⋂⋁⋀⨁⨂⨆")
_NAME = "\x00"
"""Stands before the name of a function, which needs a space behind a letter."""
_IGNORED = re.compile(
    r"left\*?|right\*?|middle|[bB]igg?[lr]?|limits|nolimits|displaystyle|textstyle|scriptstyle|nonumber|notag|hline|!"
)
"""Commands about size and place."""
_SPACES = {",": " ", ":": " ", ";": " ", ">": " ", " ": " ", "quad": "  ", "qquad": "   ", "\n": " ", "enspace": " "}
_NAMES = re.compile(
    r"a?(?:rc)?(?:sin|cos|tan)h?|cot|sec|csc|log|l[ng]|exp|lim(?:sup|inf)?|max|min|sup|inf|det|dim|ker|gcd|deg|arg|hom|Pr"
)
"""Functions that are written as words."""
_TEXT = re.compile(r"text(?:rm|it|bf|sf|tt)?|math(?:rm|it|sf|tt)|operatorname\*?|[mh]box")
_ALPHABETS = re.compile(r"math(?:bb|cal|frak|scr|bf)|boldsymbol|bm")
_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0305", "tilde": "\u0303",
    "widetilde": "\u0303", "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7", "underline": "\u0332",
}  # fmt: skip
_MATRICES = {"matrix": "[]", "pmatrix": "()", "bmatrix": "[]", "vmatrix": "||", "Bmatrix": "{}", "smallmatrix": "[]"}
_LINES = re.compile(r"(?:align|gather|equation)\*?|aligned|gathered|alignedat|split|array")
_OWN = {"|": "‖", "{": "{", "}": "}", "%": "%", "$": "$", "#": "#", "&": "&", "_": "_", "lvert": "|", "rvert": "|",
        "lVert": "‖", "rVert": "‖", "colon": ":", "mid": " | ", "vert": "|", "Vert": "‖", "dots": "…", "ldots": "…",
        "cdots": "⋯", "implies": "⟹", "iff": "⟺", "to": "→", "gets": "←", "ne": "≠", "le": "≤", "ge": "≥",
        "lbrace": "{", "rbrace": "}", "prime": "′", "cdot": " · ", "bmod": " mod "}  # fmt: skip


class _UnreadableError(Exception):
    """The formula has something in it that cannot be written on a line."""


def is_between_dollars(body: str) -> bool:
    """Return whether the text between two single dollar signs is a formula, and not between two amounts or variables.

    A formula does not end in an operator, and does not begin with an amount: ``2x``, but not ``5, A``.
    """
    is_amount = _AMOUNT.match(body) is not None and not any(sign in body for sign in "\\^_=")
    return body[-1:] not in "/:-=+.,;" and not is_amount and is_formula(body)


def is_formula(body: str) -> bool:
    """Return whether a text is a formula: it has a command, a script, or single letters joined by operators."""
    if "`" in body:
        return False
    if any(mark in body for mark in "\\^_"):
        return not re.search(r"\w_\w{3,}|^\w{3,}_", body) or "\\" in body or "{" in body
    if not any(character.isalpha() for character in body):
        return "=" in body
    return all(_NAMES.fullmatch(word) for word in _WORD.findall(body))


@lru_cache(maxsize=512)
def readable(tex: str) -> str | None:
    """Return a formula, without its delimiters, in Unicode; None where it has to stay as it is."""
    if len(tex) > LONGEST:
        return None
    try:
        text = re.sub(rf"(?<=[\w)]){_NAME}", " ", _Formula(tex).whole()).replace(_NAME, "")
    except _UnreadableError:
        return None
    lines = [re.sub(r" {2,}", lambda gap: "  " if len(gap[0]) > 3 else " ", line).strip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line) or None


class _Formula:
    """Reads one formula from left to right."""

    def __init__(self, tex: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(tex)
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        """Return everything. Raises _UnreadableError."""
        text = self._until(None)
        if self._at < len(self._tokens):
            raise _UnreadableError
        return text

    def _until(self, end: str | None) -> str:
        """Return what stands before the token ``end``, which is consumed; None: up to the end of the formula."""
        self._depth += 1
        if self._depth > DEPTH:
            raise _UnreadableError
        parts: list[str] = []
        while True:
            if self._at >= len(self._tokens):
                if end is not None:
                    raise _UnreadableError
                break
            token = self._next()
            if token == end:
                break
            parts.append(self._script(token, parts) if token in "^_" else self._one(token))
        self._depth -= 1
        return "".join(parts)

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise _UnreadableError
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip_space(self) -> None:
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1

    def _one(self, token: str) -> str:
        """Return what a token and its arguments say."""
        if token.startswith("\\") and len(token) > 1:
            return self._command(token[1:])
        if token == "{":
            return self._until("}")
        if token in ("}", "%"):
            raise _UnreadableError
        if token.isspace() or token == "~":
            return " "
        return {"&": " ", "'": "′", "*": "∗", "-": "−"}.get(token, token)

    def _argument(self) -> str:
        """Return the next group, or the next token where it has no braces."""
        self._skip_space()
        return self._one(self._next()).strip()

    def _raw(self) -> str:
        """Return the next group as it was written."""
        self._skip_space()
        if self._next() != "{":
            raise _UnreadableError
        parts: list[str] = []
        while (token := self._next()) != "}":
            if token.startswith("\\") and token[1:] not in ("_", "%", "&", "#", "$", " ", ","):
                raise _UnreadableError
            if token in ("{", "$"):
                raise _UnreadableError
            parts.append(token.removeprefix("\\").replace(",", " ") if token == "\\," else token.removeprefix("\\"))
        return "".join(parts)

    def _script(self, mark: str, before: list[str]) -> str:
        """Return a superscript or a subscript."""
        if not "".join(before).strip() and mark == "_":
            raise _UnreadableError
        text = re.sub(r"\s*([^\w\s])\s*", r"\1", self._argument())
        if mark == "^" and text in ("∘", "°"):
            return "°"
        if mark == "^" and text and set(text) == {"′"}:
            return text
        small = _small_letters()[mark]
        if text and all(character in small for character in text):
            return "".join(small[character] for character in text)
        return mark + (text if _SIMPLE.fullmatch(text) else f"({text})")

    def _command(self, name: str) -> str:
        if name in _SPACES:
            return _SPACES[name]
        if _IGNORED.fullmatch(name):
            return self._delimiter(name)
        if name == "\\":
            return "\n"
        if name in _OWN:
            return _spaced(_OWN[name])
        if _NAMES.fullmatch(name):
            return _NAME + (f"{name} " if self._is_letter_next() else name)
        if _TEXT.fullmatch(name):
            return self._raw()
        if name in _ACCENTS:
            return unicodedata.normalize("NFC", "".join(each + _ACCENTS[name] for each in self._short_argument()))
        if _ALPHABETS.fullmatch(name):
            return "".join(_in_alphabet(name, each) for each in self._short_argument())
        if (special := _COMMANDS.get(name)) is not None:
            return special(self)
        symbol = _symbol(name)
        if symbol in _PREFIX_SYMBOLS:
            self._skip_space()
        return _spaced(symbol)

    def _is_letter_next(self) -> bool:
        following = next((token for token in self._tokens[self._at :] if not token.isspace()), "")
        return following.isalnum() or following.startswith("\\")

    def _delimiter(self, name: str) -> str:
        """Skip a size, and the dot that stands for no bracket."""
        if name in ("left", "right") and self._at < len(self._tokens) and self._tokens[self._at] == ".":
            self._at += 1
        return ""

    def _short_argument(self) -> str:
        text = self._argument()
        if not text or len(text) > 12 or "\n" in text:
            raise _UnreadableError
        return text

    def fraction(self) -> str:
        """Return a fraction on one line."""
        top, bottom = self._argument(), self._argument()
        return f"{_bracketed(top)}/{bottom if _FACTOR.fullmatch(bottom) else f'({bottom})'}"

    def root(self) -> str:
        """Return a root."""
        degree = ""
        if self._at < len(self._tokens) and self._tokens[self._at] == "[":
            self._at += 1
            degree = self._until("]").strip()
        small = _small_letters()["^"]
        if any(character not in small for character in degree):
            raise _UnreadableError
        text = self._argument()
        return (
            "".join(small[character] for character in degree) + "√" + (text if _FACTOR.fullmatch(text) else f"({text})")
        )

    def binomial(self) -> str:
        """Return a binomial coefficient."""
        return f"({self._argument()} choose {self._argument()})"

    def modulus(self) -> str:
        """Return a modulus in brackets."""
        return f" (mod {self._argument()})"

    def negation(self) -> str:
        """Return the next sign, struck out."""
        sign = self._argument()
        struck = unicodedata.normalize("NFC", sign + "\u0338")
        if len(struck) != 1:
            raise _UnreadableError
        return f" {struck} "

    def boxed(self) -> str:
        """Return what stands in a box."""
        return f"[ {self._argument()} ]"

    def environment(self) -> str:
        """Return a matrix on one line, and other environments line by line."""
        name = self._raw()
        if name in ("array", "alignedat"):
            self._raw()
        body = self._environment_body(name)
        if name in _MATRICES:
            rows = [re.sub(r"\s+", " ", row).strip() for row in body.split("\n") if row.strip()]
            return _MATRICES[name][0] + "; ".join(rows) + _MATRICES[name][1]
        if name == "cases":
            rows = [row.strip() for row in body.split("\n") if row.strip()]
            return "\n" + "\n".join(f"{{ {row}" for row in rows) + "\n"
        if _LINES.fullmatch(name):
            return f"\n{body}\n"
        raise _UnreadableError

    def _environment_body(self, name: str) -> str:
        parts: list[str] = []
        while True:
            token = self._next()
            if token == "\\end":
                if self._raw() != name:
                    raise _UnreadableError
                return "".join(parts)
            parts.append(self._script(token, parts) if token in "^_" else self._one(token))


_COMMANDS: dict[str, Callable[[_Formula], str]] = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), _Formula.fraction),
    **dict.fromkeys(("binom", "dbinom", "tbinom"), _Formula.binomial),
    "sqrt": _Formula.root,
    "pmod": _Formula.modulus,
    "not": _Formula.negation,
    "boxed": _Formula.boxed,
    "begin": _Formula.environment,
}


def _bracketed(text: str) -> str:
    """Return a text in brackets where an operator stands in it outside all brackets."""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        is_operator = character in "+−-/=<>·×±,; " or unicodedata.category(character) == "Sm"
        if not depth and is_operator and character not in _PREFIX_SYMBOLS:
            return f"({text})"
    return text


def _spaced(symbol: str) -> str:
    """Return a symbol with spaces around it where it is an operator or a relation."""
    is_operator = len(symbol) == 1 and unicodedata.category(symbol) == "Sm" and symbol not in _PREFIX_SYMBOLS
    return f" {symbol} " if is_operator and symbol not in "‖|" else symbol


@cache
def _symbol(name: str) -> str:
    """Return the character of a command without arguments. Raises _UnreadableError for any other."""
    from pylatexenc.latex2text import get_default_latex_context_db

    spec = get_default_latex_context_db().get_macro_spec(name)
    symbol = getattr(spec, "simplify_repl", None)
    if not isinstance(symbol, str) or not symbol or "%" in symbol or not symbol.isprintable():
        raise _UnreadableError
    return symbol


@cache
def _in_alphabet(name: str, letter: str) -> str:
    """Return a letter in one of TeX's alphabets."""
    if not (letter.isascii() and letter.isalnum()):
        return letter
    from pylatexenc.latex2text import LatexNodes2Text

    name = "mathbf" if name in ("boldsymbol", "bm") else name
    return str(LatexNodes2Text().latex_to_text(f"\\{name}{{{letter}}}")) or letter


@cache
def _small_letters() -> dict[str, dict[str, str]]:
    """Return the characters that Unicode has as superscripts and as subscripts."""
    small: dict[str, dict[str, str]] = {"^": {}, "_": {}}
    for code in (0xB2, 0xB3, 0xB9, *range(0x2070, 0x209D), *range(0x1D2C, 0x1D6B), 0x2C7C, 0x2C7D):
        kind, _, base = unicodedata.decomposition(chr(code)).partition(" ")
        if kind in ("<super>", "<sub>") and " " not in base:
            small["^" if kind == "<super>" else "_"].setdefault(chr(int(base, 16)), chr(code))
    for mark in small:
        small[mark]["-"] = small[mark]["−"]
    return small

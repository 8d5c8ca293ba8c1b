"""Text from people, models and servers, made fit to be kept (:func:`storable`) and to be shown (:func:`clean`).

A terminal obeys what it is sent: an escape sequence in a reply can set the clipboard, a bidi control can turn a
command round. No toolkit below us removes them, so everything foreign goes through :func:`clean` on its way to a
screen. What cannot be seen but changes what is seen becomes a mark, ``‹RLO›``; what only a terminal would see is
dropped.
"""

from __future__ import annotations

import re
from functools import cache

REPLACEMENT = "\ufffd"

_NAMES = {
    0x00AD: "SHY", 0x034F: "CGJ", 0x061C: "ALM", 0x180E: "MVS", 0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ",
    0x200E: "LRM", 0x200F: "RLM", 0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO",
    0x2060: "WJ", 0x2061: "FA", 0x2062: "IT", 0x2063: "IS", 0x2064: "IP", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI",
    0x2069: "PDI", 0x206A: "ISS", 0x206B: "ASS", 0x206C: "IAFS", 0x206D: "AAFS", 0x206E: "NADS", 0x206F: "NODS",
    0xFEFF: "BOM", 0xFFF9: "IAA", 0xFFFA: "IAS", 0xFFFB: "IAT",
}  # fmt: skip

# Joiners are part of the spelling of Persian and Indic words and of emoji: there they stay. Emoji flags of regions
# end in tag characters; anywhere else tags are a way to hide text.
_JOINED = "[\u0590-\u1fff\u2190-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff\U0001fb00-\U0001ffff]"
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_CONTROLS = re.compile("(?:[\x00-\x1f\x7f-\x9f\u2028\u2029]+ *)+")
_BREAKS = str.maketrans("\n\t", "  ")


@cache
def _seen() -> re.Pattern[str]:
    """Return the pattern of what is not shown as it is; it takes a moment to compile, and plain text does without."""
    return re.compile(
        f"(?P<keep>(?<={_JOINED})[\u200c\u200d](?={_JOINED})|\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)"
        "|(?P<line>\r\n?|[\u2028\u2029])"
        "|(?P<drop>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])"
        "|(?P<lone>[\ud800-\udfff])"
        "|(?P<mark>[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f])"
    )


def _shown(result: re.Match[str]) -> str:
    text = result[0]
    match result.lastgroup:
        case "keep":
            return text
        case "line":
            return "\n"
        case "drop":
            return ""
        case "lone":
            return REPLACEMENT
    return f"‹{_NAMES.get(ord(text)) or f'U+{ord(text):04X}'}›"


def clean(text: str, *, newlines: bool = True) -> str:
    """Return ``text`` without control and invisible characters; on one line with ``newlines=False``."""
    if text.isascii() and text.isprintable():
        return text
    text = _seen().sub(_shown, text)
    return text if newlines else text.translate(_BREAKS)


def one_line(text: str, limit: int | None = None) -> str:
    """Return ``text`` cleaned, each run of white space made one space, cut to ``limit`` characters."""
    if limit is not None:
        text = text[: limit * 8 + 64]  # a 10 MB message gives its first line as fast as a short one
    line = _SPACE.sub(" ", clean(text)).strip()
    return line if limit is None else clip(line, limit)


def title_text(text: str) -> str:
    """Return ``text`` as the title it becomes: on one line, every letter and every kind of space kept."""
    return _CONTROLS.sub(" ", storable(text)).strip(" ")


def clip(text: str, limit: int) -> str:
    """Return ``text``, or its beginning and ``…``, never longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rstrip() + "…" if limit > 0 else ""


def storable(text: str) -> str:
    """Return ``text`` as every engine can store it: no NUL, surrogate pairs joined, lone surrogates as U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii() and _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def size_text(size: int) -> str:
    """Return a size in words: ``12 kB``, ``3.4 MB``."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"

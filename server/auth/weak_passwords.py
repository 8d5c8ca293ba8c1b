"""Detection of weak passwords: frequent ones, names of the owner, and keyboard patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .passwords import is_allowed, normalized

LIST = Path(__file__).parent / "common_passwords.txt"

ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
COLUMNS = ("1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6z7u8i9o0p", "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujm")
LEET = str.maketrans("@4831!0$57", "aabeiiosst")
NON_LETTERS = re.compile(r"[\W\d_]+")
AFFIXES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
MIN_DISTINCT = 4
"""Distinct characters; a password with fewer is a pattern."""
MIN_NAME = 3
"""Characters of a name that is searched for in a password."""
MIN_REST = 6
"""Characters that a password needs beside names of the owner, or beside a frequent password."""


def problem(password: str, own: Iterable[str] = ()) -> str | None:
    """Return the reason to refuse a password, or None; ``own`` are the email and names of its owner.

    The reason is one of GoTrue's: length, characters or pwned.
    """
    if not is_allowed(password):
        return "length"
    folded = normalized(password).casefold().strip()
    if len(set(folded)) < MIN_DISTINCT or _is_run(folded) or _is_repeated(folded):
        return "characters"
    if _is_own(folded, own):
        return "characters"
    plain = folded.translate(LEET)
    return "pwned" if any(_is_frequent(form) for form in (folded, plain, folded[::-1])) else None


def _is_frequent(folded: str) -> bool:
    known = frequent()
    if folded in known or NON_LETTERS.sub("", folded) in known:
        return True
    core = AFFIXES.sub("", folded)
    return core in known and len(folded) - len(core) < MIN_REST


@cache
def frequent() -> frozenset[str]:
    """Return the frequent passwords, read at the first call."""
    lines = LIST.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _is_run(folded: str) -> bool:
    """Return whether a text follows the alphabet, the digits or a keyboard, in either direction, also repeatedly."""
    letters = "".join(letter for letter in folded if letter.isalnum())
    for row in (*ROWS, *COLUMNS):
        endless = row * (len(letters) // len(row) + 2)
        if letters and (letters in endless or letters[::-1] in endless):
            return True
    return False


def _is_repeated(folded: str) -> bool:
    """Return whether a text repeats one short or frequent part."""
    length = (folded + folded).find(folded, 1)
    return length < len(folded) and (length < MIN_REST or _is_frequent(folded[:length]))


def _is_own(folded: str, own: Iterable[str]) -> bool:
    """Return whether little is left of a text without the names of its owner."""
    rest = folded
    for name in sorted(_names(own), key=len, reverse=True):
        rest = rest.replace(name, "")
    return rest != folded and len(rest) < MIN_REST


def _names(own: Iterable[str]) -> set[str]:
    """Return an email and names, whole and in parts."""
    names: set[str] = {"sterna"}
    for name in own:
        folded = normalized(name).casefold().strip()
        names |= {folded, folded.partition("@")[0], *re.split(r"[\W_]+", folded)}
    return {name for name in names if len(name) >= MIN_NAME}

"""Passwords that are guessed first: frequent ones, one's own names, and patterns of the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .passwords import is_allowed, normal

LIST = Path(__file__).parent / "common_passwords.txt"

ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
COLUMNS = ("1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6z7u8i9o0p", "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujm")
LEET = str.maketrans("@4831!0$57", "aabeiiosst")
OTHER_THAN_LETTERS = re.compile(r"[\W\d_]+")
AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")
ALIKE = 4
"""Fewer different characters than this are a pattern."""
OWN_LENGTH = 3
"""Characters of a name that is looked for within a password."""
REST = 6
"""Characters that have to be left of a password without one's own names, and beside a frequent password."""


def problem(password: str, own: Iterable[str] = ()) -> str | None:
    """Return why ``password`` may not be taken, or None; ``own`` are the email and names of its owner.

    The reason is one of GoTrue's: length, characters, pwned.
    """
    if not is_allowed(password):
        return "length"
    folded = normal(password).casefold().strip()
    if len(set(folded)) < ALIKE or _is_run(folded) or _is_repeated(folded):
        return "characters"
    if _is_own(folded, own):
        return "characters"
    plain = folded.translate(LEET)
    return "pwned" if any(_is_frequent(form) for form in (folded, plain, folded[::-1])) else None


def _is_frequent(folded: str) -> bool:
    known = frequent()
    if folded in known or OTHER_THAN_LETTERS.sub("", folded) in known:
        return True
    core = AROUND.sub("", folded)
    return core in known and len(folded) - len(core) < REST


@cache
def frequent() -> frozenset[str]:
    """Frequent passwords, read when they are first needed."""
    lines = LIST.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _is_run(folded: str) -> bool:
    """Whether it is a piece of the alphabet, of the digits or of a keyboard, in either direction, again and again."""
    letters = "".join(one for one in folded if one.isalnum())
    for row in (*ROWS, *COLUMNS):
        endless = row * (len(letters) // len(row) + 2)
        if letters and (letters in endless or letters[::-1] in endless):
            return True
    return False


def _is_repeated(folded: str) -> bool:
    """Whether it is one short or frequent piece again and again."""
    length = (folded + folded).find(folded, 1)
    return length < len(folded) and (length < REST or _is_frequent(folded[:length]))


def _is_own(folded: str, own: Iterable[str]) -> bool:
    """Whether little is left without the names of its owner."""
    rest = folded
    for name in sorted(_names(own), key=len, reverse=True):
        rest = rest.replace(name, "")
    return rest != folded and len(rest) < REST


def _names(own: Iterable[str]) -> set[str]:
    """Return an email and names whole, and their parts."""
    names: set[str] = {"sterna"}
    for one in own:
        folded = normal(one).casefold().strip()
        names |= {folded, folded.partition("@")[0], *re.split(r"[\W_]+", folded)}
    return {name for name in names if len(name) >= OWN_LENGTH}

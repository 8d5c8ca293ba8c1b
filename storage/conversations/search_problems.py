"""Conditions of a search or a filter whose value means nothing, each as a sentence that says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json
from ..text import one_line
from .list_filter import LONGEST as LONGEST_FILTER
from .list_filter import STATES, parse_filter
from .origins import OURS, known_origin, with_tilde
from .saved_names import saved_as, saved_searches, with_saved
from .search_operators import CONTENTS, ROLES, parse_operators
from .search_query import LONGEST
from .tags import TAG, TAG_END

DAYS = "a day, month or year (2025-03-14, 2025-03, 2025), today, yesterday, or an age (7d, 2w, 3m, 1y)"
NAMED = 8
"""Tags, programs or folders that a sentence names."""
MESSAGES = ("role", "model", "before", "after", "has")
"""Operators that the search knows and the list does not."""

_PIECE = re.compile(
    r'(?P<sign>-?)(?P<name>role|model|before|after|has|tag|is|from|in):(?:"(?P<quoted>[^"]*)"?|(?P<value>[^"\s]\S*))?'
    r'(?=\s|$)|(?P<tagged>-?#\S+)(?=\s|$)|(?P<saved>@[^\s"]+)(?=\s|$)|"[^"]*"?|\S+',
    re.IGNORECASE,
)
_BEGUN_DAY = re.compile(r"\d{1,4}(?:-(\d{0,2})(?:-(\d{0,2}))?)?", re.ASCII)


@in_sentences
class SearchProblems:
    """Conditions that mean nothing."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def of_search(self, text: str, *, is_typed: bool = False) -> str:
        """Return a sentence about the first condition of a search that means nothing; empty where all mean something.

        While the text ``is_typed``, the last one may still be on its way to something.
        """
        if ":" not in text and "@" not in text:
            return ""
        text = with_saved(text[:LONGEST], saved_searches(self.db))
        for name, value, is_begun in _conditions(text, is_typed):
            if problem := _problem(self.db, name, value, is_begun):
                return f'{problem} In quotation marks it is text: "{name}:{one_line(value, 40)}"'
        return ""

    def of_filter(self, text: str) -> str:
        """Return a sentence about the first condition of a filter of the list that means nothing; empty where all do.

        A ``#name`` that is no tag is text; it is one here, for the sentence says why nothing was found.
        """
        for name, value, _ in _conditions(text[:LONGEST_FILTER], is_typed=False):
            if name in MESSAGES or name == "tag" or (name, value.lower()) == ("in", "title"):
                return f"{name}: is for the search; the list knows #tag, is:, from: and in:."
            if problem := _problem(self.db, name, value, is_begun=False):
                return problem
        return self.unknown_name(text)

    def unknown_name(self, text: str) -> str:
        """Return a sentence about the first ``#name`` that is no tag, or ``@name`` of no search; empty without one.

        It was looked for as text.
        """
        for match in _PIECE.finditer(text) if "#" in text or "@" in text else ():
            if match["tagged"] and _is_text(self.db, match["tagged"]):
                return f"There is no tag {one_line(match['tagged'].lstrip('-'), 40)}{_known_tags(self.db)}"
            if match["saved"] and saved_as(saved := saved_searches(self.db), match["saved"][1:]) is None:
                names = ", ".join(f"@{each}" for each in list(saved)[:NAMED])
                known = f". There are: {names}." if names else ": none is saved yet."
                return f"There is no saved search {one_line(match['saved'], 41)}{known}"
        return ""


def _conditions(text: str, is_typed: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield name and value of each condition, and whether it is still being typed."""
    for match in _PIECE.finditer(text):
        if match["name"]:
            value = match["quoted"] if match["quoted"] is not None else match["value"] or ""
            yield match["name"].lower(), value, is_typed and match.end() == len(text)


def _problem(db: Database, name: str, value: str, is_begun: bool) -> str:
    word, shown = value.lower(), one_line(value, 40)
    if not value:
        examples = {"role": "user", "model": "claude", "before": "2025-03", "after": "7d", "has": "code"}
        examples |= {"tag": "work", "is": "pinned"}
        if is_begun or name not in examples:
            return ""  # “from: me” is a text
        return f"{name}: needs its value right behind it, as in {name}:{examples[name]}."
    match name:
        case "role" if word not in ROLES and not (is_begun and _begins(word, ROLES)):
            return f"role: takes user or assistant, not “{shown}”."
        case "has" if not _is_content(word) and not (is_begun and _begins(word, CONTENTS)):
            *first, last = CONTENTS
            return f"has: takes {', '.join(first)} or {last}, not “{shown}”."
        case "is" if word not in STATES and not (is_begun and _begins(word, STATES)):
            return f"is: takes {', '.join(STATES[:-1])} or {STATES[-1]}, not “{shown}”."
        case "before" | "after" if not _is_day(db, word) and not (is_begun and _is_begun_day(word)):
            return f"{name}: takes {DAYS}, not “{shown}”."
        case "tag" if _is_text(db, f"#{value}"):
            return f"There is no tag #{shown}{_known_tags(db)}"
        case "from" if known_origin(db, name, value) is None:
            known = ", ".join([OURS, *_known(db, "source")])
            return f"from: takes a program that conversations came from ({known}), not “{shown}”."
        case "in" if word != "title" and not (is_begun and "title".startswith(word)):
            if known_origin(db, name, value) is None:
                folders = ", ".join(with_tilde(each) for each in _known(db, "project"))
                known = f"a folder or project that conversations came from ({folders})" if folders else ""
                return f"in: takes title{f', or {known}' if known else ''}, not “{shown}”."
    return ""


def _begins(word: str, known: Iterable[str]) -> bool:
    return any(each.startswith(word) for each in known)


def _is_content(word: str) -> bool:
    return word in CONTENTS or word.removesuffix("s") in CONTENTS


def _is_day(db: Database, word: str) -> bool:
    return parse_operators(f"before:{word}", db.now()).are_about_messages


def _is_begun_day(word: str) -> bool:
    """Return whether a text can become a day."""
    if "today".startswith(word) or "yesterday".startswith(word):
        return True
    match = _BEGUN_DAY.fullmatch(word)
    if match is None:
        return False
    month, day = match[1] or "", match[2] or ""
    try:
        date(2024, int(month) if len(month) == 2 else 1, int(day) if len(day) == 2 else 1)
    except ValueError:
        return False
    return True


def _is_text(db: Database, piece: str) -> bool:
    """Return whether ``#name`` is no tag here, nor the beginning of one."""
    return not parse_filter(db, piece).tags and len(piece.lstrip("-")) > 1


def _known_tags(db: Database) -> str:
    rows = db.rows(
        f"""select substr(key, {len(TAG) + 1}) as name from session_settings where key >= :first and key < :end
        and value not in ('false', 'null') group by 1 order by count(*) desc, 1 limit :limit""",
        first=TAG, end=TAG_END, limit=NAMED,
    )  # fmt: skip
    names = ", ".join(f"#{one_line(str(row['name']), 40)}" for row in rows)
    return f". There are: {names}." if names else ": there are no tags yet."


def _known(db: Database, key: str) -> list[str]:
    rows = db.rows(
        "select value from session_settings where key = :key group by 1 order by count(*) desc, 1 limit :limit",
        key=key, limit=NAMED,
    )  # fmt: skip
    values = (from_json(row["value"]) for row in rows)
    return [one_line(value, 60) for value in values if isinstance(value, str)]

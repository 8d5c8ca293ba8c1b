"""Saved searches. They are preferences of the account, so that every device has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from ..conversations.saved_names import SEARCHES, saved_as, saved_searches, with_saved
from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..text import one_line, storable
from .server_profile import ServerProfile

LONGEST_NAME = 40
LONGEST = 500
"""Characters of a saved search."""
MOST = 100
MOST_BYTES = 48_000
"""Bytes of all of them as ASCII: a server takes 64 KiB of preferences at once."""
UNDO = "saved_search_changes"
"""Name of the local value with changes that can be undone, the newest last: what was saved under the names before."""
MOST_STEPS = 20

_NAME = re.compile(r"[\w.-]+")


class Saved(NamedTuple):
    """A search that was saved."""

    name: str
    before: str = ""
    """Text of the search in whose place it is; empty for none."""


@in_sentences
class SavedSearches:
    """Searches under a name: ``@work`` in the search and in the filter of the list."""

    def __init__(self, db: Database, local_state: LocalState, server_profile: ServerProfile) -> None:
        self.db = db
        self._local_state = local_state
        self._server_profile = server_profile

    def all(self) -> dict[str, str]:
        """Return their texts by name."""
        return saved_searches(self.db)

    def save(self, name: str, text: str) -> Saved:
        """Save a search, in the place of one of that name. Raises Invalid.

        Names of saved searches in the text become what they stand for, so that none stands for itself.
        """
        saved = self.all()
        text = with_saved(storable(text).strip(), saved)
        if not text:
            raise Invalid("There is nothing to save: the search is empty.")
        if len(text) > LONGEST:
            raise Invalid(f"A saved search has {LONGEST:,} characters at most.")
        name = valid_name(name)
        old = saved_as(saved, name)
        size = len(json.dumps({**saved, name: text}))
        if (old is None and len(saved) >= MOST) or size > MOST_BYTES:
            raise Invalid("No more searches can be saved. Delete one first.")
        self._change({**({old: None} if old else {}), name: text}, saved)
        before = saved[old] if old is not None else ""
        return Saved(name, before if before != text else "")

    def rename(self, name: str, new: str) -> str:
        """Give a search another name, and return that. Raises NotFound, and Invalid for a name that another one has."""
        saved, new = self.all(), valid_name(new)
        old = self._named(saved, name)
        if (other := saved_as(saved, new)) is not None and other != old:
            raise Invalid(f"Another search has the name @{other}. Delete it first, or use another name.")
        self._change({old: None, new: saved[old]}, saved)
        return new

    def delete(self, name: str) -> str:
        """Delete a search, and return its name as it was given. Raises NotFound."""
        saved = self.all()
        old = self._named(saved, name)
        self._change({old: None}, saved)
        return old

    def undo(self) -> list[str]:
        """Take the last change back; return the names that it was about, none where there is nothing to undo."""
        steps = self._local_state.get(UNDO)
        if not isinstance(steps, list) or not steps or not isinstance(steps[-1], dict):
            return []
        with self.db.write():
            self._local_state.set(UNDO, steps[:-1] or None)
            self._server_profile.change_preferences("ui", {SEARCHES: steps[-1]})
        return list(steps[-1])

    def _change(self, values: Mapping[str, str | None], saved: Mapping[str, str]) -> None:
        steps = self._local_state.get(UNDO)
        before = {name: saved.get(name) for name in values}
        if before == values:
            return
        with self.db.write():
            kept = steps[1 - MOST_STEPS :] if isinstance(steps, list) else []
            self._local_state.set(UNDO, [*kept, before])
            done = self._server_profile.change_preferences("ui", {SEARCHES: dict(values)})
            if not done["success"]:
                raise Invalid(f"{done['error']}.")

    @staticmethod
    def _named(saved: Mapping[str, str], name: str) -> str:
        old = saved_as(saved, name.strip().removeprefix("@"))
        if old is None:
            names = ", ".join(f"@{each}" for each in list(saved)[:10])
            known = f"There are: {names}." if saved else "None is saved yet."
            raise NotFound(f"There is no saved search @{one_line(name.removeprefix('@'), LONGEST_NAME)}. {known}")
        return old


def valid_name(name: str) -> str:
    """Return a name without the ``@`` in front. Raises Invalid."""
    name = storable(name).strip().removeprefix("@")
    if len(name) > LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise Invalid(f"A name has up to {LONGEST_NAME} letters, digits, points, - and _, and no spaces.")
    return name

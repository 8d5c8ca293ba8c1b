"""Branches of a conversation as a list to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import to_json
from .conversations import text_of
from .message_tree import ROOT
from .shown_branch import ShownBranch

PROMPT_LENGTH = 300
"""Most characters of a prompt in the list."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a conversation, as a list of them shows it."""

    end: str
    """Id of its last message."""
    at: str
    """Time of that message."""
    prompt: str
    """Beginning of the last message of the person on it."""
    messages: int
    """Messages from the beginning of the conversation to the end of the branch."""
    is_shown: bool
    model: str = ""
    """Model of the last message, where that is a reply: it tells versions from each other."""


@in_sentences
class BranchOverview:
    """Ends of branches, with what tells them apart. It reads the tree once, however many branches there are."""

    def __init__(self, db: Database, shown_branch: ShownBranch) -> None:
        self.db = db
        self._shown_branch = shown_branch

    def of(self, session_id: str) -> list[Branch]:
        """Return the branches of a conversation, the newest first."""
        parents = self._shown_branch.tree(session_id).parents
        rows = {
            row["id"]: row
            for row in self.db.rows(
                "select id, role, model, message_timestamp from chat_messages where session_id = :id", id=session_id
            )
        }
        counts, prompts = {ROOT: 0}, {ROOT: ROOT}
        for id_, parent in parents.items():  # a parent comes before its children
            counts[id_] = counts[parent] + 1
            prompts[id_] = id_ if rows[id_]["role"] == "user" else prompts[parent]
        ends = sorted(parents.keys() - set(parents.values()), key=lambda id_: (rows[id_]["message_timestamp"], id_))
        texts = self._texts({prompts[end] for end in ends})
        shown = self._shown_branch.leaf(session_id)
        return [
            Branch(
                end,
                rows[end]["message_timestamp"],
                texts.get(prompts[end], ""),
                counts[end],
                end == shown,
                (rows[end]["model"] or "") if rows[end]["role"] == "assistant" else "",
            )
            for end in reversed(ends)
        ]

    def _texts(self, ids: set[str]) -> dict[str, str]:
        rows = self.db.rows(
            """select id, substr(content, 1, :length) as text from chat_messages
            where id in (select value from json_each(:ids))""",
            length=PROMPT_LENGTH,
            ids=to_json(sorted(ids)),
        )
        return {row["id"]: text_of(row["text"]) for row in rows}

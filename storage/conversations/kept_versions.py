"""Versions of replies that an earlier Sterna kept in the trash, brought back as messages beside the shown reply."""

from __future__ import annotations

from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from .shown_branch import ShownBranch
from .trash import Trash
from .trash_outbox import TrashOutbox
from .trash_rows import TrashRows

_KEPT = """
select t.token, t.at, r.thing as id, m.session_id, m.id as prompt
from trash as t
join trash_rows as r on r.token = t.token and r.place = 'chat_messages'
join chat_messages as m on m.id = json_extract(r.content, '$.user_message_id')
    and m.session_id = json_extract(r.content, '$.session_id')
where t.kind = 'reply' and not exists (select 1 from chat_messages as c where c.id = r.thing)
order by t.token
"""


@in_sentences
class KeptVersions:
    """Versions in the trash."""

    def __init__(
        self, db: Database, shown_branch: ShownBranch, trash: Trash, trash_outbox: TrashOutbox, trash_rows: TrashRows
    ) -> None:
        self.db = db
        self._shown_branch = shown_branch
        self._trash = trash
        self._trash_outbox = trash_outbox
        self._trash_rows = trash_rows

    def bring_back(self) -> None:
        """Make them messages, if their conversation and their prompt are there. What is shown stays."""
        if self.db.read_only is not None or self.db.one("select 1 from trash where kind = 'reply' limit 1") is None:
            return
        if not self.db.rows(_KEPT):
            return
        with self.db.write():
            for row in self.db.rows(_KEPT):
                self._bring_back(dict(row))

    def _bring_back(self, kept: dict[str, Any]) -> None:
        token, session_id = kept["token"], kept["session_id"]
        shown = self._shown_branch.leaf(session_id)
        self.db.execute(
            """update trash_rows set content = json_set(content, '$.parent_id', :prompt)
            where token = :token and place = 'chat_messages'""",
            {"token": token, "prompt": kept["prompt"]},
        )
        self._trash.restore_message(token, kept["at"])
        self._trash_outbox.note_edit("m", kept["id"], session_id)
        self.db.execute("delete from trash where token = :token", {"token": token})
        if shown is not None:
            self._shown_branch.show(shown, session_id)
        self.db.touch(session_id)

"""Visits, which are runs of this program, and the questions that were asked in them.

See docs/specification/functions.md#start-user-session and docs/specification/schema.md#table-visit-messages.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..conversations.search import Search
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import json_object, to_json
from ..records import Message

DEVICES = ("mobile", "tablet", "desktop", "terminal")
LONGEST_INFO, LONGEST_AGENT, LONGEST_TOKEN = 8192, 512, 255
IDLE_MINUTES = 30
KEPT = 5_000
"""Questions whose embedding is kept, at 1.5 kB each; that of an older one is made anew when it is needed."""
CANDIDATES = 120
"""Earlier questions with words of this one that are compared with it."""
SHORTEST = 20
"""Characters of a question; "go on" was said before, and says nothing."""
LIKE = 0.8
"""From which similarity on two questions ask nearly the same."""

Embed = Callable[[str], "array[float]"]


@dataclass(frozen=True, slots=True)
class SimilarQuestion:
    """A question that was asked before, in nearly the same words."""

    session_id: str
    message_id: str
    session_title: str
    question: str
    answer: str | None
    """None where none came."""
    similarity: float
    """Up to 1: the same words."""
    at: str


@in_sentences
class Visits:
    """The tables ``user_sessions`` and ``visit_messages``."""

    def __init__(self, db: Database, search: Search) -> None:
        self.db = db
        self._search = search

    def start_user_session(
        self,
        user_id: str,
        device_info: Mapping[str, Any] | None = None,
        session_token: str | None = None,
        *,
        session_id: str | None = None,
    ) -> dict[str, Any]:
        """Begin a visit: ``{success, session_id, started_at}``, or ``{success: False, error}``.

        One that is open under the same token is gone on with. ``session_id`` is the id that a server gave it.
        """
        info = to_json(dict(device_info or {}))
        if self.db.one("select 1 from profiles where id = :id", id=user_id) is None:
            return _refused("User not found")
        if len(info) > LONGEST_INFO:
            return _refused("device_info is larger than 8 KiB")
        if session_token is not None and not _is_token(session_token):
            return _refused("A session token has 1 to 255 printable ASCII characters")
        device = json_object(info).get("device_type")
        agent = json_object(info).get("user_agent")
        with self.db.write():
            visit = self.db.one(
                "select id, user_id, started_at, ended_at, device_info from user_sessions where session_token = :token",
                token=session_token,
            )
            if visit is not None and (visit["user_id"] != user_id or visit["ended_at"] is not None):
                return _refused("This session token cannot be used")
            if visit is None:
                values: dict[str, Any] = {
                    "user_id": user_id,
                    "device_info": info,
                    "device_type": device if device in DEVICES else None,
                    "user_agent": None if agent is None else str(agent)[:LONGEST_AGENT],
                    **dict.fromkeys(("started_at", "created_at", "updated_at"), self.db.stamp()),
                }
                values |= {"id": session_id} if session_id else {}
                values |= {"session_token": session_token} if session_token else {}
                names = ", ".join(values)
                visit = self.db.one(
                    f"insert into user_sessions ({names}) values ({', '.join(f':{name}' for name in values)})"
                    " returning id, started_at",
                    **values,
                )
                assert visit is not None
            elif device_info:
                # the visit was announced before, which says nothing of the device but its kind
                known = json_object(info) | json_object(visit["device_info"])
                self.db.execute(
                    "update user_sessions set device_info = :info where id = :id",
                    {"info": to_json(known), "id": visit["id"]},
                )
        return {"success": True, "session_id": visit["id"], "started_at": visit["started_at"]}

    def end_user_session(self, session_id: str) -> bool:
        """End a visit; False when it is none that is open."""
        with self.db.write():
            return bool(
                self.db.execute(
                    "update user_sessions set ended_at = max(:now, started_at) where id = :id and ended_at is null",
                    {"id": session_id, "now": self.db.stamp()},
                ).rowcount
            )

    def close_idle_visits(self, minutes: int = IDLE_MINUTES) -> int:
        """End the visits in which nothing has happened for so long, when something last did; how many."""
        with self.db.write():
            return self.db.execute(
                """update user_sessions
                set ended_at = max(updated_at, started_at), metadata = json_patch(metadata, '{"closed_by": "idle"}')
                where ended_at is null
                    and updated_at < strftime('%Y-%m-%dT%H:%M:%f', :now, :ago) || '000Z'""",
                {"now": self.db.stamp(), "ago": f"-{minutes:d} minutes"},
            ).rowcount

    def log_question(
        self, message: Message, session_id: str | None, embed: Embed, least: float = LIKE
    ) -> list[SimilarQuestion]:
        """Note a question of a visit with its embedding and what was asked like it before; gives the latter.

        ``session_id`` None: in no visit. Nothing is noted for a message that was deleted meanwhile.
        """
        numbers = embed(message.content)
        result = self.similar_questions(
            message.content, embed, numbers=numbers, without=message.session_id, least=least
        )
        matches = [{"question": item.question, "answer": item.answer, "similarity": item.similarity} for item in result]
        with self.db.write():
            if self.db.one("select 1 from chat_messages where id = :id", id=message.id) is not None:
                self.db.execute(
                    """insert into visit_messages (session_id, message_type, content, embedding, similar_qa_matches,
                        similarity_scores, sequence_order, message_id, created_at)
                    values (:session, 'user', '', :embedding, :matches, :scores, (
                        select coalesce(max(sequence_order), 0) + 1 from visit_messages where session_id is :session
                    ), :message, :now)""",
                    {
                        "session": session_id,
                        "embedding": _bytes(numbers),
                        "matches": to_json(matches),
                        "scores": to_json([item.similarity for item in result]),
                        "message": message.id,
                        "now": self.db.stamp(),
                    },
                )
                self.db.execute(
                    """delete from visit_messages where id in (
                        select id from visit_messages order by created_at desc, id desc limit -1 offset :kept)""",
                    {"kept": KEPT},
                )
        return result

    def similar_questions(
        self,
        text: str,
        embed: Embed,
        *,
        numbers: Sequence[float] | None = None,
        without: str = "",
        limit: int = 3,
        least: float = LIKE,
    ) -> list[SimilarQuestion]:
        """Return the most similar earlier questions, best first, one for a conversation; none of ``without``.

        The full-text index finds those that share words with it; their embeddings, kept or made now, put them in order.
        """
        request = numbers if numbers is not None else embed(text)
        if len(text.strip()) < SHORTEST or not any(request):
            return []
        result: list[tuple[float, dict[str, Any]]] = []
        for row in self._sharing_words(text, without):
            stored = row["embedding"]
            other = _numbers(stored) if stored is not None else embed(row["content"])
            likeness = sum(a * b for a, b in zip(request, other, strict=True))
            if likeness >= least:
                result.append((likeness, row))
        result.sort(key=lambda item: (-item[0], item[1]["at"]))
        once = {row["session_id"]: (likeness, row) for likeness, row in reversed(result)}
        best = sorted(once.values(), key=lambda item: -item[0])[:limit]
        return [
            SimilarQuestion(
                row["session_id"], row["id"], row["title"], row["content"], self._answer(row["id"]),
                round(likeness, 4), row["at"],
            )
            for likeness, row in best
        ]  # fmt: skip

    def _sharing_words(self, text: str, without: str) -> list[dict[str, Any]]:
        ids = self._search.questions_with_words(text, CANDIDATES)
        rows = self.db.rows(
            """select m.id, m.session_id, s.title, m.content, m.message_timestamp as at, v.embedding
            from json_each(:ids) as wanted
            join chat_messages as m on m.id = wanted.value
            join chat_sessions as s on s.id = m.session_id
            left join visit_messages as v on v.message_id = m.id
            where m.session_id <> :without""",
            ids=to_json(ids),
            without=without,
        )
        return [dict(row) for row in rows]

    def _answer(self, question_id: str) -> str | None:
        row = self.db.one(
            """select content from chat_messages
            where user_message_id = :id and role = 'assistant' and error_message is null and content <> ''
            order by message_timestamp limit 1""",
            id=question_id,
        )
        return None if row is None else row["content"]


def _bytes(numbers: Sequence[float]) -> bytes:
    packed = array("f", numbers)
    if packed.itemsize != 4:
        raise OverflowError("a float is not four bytes here")
    return _little(packed).tobytes()


def _numbers(stored: bytes) -> array[float]:
    packed = array("f")
    packed.frombytes(stored)
    return _little(packed)


def _little(packed: array[float]) -> array[float]:
    from sys import byteorder

    if byteorder == "big":
        packed.byteswap()
    return packed


def _is_token(token: str) -> bool:
    return 1 <= len(token) <= LONGEST_TOKEN and all("!" <= letter <= "~" for letter in token)


def _refused(error: str) -> dict[str, Any]:
    return {"success": False, "error": error}
